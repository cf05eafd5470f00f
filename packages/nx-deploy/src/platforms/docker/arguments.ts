/** Command lines for an engine's client: pure arrays of words, none of which any shell reads. */
import type { ContainerSpec, Limits, Release } from '../../model/index.js';
import type { ServiceKey } from '../../releases/index.js';
import { containerName, labelArguments } from './labels.js';

/** One instance that is to be started. */
export interface InstanceOrder {
  readonly key: ServiceKey;
  readonly release: Release;
  readonly process: string;
  /** Counts from 1. */
  readonly slot: number;
  readonly network: string;
  /** On that network; undefined for a process that nobody connects to. */
  readonly address?: string;
  /** Of its network card; default whatever the engine gives it. */
  readonly mac?: string;
}

/** What the containers of an artifact that says nothing of its own get. */
export const CONTAINER_DEFAULTS: ContainerSpec = {
  readOnly: true, capabilities: [], mounts: [], tmpfs: ['/tmp'], networks: [], hosts: {}, restart: 'unless-stopped', log: { driver: 'json-file', options: { 'max-size': '10m', 'max-file': '3' } },
};
/** A service that forks without end takes the engine's machine with it otherwise. */
const PIDS = 4_096;

export function instanceName({ key, release, process, slot }: Pick<InstanceOrder, 'key' | 'release' | 'process' | 'slot'>): string {
  return `${containerName(key, 'instance')}-${release.id}-${process}-${slot}`;
}

/** The image of a release on the engine. The engine's own garbage collection leaves what has a tag alone. */
export function imageTag(key: ServiceKey, release: string): string {
  return `${containerName(key, 'instance')}:${release}`;
}

/** Facts of the instance that it may read, as on every platform. */
export function instanceVariables({ key, release, process, slot }: Pick<InstanceOrder, 'key' | 'release' | 'process' | 'slot'>): Readonly<Record<string, string>> {
  return {
    PORT: String(release.spec.port), HOST: '0.0.0.0', NX_DEPLOY_SERVICE: key.service, NX_DEPLOY_ENVIRONMENT: key.environment, NX_DEPLOY_RELEASE: release.id,
    NX_DEPLOY_INSTANCE: `${process}.${slot}`,
    ...(release.manifest?.version === undefined ? {} : { NX_DEPLOY_VERSION: release.manifest.version }),
    ...(release.manifest?.commit === undefined ? {} : { NX_DEPLOY_COMMIT: release.manifest.commit }),
  };
}

/** `environment`: arguments that hand over the variables, none with a value. */
export function startArguments(order: InstanceOrder, environment: readonly string[]): readonly string[] {
  const { key, release, process, slot, network, address, mac } = order;
  const { spec } = release;
  const container = spec.container ?? CONTAINER_DEFAULTS;
  const facts = { release: release.id, process, slot: String(slot), port: String(spec.port), ...(address === undefined ? {} : { address }) };
  return [
    'run', '--detach', '--init', '--pull=never', `--name=${instanceName(order)}`, ...labelArguments(key, 'instance', facts),
    `--network=${network}`, ...(address === undefined ? [] : [`--ip=${address}`]), ...(mac === undefined ? [] : [`--mac-address=${mac}`]), `--restart=${container.restart}`,
    `--stop-timeout=${seconds(spec.stopTimeout)}`, ...hardened(container), ...limited(spec.limits), ...logged(container), ...environment,
    ...imageAndCommand(imageTag(key, release.id), spec.processes[process]?.command ?? []),
  ];
}

/** Makes a container that runs once and is gone: a migration, say. */
export function onceArguments(order: Pick<InstanceOrder, 'key' | 'release' | 'network'>, name: string, environment: readonly string[], command: readonly string[]): readonly string[] {
  const { key, release, network } = order;
  const container = release.spec.container ?? CONTAINER_DEFAULTS;
  return [
    'create', '--rm', '--init', '--pull=never', `--name=${name}`, ...labelArguments(key, 'once', { release: release.id }), `--network=${network}`,
    ...hardened(container), ...limited(release.spec.limits), '--log-driver=none', ...environment, ...imageAndCommand(imageTag(key, release.id), command),
  ];
}

/** A command takes the place of the image's entrypoint: it would be appended to that, which may well be the service itself. */
function imageAndCommand(image: string, [program, ...words]: readonly string[]): readonly string[] {
  return program === undefined ? [image] : [`--entrypoint=${program}`, image, ...words];
}

/** The networks beside the first can be joined only once the container is there. */
export function furtherNetworks({ release }: Pick<InstanceOrder, 'release'>): readonly string[] {
  return release.spec.container?.networks ?? [];
}

function hardened({ readOnly, user, capabilities, mounts, tmpfs, hosts }: ContainerSpec): readonly string[] {
  return [
    ...(readOnly ? ['--read-only'] : []), '--cap-drop=ALL', ...capabilities.map((name) => `--cap-add=${name}`), '--security-opt=no-new-privileges',
    ...(user === undefined ? [] : [`--user=${user}`]), ...tmpfs.map((folder) => `--tmpfs=${folder}`), ...mounts.map(mountArgument),
    ...Object.entries(hosts).map(([host, address]) => `--add-host=${host}:${address}`),
  ];
}

/** `--mount` takes CSV: a source with a comma or a quotation mark is quoted as there (RFC 4180). */
function mountArgument({ source, target, readOnly }: ContainerSpec['mounts'][number]): string {
  const fields = [`type=${source.startsWith('/') ? 'bind' : 'volume'}`, `source=${source}`, `target=${target}`, ...(readOnly ? ['readonly'] : [])];
  return `--mount=${fields.map((field) => (/[",\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)).join(',')}`;
}

function limited({ memory, cpu, pids }: Limits): readonly string[] {
  return [
    ...(memory === undefined ? [] : [`--memory=${memory}`, `--memory-swap=${memory}`]), ...(cpu === undefined ? [] : [`--cpus=${cpu}`]), `--pids-limit=${pids ?? PIDS}`,
  ];
}

function logged({ log }: ContainerSpec): readonly string[] {
  return [`--log-driver=${log.driver}`, ...Object.entries(log.options).map(([name, value]) => `--log-opt=${name}=${value}`)];
}

/** The client takes whole seconds. */
export function seconds(ms: number): number {
  return Math.ceil(ms / 1_000);
}
