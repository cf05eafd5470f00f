/** What only a platform that runs containers takes: the engine with its router, and how the containers run. */
import { isIP } from 'node:net';
import * as z from 'zod';
import { list, texts } from './artifact-values.js';
import { argv, duration, section, text, whole } from './values.js';

/** Of the official image; the branch is maintained until 2029. */
export const ROUTER_IMAGE = 'haproxy:3.0';

const ABSOLUTE = '^/[^\\0,:"\\r\\n]+$';
const absolute = (description: string, examples: string[]) => text(ABSOLUTE, 'an absolute path without ",", ":" and quotes', { description, examples });
const NAME = '[A-Za-z0-9][A-Za-z0-9_.-]{0,127}';
const flag = (description: string, otherwise: boolean) => z.boolean({ error: 'must be true or false' }).meta({ description, default: otherwise });

export const dockerPlatform = section({
  type: z.literal('docker').meta({ description: 'Containers on an engine behind HAProxy.' }),
  engine: z.enum(['docker', 'podman'], { error: 'must be "docker" or "podman"' }).meta({ description: 'The program that reaches the engine.', default: 'docker' }).optional(),
  context: text('^[A-Za-z0-9][A-Za-z0-9_.+-]{0,254}$', 'the name of a context', { description: 'Context of docker, or connection of podman; default: the program\'s own choice.', examples: ['production'] }).optional(),
  router: section({
    image: text('^[!-~]{1,255}$', 'a reference of an image', { description: 'Image with HAProxy 2.6 or later.', default: ROUTER_IMAGE, examples: ['haproxy:lts'] }).optional(),
    network: z.enum(['host', 'published'], { error: 'must be "host" or "published"' })
      .meta({ description: 'host: the router has the ports of the engine\'s machine. published: it has those that its container publishes, as Docker Desktop and engines without root need it.', default: 'host' }).optional(),
  }).meta({ description: 'The router of the engine, which all services there share.', examples: [{ network: 'published' }] }).optional(),
});

const mount = section({
  source: text(`^(${NAME}|/[^\\0,:"\\r\\n]*)$`, 'the name of a volume, or an absolute path on the engine\'s machine', { description: 'Name of a volume, or an absolute path on the engine\'s machine.', examples: ['uploads', '/srv/uploads'] }),
  target: absolute('Where it is in the container.', ['/data']),
  readOnly: flag('It cannot be written.', false).optional(),
}).meta({ description: 'A folder that outlives the containers.' });

const hostError = 'must be an IP address, or "host-gateway" for the engine\'s machine';
const hosts = z.record(
  z.string({ error: 'must be a host name' }).regex(/^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/, { error: 'must be a host name' }),
  z.string({ error: hostError }).refine((given) => given === 'host-gateway' || isIP(given) !== 0, { error: hostError }),
  { error: 'must be an object of addresses by name' },
).meta({ description: 'Names with addresses, as /etc/hosts has them.', examples: [{ 'db.internal': '10.0.0.5' }] });

const log = section({
  driver: text(`^${NAME}$`, 'the name of a log driver', { description: 'Log driver of the engine. The command logs needs one that can be read: json-file, local or journald.', default: 'json-file', examples: ['journald'] }).optional(),
  options: texts('^[A-Za-z0-9][A-Za-z0-9._-]*$', 'the name of an option', 'options').meta({ description: 'Options of the driver, as texts; default for json-file and local: three files of 10 MB.', examples: [{ 'max-size': '50m', 'max-file': '5' }] }).optional(),
}).meta({ description: 'Where the engine puts what the containers write.', examples: [{ driver: 'journald' }] });

const release = section({
  command: argv({ description: 'The command as a list of words, run in a container of the new image.', examples: [['node', 'migrate.js']] }),
  timeout: duration(1_000, { description: 'How long it may take.', default: '5m' }).optional(),
}).meta({ description: 'A command that runs once in a container of the new image, with its values, before the release gets traffic; a failure stops the deploy.', examples: [{ command: ['node', 'migrate.js'] }] });

export const container = section({
  readOnly: flag('The root file system of the container cannot be written.', true).optional(),
  user: text('^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,31})?$', 'a user, or user:group', { description: 'User, or user and group, by name or number; default: that of the image.', examples: ['1000:1000'] }).optional(),
  capabilities: list(text('^(CAP_)?[A-Z][A-Z_]+$', 'a kernel capability like "NET_BIND_SERVICE"', { description: 'Name of a capability.' }), 'capabilities').meta({ description: 'Kernel capabilities that are kept; all others are dropped.', default: [], examples: [['NET_BIND_SERVICE']] }).optional(),
  mounts: list(mount, 'mounts').meta({ description: 'Folders that outlive the containers.', default: [], examples: [[{ source: 'uploads', target: '/data' }]] }).optional(),
  tmpfs: list(absolute('A folder in memory.', ['/tmp']), 'absolute paths').meta({ description: 'Folders in memory, which can be written.', default: ['/tmp'], examples: [['/tmp', '/run']] }).optional(),
  networks: list(text(`^${NAME}$`, 'the name of a network', { description: 'Name of a network.' }), 'networks').meta({ description: 'Networks of the engine that are there already, beside the one of nx-deploy.', default: [], examples: [['backend']] }).optional(),
  hosts: hosts.optional(),
  restart: z.enum(['no', 'on-failure', 'unless-stopped', 'always'], { error: 'must be "no", "on-failure", "unless-stopped" or "always"' }).meta({ description: 'When the engine starts a container again that has ended.', default: 'unless-stopped' }).optional(),
  log: log.optional(),
  release: release.optional(),
}).meta({ description: 'How the containers run; on docker alone.', examples: [{ mounts: [{ source: 'uploads', target: '/data' }] }] });

/** For containers alone. */
export const containerLimits = {
  cpu: z.number({ error: 'must be a number of processors from 0.01 to 1024' }).min(0.01, { error: 'must be a number of processors from 0.01 to 1024' }).max(1024, { error: 'must be a number of processors from 0.01 to 1024' })
    .meta({ description: 'Processors that a container may use; on docker alone.', examples: [0.5, 2] }).optional(),
  pids: whole(1, 4_194_304, { description: 'Processes and threads of a container; on docker alone.', examples: [200] }).optional(),
};

const certificateError = 'must be a file, or a list of files';
const file = text('^[^\\0]+$', 'a file', { description: 'File with certificate, chain and key.', examples: ['/etc/ssl/private/api.pem'] });

/** For routers that several services share, or that end TLS. */
export const containerListen = {
  path: text('^(/[A-Za-z0-9._~!$&()*+,;=:@%-]+)+$', 'a path that begins with "/" and does not end with one', { description: 'Only requests for this path and what lies below it; several services may share a port by it. On docker alone.', examples: ['/api'] }).optional(),
  certificate: z.union([file, list(file, 'files').min(1, { error: certificateError })], { error: certificateError })
    .meta({ description: 'Files in PEM with certificate, chain and key: the port then speaks TLS. Absolute, relative to the project, or beginning with {workspaceRoot}. On docker alone.', examples: ['/etc/ssl/private/api.pem'] }).optional(),
};

export type DockerPlatformConfig = z.output<typeof dockerPlatform>;
export type ContainerConfig = z.output<typeof container>;
