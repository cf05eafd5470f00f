/** The part of deploy.json's schema for what is asked while a release is judged. */
import * as z from 'zod';
import { argv, duration, ENV_NAME, HOST_PATTERN, name, section, text, whole } from './values.js';

export const DEFAULT_INTERVAL = '5s';
export const DEFAULT_TIMEOUT = '5s';
export const DEFAULT_FAILURES = 3;
export const DEFAULT_ERRORS = 4;

const shared = {
  interval: duration(100, { description: 'From one question to the next.', default: DEFAULT_INTERVAL }).optional(),
  timeout: duration(100, { description: 'How long an answer may take.', default: DEFAULT_TIMEOUT }).optional(),
  failures: whole(1, 1_000, { description: 'So many bad answers since the last good one fail the release.', default: DEFAULT_FAILURES }).optional(),
  errors: whole(1, 1_000, { description: 'So many times in a row that whoever knows could not be asked are told; a release does not pass on them.', default: DEFAULT_ERRORS }).optional(),
};

const urlError = 'must be a path of the service like "/health", or a URL that begins with "http://" or "https://", without user and password';
const NO_SPACE = '[!-~]';
/** Whoever looks into a plan or a record would see a password. */
const WEB_URL = `^https?://(?!${NO_SPACE}*@)${NO_SPACE}+$`;
const url = z.string({ error: urlError }).regex(new RegExp(`^/${NO_SPACE}*$|${WEB_URL}`), { error: urlError });
const serverError = 'must be a URL that begins with "http://" or "https://", without user, password and query';
const server = z.string({ error: serverError }).regex(/^https?:\/\/[^@?#\s]+$/, { error: serverError });

const boundError = 'must be "<" or ">" and a number, for example "< 0.05"';
export const BOUND = /^([<>]) ?(-?\d{1,15}(?:\.\d{1,9})?)$/;

const kindError = 'must be "http", "tcp", "command" or "prometheus"';
const check = z.discriminatedUnion('type', [
  section({
    type: z.literal('http').meta({ description: 'A request that must succeed.' }),
    url: url.meta({ description: 'A path, which the new release itself is asked for, or a whole URL, of a service that it needs, say.', examples: ['/health', 'https://payments.example.com/health'] }),
    status: whole(100, 599, { description: 'Status that it must answer with; without one every 2xx is good. Redirects are not followed.', examples: [204] }).optional(),
    ...shared,
  }),
  section({
    type: z.literal('tcp').meta({ description: 'A port that must take connections.' }),
    host: text(HOST_PATTERN, 'a host name or an IPv4 address', { description: 'Host name or IPv4 address.', examples: ['db.internal'] }),
    port: whole(1, 65_535, { description: 'The port.', examples: [5432] }),
    ...shared,
  }),
  section({
    type: z.literal('command').meta({ description: 'A command that must exit with 0.' }),
    run: argv({ description: 'The command as a list of words, run in the project folder without a shell.', examples: [['node', 'check.js']] }),
    env: z.array(text(ENV_NAME, 'the name of an environment variable', { description: 'Name of a variable.' }), { error: 'must be a list of variable names' })
      .meta({ description: 'Variables of the command\'s own environment that it sees; all must be set.', default: [], examples: [['API_KEY']] }).optional(),
    ...shared,
  }),
  section({
    type: z.literal('prometheus').meta({ description: 'A query whose result must keep a limit.' }),
    url: server.meta({ description: 'Where the Prometheus is, or what speaks as one.', examples: ['http://prometheus.example.com:9090'] }),
    query: text('^[^\\0]{1,10000}$', 'a query of at most 10000 characters', { description: 'PromQL that gives one number.', examples: ['sum(rate(orders_failed_total[1m])) / sum(rate(orders_total[1m]))'] }),
    limit: z.string({ error: boundError }).regex(BOUND, { error: boundError }).meta({ description: 'What the number must keep.', examples: ['< 0.05', '> 10'] }),
    token: text(ENV_NAME, 'the name of an environment variable', { description: 'Name of a variable of the command\'s own environment with a bearer token.', examples: ['PROMETHEUS_TOKEN'] }).optional(),
    ...shared,
  }),
], { error: kindError });

export const checks = z.record(name({ description: 'Name of the check.' }), check, { error: 'must be an object of checks by name' })
  .meta({ description: 'What is asked while a release is judged: by soaks and watches that name it.', examples: [{ orders: { type: 'http', url: '/health/orders' } }] });

export function checkNames(described: string) {
  return z.array(name({ description: 'Name of a check.' }), { error: 'must be a list of names of checks' }).meta({ description: described, default: [], examples: [['orders']] }).optional();
}

export type ChecksConfig = z.output<typeof checks>;
