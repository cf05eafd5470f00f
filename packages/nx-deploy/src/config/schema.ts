/** deploy.json as a schema: the one source of the types, of the problems and of deploy.schema.json. */
import * as z from 'zod';
import { container, containerLimits, containerListen, dockerPlatform } from './docker-schema.js';
import { checks } from './check-schema.js';
import { artifactSchema } from './image-schema.js';
import { notifications } from './notify-schema.js';
import { verifySchema } from './package-schema.js';
import { HOOK_NAMES } from './resolved.js';
import type { HookName } from './resolved.js';
import { strategySchema } from './strategy-schema.js';
import { watchSchema } from './watch-schema.js';
import { address, argv, duration, ENV_NAME, HOST_PATTERN, name, PATH_PATTERN, PATH_RULE, section, size, text, whole } from './values.js';

/** Of the format of deploy.json. A new one comes with a migration, in ../migrations. */
export const FORMAT_VERSION = 1;

export const AVAILABLE_PLATFORMS = ['local', 'docker'] as const;

const platformError = 'must be "local" or "docker", or an object with one of them as "type"';
const platform = z.union([
  z.enum(AVAILABLE_PLATFORMS),
  z.discriminatedUnion('type', [
    section({ type: z.literal('local').meta({ description: 'Processes on this machine behind the embedded router.' }) }),
    dockerPlatform,
  ], { error: platformError }),
], { error: platformError }).meta({ description: 'Where the instances run.', default: 'local', examples: ['docker', { type: 'docker', context: 'production' }] });

const listenError = 'must be a port (1 to 65535) or an object with "port", "host" and "address"';
const listen = z.union([
  whole(1, 65_535, { description: 'Public port on 127.0.0.1.' }),
  section({
    port: whole(1, 65_535, { description: 'Public port. Left out, local picks one and keeps it; docker needs it.', examples: [8080] }).optional(),
    host: text(HOST_PATTERN, 'a host name like "api.example.com", without scheme and port', {
      description: 'Only requests for this host name; several services may share a port by it.', examples: ['api.example.com'],
    }).optional(),
    address: address({ description: 'IP address to bind; "0.0.0.0" opens the port to every network.', default: '127.0.0.1', examples: ['0.0.0.0'] }).optional(),
    ...containerListen,
  }),
], { error: listenError }).meta({ description: 'Where the public reaches the service.', examples: [8080, { port: 8080, host: 'api.localhost' }] });

const health = section({
  path: text(PATH_PATTERN, PATH_RULE, { description: 'Path that answers 2xx when an instance is ready.', default: '/health', examples: ['/ready'] }).optional(),
  timeout: duration(100, { description: 'How long an instance may take to become ready.', default: '60s' }).optional(),
  interval: duration(10, { description: 'Pause between two checks.', default: '500ms' }).optional(),
  passes: whole(1, 100, { description: 'Consecutive passes that count as ready.', default: 2 }).optional(),
}).meta({ description: 'When an instance counts as ready.' });

const limits = section({
  memory: size({ description: 'Resident memory of an instance with all its children; above it the instance is killed and started again.', examples: ['512MB', '1GiB'] }).optional(),
  ...containerLimits,
}).meta({ description: 'What an instance may use.' });

const hookError = 'must be a command as a list of words, or an object with "run"';
const hook = z.union([
  argv({ description: 'A command without a shell, run in the project folder.', examples: [['node', 'migrate.js']] }),
  section({
    run: argv({ description: 'The command as a list of words.', examples: [['node', 'migrate.js']] }),
    env: z.array(text(ENV_NAME, 'the name of an environment variable', { description: 'Name of a variable.' }), { error: 'must be a list of variable names' })
      .meta({ description: 'Variables of the command\'s own environment that the hook may see.', default: [], examples: [['DATABASE_URL']] }).optional(),
    timeout: duration(100, { description: 'How long the hook may run.', default: '5m' }).optional(),
  }),
], { error: hookError });

const HOOK_TEXT: Readonly<Record<HookName, string>> = {
  preDeploy: 'Before anything changes; a failure stops the deploy. Runs at least once.',
  postDeploy: 'After the new release carries the traffic. Runs at least once.',
  preRollback: 'Before a rollback changes anything; a failure stops it. Runs at least once.',
  postRollback: 'After a rollback. Runs at least once.',
};
const hookList = z.array(hook, { error: 'must be a list of commands' });
type HookShape = Record<HookName, z.ZodOptional<typeof hookList>>;
const hooks = section(Object.fromEntries(HOOK_NAMES.map((key) => [key, hookList.meta({ description: HOOK_TEXT[key] }).optional()])) as HookShape)
  .meta({ description: 'Commands that run around a deploy or a rollback, with its facts in NX_DEPLOY_* variables.', examples: [{ preDeploy: [['node', 'migrate.js']] }] });

const processes = z.record(name({ description: 'Name of the process.' }), section({
  command: argv({ description: 'The command as a list of words, run in the artifact folder.', examples: [['node', 'worker.js']] }).optional(),
  instances: whole(0, 1000, { description: 'How many run.', default: 1 }).optional(),
  early: z.boolean({ error: 'must be true or false' }).meta({ description: 'Start with the first instances of a release instead of at its switch.', default: false }).optional(),
  exclusive: z.boolean({ error: 'must be true or false' }).meta({ description: 'Never run in two releases at once: the one of the release before ends first, as a scheduler of jobs wants it. Not together with early.', default: false }).optional(),
}), { error: 'must be an object of processes by name' })
  .meta({ description: 'Processes beside web, which gets the traffic and is set by "command" and "instances".', examples: [{ worker: { command: ['node', 'worker.js'], instances: 2 } }] });

