/** The keys of deploy.json that belong to one platform: what docker makes of them, and what is wrong with them on another one. */
import { parseDuration, type ContainerSpec } from '../model/index.js';
import type { Complain } from './artifact-path.js';
import { ROUTER_IMAGE, type ContainerConfig } from './docker-schema.js';
import type { EnginePlace, PlatformOption, ResolvedEnvironment } from './resolved.js';
import type { Defaults, DeployConfig, EnvironmentConfig } from './schema.js';

type PlatformConfig = NonNullable<EnvironmentConfig['platform']>;

export function platformOf(given: PlatformConfig = 'local'): PlatformOption {
  const { type, ...rest } = typeof given === 'string' ? { type: given } : given;
  return type === 'docker' ? { type, place: placeOf(rest) } : { type };
}

function placeOf({ engine = 'docker', context, router = {} }: Partial<Omit<Extract<PlatformConfig, { type: 'docker' }>, 'type'>>): EnginePlace {
  return { program: engine, ...(context === undefined ? {} : { context }), router: { image: router.image ?? ROUTER_IMAGE, network: router.network ?? 'host' } };
}

/** `levels`: nearest last. They are joined key by key. */
export function containerOf(levels: readonly (ContainerConfig | undefined)[]): ContainerSpec {
  const given = levels.reduce<ContainerConfig>((joined, level) => ({ ...joined, ...level }), {});
  const { driver = 'json-file', options } = given.log ?? {};
  return {
    readOnly: given.readOnly ?? true,
    ...(given.user === undefined ? {} : { user: given.user }),
    capabilities: (given.capabilities ?? []).map((name) => name.replace(/^CAP_/, '')),
    mounts: (given.mounts ?? []).map(({ readOnly = false, ...mount }) => ({ ...mount, readOnly })),
    tmpfs: given.tmpfs ?? ['/tmp'], networks: given.networks ?? [], hosts: given.hosts ?? {}, restart: given.restart ?? 'unless-stopped',
    // An engine keeps json-file for good unless it is told otherwise, and fills its disk with it.
    log: { driver, options: options ?? (ROTATING.includes(driver) ? { 'max-size': '10m', 'max-file': '3' } : {}) },
    ...(given.release === undefined ? {} : { release: { command: given.release.command, timeout: parseDuration(given.release.timeout ?? '5m') ?? 0 } }),
  };
}

const ROTATING = ['json-file', 'local'];

/** Tells what an environment has that its platform does not take. */
export function checkPlatform(resolved: Pick<ResolvedEnvironment, 'platform' | 'environment' | 'listen'>, file: DeployConfig, defaults: Defaults, complain: Complain): void {
  const at = ['environments', resolved.environment];
  if (resolved.platform.type === 'docker') {
    const { type } = file.artifact;
    if (type !== 'image') complain([...at, 'platform'], `must be "local" for an artifact of the type "${type}": docker runs images; set "artifact.type" to "image", which build-image makes of the same files`);
    if (resolved.listen.port === undefined) complain([...at, 'listen'], 'must have a "port" on docker, which picks none by itself');
    return;
  }
  const own = file.environments[resolved.environment];
  for (const key of containerKeys(own ?? {})) complain([...at, ...key], foreign(key));
  for (const key of ['path', 'certificate'] as const) {
    if (typeof own?.listen === 'object' && own.listen[key] !== undefined) complain([...at, 'listen', key], foreign(['listen', key]));
  }
  // At the top they are for those environments that are on docker.
  if (onDocker(file, defaults)) return;
  for (const key of containerKeys(file)) complain(key, foreign(key));
}

/** Has a deploy.json an environment on docker? */
export function onDocker({ environments }: Pick<DeployConfig, 'environments'>, defaults: Pick<Defaults, 'platform'>): boolean {
  return Object.values(environments).some(({ platform }) => platformOf(platform ?? defaults.platform).type === 'docker');
}

function containerKeys({ container, limits }: Pick<EnvironmentConfig, 'container' | 'limits'>): readonly (readonly string[])[] {
  return [
    ...(container === undefined ? [] : [['container']]),
    ...(['cpu', 'pids'] as const).filter((key) => limits?.[key] !== undefined).map((key) => ['limits', key]),
  ];
}

function foreign(key: readonly string[]): string {
  const instead = key[0] === 'listen' ? 'its router has neither paths nor TLS' : 'it runs processes of this machine, not containers';
  return `must not stand here: only docker takes it, and this is on local; ${instead}. Leave it out, or set "platform" to "docker"`;
}
