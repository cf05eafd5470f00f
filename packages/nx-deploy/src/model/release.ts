import { createHash } from 'node:crypto';
import type { Ms } from './time.js';

/** `r` and twelve hexadecimal digits: never number-like, so that Nx passes it through as text. */
export type ReleaseId = string;
export const RELEASE_ID_PATTERN = /^r[0-9a-f]{12}$/;

/** The files of a built project, by content. */
export interface FilesRef {
  readonly type: 'files';
  /** `sha256:` and the digest of the sorted file list (archive/manifest.ts). */
  readonly digest: string;
  readonly files: number;
  readonly bytes: number;
}

/** An image for one platform, by content: never by a tag. */
export interface ImageRef {
  readonly type: 'image';
  /** `sha256:` of the image's manifest: what a registry knows it by. */
  readonly digest: string;
  /** `sha256:` of its configuration: what an engine knows it by that keeps no manifests. */
  readonly config: string;
  /** `linux/amd64`, say. */
  readonly platform: string;
  /** Compressed layers. */
  readonly bytes: number;
  /** Where an engine can pull it from: `images.example.com/team/api`. Undefined: it is loaded into the engine. */
  readonly repository?: string;
}

/** What is deployed. */
export type ArtifactRef = FilesRef | ImageRef;

/** Values that a release runs with. They are sealed on the target; this names them without telling them. */
export interface ConfigRef {
  /** HMAC-SHA256 under a key that never leaves the target. */
  readonly digest: string;
  /** Per key the HMAC of its value: tells that a value changed, not what it is. */
  readonly keys: Readonly<Record<string, string>>;
}

export interface HealthSpec {
  readonly path: string;
  /** How long an instance may take to become ready. */
  readonly timeout: Ms;
  readonly interval: Ms;
  /** Consecutive passes that count as ready. */
  readonly passes: number;
}

export interface Limits {
  /** Bytes of resident memory of an instance with all its children; above it the instance is killed and started again. */
  readonly memory?: number;
  /** Processors, such as 0.5; for containers. */
  readonly cpu?: number;
  /** Processes and threads; for containers. */
  readonly pids?: number;
}

/** A folder of an instance that outlives it. */
export interface Mount {
  /** Name of a volume, or an absolute path on the engine's machine. */
  readonly source: string;
  /** Absolute path in the container. */
  readonly target: string;
  readonly readOnly: boolean;
}

/** How the containers of a release run; for platforms that run containers. */
export interface ContainerSpec {
  /** The root file system cannot be written. */
  readonly readOnly: boolean;
  /** `user` or `user:group`; undefined: that of the image. */
  readonly user?: string;
  /** Kernel capabilities that are kept; all others are dropped. */
  readonly capabilities: readonly string[];
  readonly mounts: readonly Mount[];
  /** Absolute paths of folders in memory. */
  readonly tmpfs: readonly string[];
  /** Networks that are there already, beside the one of nx-deploy. */
  readonly networks: readonly string[];
  /** Names with addresses, as `/etc/hosts` has them. */
  readonly hosts: Readonly<Record<string, string>>;
  readonly restart: 'no' | 'on-failure' | 'unless-stopped' | 'always';
  readonly log: { readonly driver: string; readonly options: Readonly<Record<string, string>> };
  /** Words of a command that runs once in a container of the new image, before the release gets traffic. */
  readonly release?: { readonly command: readonly string[]; readonly timeout: Ms };
}

/** One kind of process of a service. `web` is the one that gets traffic. */
export interface ProcessSpec {
  /** Empty: what the image itself starts. */
  readonly command: readonly string[];
  /** Workers start at the switch unless this is set. */
  readonly early?: boolean;
  /** Never runs in two releases at once: that of the release before ends first. Not together with `early`. */
  readonly exclusive?: boolean;
}

/** Everything that decides how an instance runs, except its artifact and its configuration. */
export interface RunSpec {
  readonly processes: Readonly<Record<string, ProcessSpec>>;
  /** Working directory, relative to the artifact's root; `.` for the root. */
  readonly cwd: string;
  /** The service's own port: a number, or 0 when the platform gives each instance one by `PORT`. A container has all ports for itself, so that it is never 0 there. */
  readonly port: number;
  readonly health: HealthSpec;
  readonly drain: Ms;
  /** From SIGTERM to SIGKILL. */
  readonly stopTimeout: Ms;
  readonly limits: Limits;
  /** Only of platforms that run containers. */
  readonly container?: ContainerSpec;
}

export interface ManifestRef {
  readonly version: string;
  readonly commit?: string;
  readonly branch?: string;
  readonly dirty?: boolean;
}

/** Immutable. Who deployed it, when and from which commit stand in the ledger entry, not here. */
export interface Release {
  readonly id: ReleaseId;
  readonly service: string;
  readonly artifact: ArtifactRef;
  readonly config: ConfigRef;
  readonly spec: RunSpec;
  /** Set to force a new release of the same inputs (a restart). */
  readonly nonce?: string;
  readonly manifest?: ManifestRef;
}

/** JSON with sorted keys, so that equal values give equal text (RFC 8785 for the values used here). */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner);
}

/** Same inputs, same id. */
export function releaseId(inputs: Pick<Release, 'artifact' | 'config' | 'spec' | 'nonce'>): ReleaseId {
  const text = canonicalJson([inputs.artifact.digest, inputs.config.digest, inputs.spec, inputs.nonce ?? null]);
  return `r${createHash('sha256').update(text).digest('hex').slice(0, 12)}`;
}