const preflightError = 'must be false, or an object with "file", "tags" and "only"';
const names = (what: string) => z.array(z.string({ error: `must be the name of a ${what}` }).min(1, { error: `must be the name of a ${what}` }).meta({ description: `Name of a ${what}.` }), { error: `must be a list of names of ${what}s` });
const preflight = z.union([
  z.literal(false),
  section({
    file: text('^[^\\0\\r\\n]+$', 'a path', { description: 'File with the checks, relative to the project.', default: 'health.json', examples: ['checks.json'] }).optional(),
    tags: names('tag').meta({ description: 'Checks that have one of these tags. Without tags and only: all.', default: [], examples: [['preflight']] }).optional(),
    only: names('check').meta({ description: 'Checks by name, alone or beside those of tags.', default: [], examples: [['disk']] }).optional(),
  }),
], { error: preflightError }).meta({ description: 'Checks of nx-health that must pass before a deploy changes anything; false: none.', examples: [{ tags: ['preflight'] }] });

/** What may stand at the top, in an environment, and among the workspace's defaults; the nearest wins. */
const shared = {
  port: whole(0, 65_535, { description: 'The service\'s own port; 0: on local each instance gets a port of its own by the variable PORT, on docker it is the one that the image exposes.', default: 0, examples: [3000] }).optional(),
  health: health.optional(),
  drain: duration(0, { description: 'How long requests in flight may take before an instance stops.', default: '30s' }).optional(),
  stopTimeout: duration(0, { description: 'From SIGTERM to SIGKILL.', default: '10s' }).optional(),
  limits: limits.optional(),
  container: container.optional(),
  strategy: strategySchema.optional(),
  processes: processes.optional(),
  hooks: hooks.optional(),
  preflight: preflight.optional(),
  deadline: duration(1_000, { description: 'How long the whole deploy may take before it is taken back; default: 20m and the soaks of the strategy, those with limits twice.', default: '20m' }).optional(),
  verify: verifySchema.optional(),
  checks: checks.optional(),
  watch: watchSchema.optional(),
  notifications: notifications.optional(),
  keep: whole(1, 1000, { description: 'Releases that are kept for a rollback.', default: 5 }).optional(),
};

const placed = {
  platform: platform.optional(),
  instances: whole(1, 1000, { description: 'Instances of web.', default: 1, examples: [2] }).optional(),
};

export const environmentSchema = section({
  ...placed,
  listen: listen.optional(),
  ...shared,
}).meta({ description: 'One place to deploy to. Keys that also stand at the top win over them here.' });

/** Workspace-wide defaults: `defaults` of the plugin's options in nx.json. */
export const defaultsSchema = section({ ...placed, ...shared });

export const deploySchema = section({
  $schema: z.string({ error: 'must be text' }).meta({ description: 'Where editors find the schema.' }).optional(),
  version: z.literal(FORMAT_VERSION, { error: `must be ${FORMAT_VERSION}` }).meta({ description: 'Version of the format of this file; nx migrate brings it up to date.', default: FORMAT_VERSION }).optional(),
  service: name({ description: 'Name of the service; default: the project\'s name, made safe (@org/api becomes org-api).', examples: ['api'] }).optional(),
  artifact: artifactSchema,
  after: z.array(z.string({ error: 'must be the name of a project' }).regex(/^[^\s!*:{}]+$/, { error: 'must be the name of a project' }).meta({ description: 'Name of a project.' }), { error: 'must be a list of projects' })
    .meta({ description: 'Projects that are deployed before this one, with the same options, when Nx runs its deploy.', default: [], examples: [['api']] }).optional(),
  command: argv({ description: 'What starts an instance of web, in the artifact folder; default: node and the entry.', examples: [['node', '--enable-source-maps', 'main.js']] }).optional(),
  ...shared,
  environments: z.record(name({ description: 'Name of the environment.' }), environmentSchema, { error: 'must be an object of environments by name' })
    .refine((environments) => Object.keys(environments).length > 0, { error: 'must have at least one environment, for example "staging"' })
    .meta({ description: 'Every environment becomes a configuration of the inferred targets.', minProperties: 1, examples: [{ staging: { instances: 2, listen: 8080 } }] }),
});

export type DeployConfig = z.output<typeof deploySchema>;
export type EnvironmentConfig = z.output<typeof environmentSchema>;
export type Defaults = z.output<typeof defaultsSchema>;
export type ListenConfig = z.output<typeof listen>;
export type HookConfig = z.output<typeof hook>;

/** Keys that stand only in an environment; at the top they are a common slip. */
export const ENVIRONMENT_ONLY = ['platform', 'instances', 'listen'] as const;

/** The schema that editors read, published as deploy.schema.json. */
export function jsonSchema(): object {
  const generated = z.toJSONSchema(deploySchema, { target: 'draft-7', io: 'input' });
  return { ...generated, title: 'deploy.json of nx-deploy', description: 'How one service is deployed, and where to.' };
}
