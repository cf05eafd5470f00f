/** What an engine runs: the configuration of the base with ours on it. Pure; only what the input decides stands in it. */
import type { LayerKind } from '../../builder.js';
import type { OciImage } from '../../../config/resolved.js';
import type { Digest, ImageConfig } from '../../oci.js';
import type { BaseConfig } from './base-config.js';

export interface ConfigInput {
  readonly base: { readonly config: BaseConfig; readonly digest: Digest; readonly name?: string };
  readonly options: Pick<OciImage, 'user' | 'port' | 'env' | 'labels' | 'command'>;
  /** Absolute in the image. */
  readonly workingDirectory: string;
  /** Relative to it. */
  readonly entry: string;
  /** Those that lie on the base, the lowest first. */
  readonly layers: readonly { readonly kind: LayerKind; readonly diffId: Digest; readonly reason: string }[];
  readonly projectName: string;
  /** Names of variables that the service's schema knows; never values. */
  readonly variables: readonly string[];
  /** Of everything, in s since 1970. */
  readonly time: number;
}

/** Labels that are this builder's own. */
export const OWN_LABELS = 'io.nx-deploy.';
export const BASE_LABELS = 'org.opencontainers.image.base.';

type History = NonNullable<ImageConfig['history']>;

/**
 * Kept of the base: its variables, labels and volumes. Not kept: its Cmd and Entrypoint, as another program runs; its health check, as the path and the port of ours are only
 * known where it is deployed; its ONBUILD lines, as they are for a Dockerfile.
 */
export function imageConfig(input: ConfigInput): ImageConfig {
  const { base, options, workingDirectory, entry, layers, time } = input;
  const { os, architecture, variant, rootfs, config } = base.config;
  const created = isoTime(time);
  return {
    os, architecture, ...(variant === undefined ? {} : { variant }), created,
    config: {
      User: options.user,
      ExposedPorts: { [`${options.port}/tcp`]: {} },
      Env: mergedEnv(config.Env ?? [], { NODE_ENV: 'production', PORT: String(options.port), ...options.env }),
      Entrypoint: options.command ?? ['node', entry],
      WorkingDir: workingDirectory,
      Labels: labelsOf(input),
      StopSignal: 'SIGTERM',
      ...(config.Volumes === undefined ? {} : { Volumes: config.Volumes }),
    },
    rootfs: { type: 'layers', diff_ids: [...rootfs.diff_ids, ...layers.map(({ diffId }) => diffId)] },
    history: [...baseHistory(base.config), ...layers.map(({ kind, reason }) => ({ created, created_by: `nx-deploy: ${kind}`, comment: reason }))],
  };
}

/** Annotations of the manifest that tools look at to see whether the base has become old (OCI image specification, annotations.md). */
export function baseFacts({ digest, name }: ConfigInput['base']): Readonly<Record<string, string>> {
  return { [`${BASE_LABELS}digest`]: digest, ...(name === undefined ? {} : { [`${BASE_LABELS}name`]: name }) };
}

/** A variable keeps its place when its value changes, so that a reader finds those of the base first. */
function mergedEnv(base: readonly string[], own: Readonly<Record<string, string>>): readonly string[] {
  const rest = new Map(Object.entries(own));
  const kept: string[] = [];
  const seen = new Set<string>();
  for (const pair of base) {
    const name = pair.slice(0, pair.indexOf('='));
    const value = rest.get(name);
    rest.delete(name);
    if (value === undefined && !seen.has(name)) kept.push(pair);
    else if (value !== undefined) kept.push(`${name}=${value}`);
    seen.add(name);
  }
  return [...kept, ...[...rest].map(([name, value]) => `${name}=${value}`)];
}

/** What the base says of itself stays, as with a Dockerfile; but what only its builder could know of it does not become true of ours. */
function labelsOf({ base, options, projectName, variables }: ConfigInput): Readonly<Record<string, string>> {
  const inherited = Object.entries(base.config.config.Labels ?? {}).filter(([name]) => !isReserved(name));
  return Object.fromEntries([
    ...inherited, ...Object.entries(options.labels), ...Object.entries(baseFacts(base)),
    [`${OWN_LABELS}project`, projectName],
    ...(variables.length === 0 ? [] : [[`${OWN_LABELS}environment`, [...variables].sort().join(',')] as const]),
  ]);
}

export function isReserved(label: string): boolean {
  return label.startsWith(OWN_LABELS) || label.startsWith(BASE_LABELS);
}

/** One line for each layer, or engines take the lines of ours for layers of the base. */
function baseHistory({ history = [], rootfs }: BaseConfig): History {
  if (history.filter(({ empty_layer: empty }) => empty !== true).length === rootfs.diff_ids.length) return history;
  return rootfs.diff_ids.map(() => ({ created_by: 'the base image' }));
}

function isoTime(seconds: number): string {
  return new Date(seconds * 1_000).toISOString().replace('.000Z', 'Z');
}
