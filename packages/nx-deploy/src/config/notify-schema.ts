/** The part of deploy.json's schema for who is told of a deploy. */
import * as z from 'zod';
import { NOTICE_KINDS } from '../notifications/notice.js';
import { unknownPlaceholders } from '../notifications/template.js';
import { argv, duration, ENV_NAME, HOST_PATTERN, name, section, text, whole } from './values.js';

export const DEFAULT_ON = ['success', 'failure', 'rollback', 'watch-rollback', 'approval'] as const;
export const DEFAULT_SEND_TIMEOUT = '10s';
export const DEFAULT_SECURITY = 'starttls';

/** Values of these keys may be secrets that do not belong there: problems do not show them. */
export const SECRET_KEYS: ReadonlySet<string> = new Set(['webhook', 'secret', 'password', 'token']);

const variable = (description: string, example: string) => text(ENV_NAME, 'the name of an environment variable, never the secret itself', { description, examples: [example] });
const kindError = `must be one of ${NOTICE_KINDS.map((kind) => `"${kind}"`).join(', ')}`;
const kind = z.enum(NOTICE_KINDS, { error: kindError });
const templateError = 'must be a text of at most 2000 characters';
const template = z.string({ error: templateError }).min(1, { error: templateError }).max(2_000, { error: templateError })
  .superRefine((given, context) => {
    for (const unknown of unknownPlaceholders(given)) context.addIssue({ code: 'custom', message: `must hold no {${unknown}}, which is no placeholder` });
  });

const shared = {
  on: z.array(kind, { error: 'must be a list of events' }).min(1, { error: 'must have at least one event' })
    .meta({ description: 'Events that it is told.', default: [...DEFAULT_ON], examples: [['failure', 'watch-rollback']] }).optional(),
  level: whole(1, 4, { description: '1: at once; 2, 3, 4: only once the service has failed for 15, 30, 60 minutes.', default: 1, examples: [3] }).optional(),
  templates: section(Object.fromEntries(NOTICE_KINDS.map((each) => [each, template.meta({ description: `Text of ${each}, with {placeholders}.`, examples: ['{service}: {reason}'] }).optional()])) as Record<(typeof NOTICE_KINDS)[number], z.ZodOptional<typeof template>>)
    .meta({ description: 'Texts with {placeholders}, by event.', examples: [{ failure: '{service} {version}: {reason}' }] }).optional(),
  timeout: duration(100, { description: 'How long one notification may take, all tries together.', default: DEFAULT_SEND_TIMEOUT }).optional(),
};

const urlError = 'must be a URL that begins with "http://" or "https://", without user and password';
const MAIL = '^[^\\s@<>,;"\\u0000-\\u001f\\u007f]{1,64}@[A-Za-z0-9.-]{1,253}$';
const address = (description: string) => text(MAIL, 'an e-mail address', { description, examples: ['deploys@example.com'] });
const channelError = 'must be "slack", "email", "webhook" or "command"';

const channel = z.discriminatedUnion('type', [
  section({
    type: z.literal('slack').meta({ description: 'An incoming webhook of Slack.' }),
    webhook: variable('Name of the variable with the webhook\'s URL.', 'SLACK_WEBHOOK_URL'),
    ...shared,
  }),
  section({
    type: z.literal('webhook').meta({ description: 'A POST with the event as JSON.' }),
    url: z.string({ error: urlError }).regex(/^https?:\/\/(?![!-~]*@)[!-~]+$/, { error: urlError }).meta({ description: 'Where it goes.', examples: ['https://hooks.example.com/deploys'] }),
    secret: variable('Name of the variable with the key of the signature; without one it is not signed.', 'DEPLOY_HOOK_SECRET').optional(),
    ...shared,
  }),
  section({
    type: z.literal('email').meta({ description: 'An e-mail by SMTP; needs nodemailer in the workspace.' }),
    host: text(HOST_PATTERN, 'a host name', { description: 'The SMTP server.', examples: ['smtp.example.com'] }),
    port: whole(1, 65_535, { description: 'Its port; default: 587, with tls 465, with none 25.', examples: [2525] }).optional(),
    security: z.enum(['starttls', 'tls', 'none'], { error: 'must be "starttls", "tls" or "none"' })
      .meta({ description: 'starttls: nothing is said before it is encrypted. tls: from the first byte. none: not at all.', default: DEFAULT_SECURITY }).optional(),
    user: text('^[!-~]{1,320}$', 'a user name in printable ASCII', { description: 'User name at the server.', examples: ['deploys'] }).optional(),
    password: variable('Name of the variable with the password of the user.', 'SMTP_PASSWORD').optional(),
    from: address('Who sends it.'),
    to: z.array(address('Who gets it.'), { error: 'must be a list of e-mail addresses' }).min(1, { error: 'must have at least one address' }).meta({ description: 'Who gets it.', examples: [['team@example.com']] }),
    ...shared,
  }),
  section({
    type: z.literal('command').meta({ description: 'A command that gets the event as JSON by its standard input.' }),
    run: argv({ description: 'The command as a list of words, run in the project folder without a shell.', examples: [['node', 'notify.js']] }),
    env: z.array(text(ENV_NAME, 'the name of an environment variable', { description: 'Name of a variable.' }), { error: 'must be a list of variable names' })
      .meta({ description: 'Variables of the command\'s own environment that it sees; all must be set.', default: [], examples: [['PAGER_KEY']] }).optional(),
    ...shared,
  }),
], { error: channelError });

export const notifications = z.record(name({ description: 'Name of the channel.' }), channel, { error: 'must be an object of channels by name' })
  .meta({ description: 'Who is told of deploys and rollbacks.', examples: [{ team: { type: 'slack', webhook: 'SLACK_WEBHOOK_URL' } }] });

export type NotificationsConfig = z.output<typeof notifications>;
