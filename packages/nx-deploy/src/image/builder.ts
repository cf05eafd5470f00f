/** What every builder of images gets and gives: an image is a list of layers in the store, whoever made them. */
import type { DockerfileImage, OciImage } from '../config/resolved.js';
import type { BlobStore } from './blobs/store.js';
import type { Entry } from './layer/entry.js';
import type { ImageToWrite } from './layout/write.js';
import type { Digest, Platform } from './oci.js';
import type { Registries, RegistryEvent } from './registry/index.js';

/** In the order in which they lie upon each other. `dockerfile`: a layer that an engine made of a Dockerfile's line. */
export const LAYER_KINDS = ['base', 'modules', 'libraries', 'assets', 'application', 'dockerfile'] as const;
export type LayerKind = (typeof LAYER_KINDS)[number];

/** A package inside a layer. */
export interface PackageSize {
  readonly name: string;
  readonly version?: string;
  /** Bytes of its files. */
  readonly size: number;
}

/** A layer as it stands in image.json; nothing of it varies from run to run. */
export interface LayerReport {
  readonly kind: LayerKind;
  readonly digest: Digest;
  readonly diffId: Digest;
  /** Bytes, compressed. */
  readonly size: number;
  /** Bytes of the tar, where it was made here. */
  readonly uncompressed?: number;
  /** What it is made of, or why it is there, one line: `42 packages of package-lock.json`. */
  readonly reason: string;
  /** The biggest first. */
  readonly packages?: readonly PackageSize[];
}

export interface BuiltImage {
  readonly platform: Platform;
  /** All of its layers are in the store, or have `from`. */
  readonly image: ImageToWrite;
  /** As many as `image.layers`, in their order. */
  readonly layers: readonly LayerReport[];
}

export interface Build {
  /** One per platform, in the order that was asked for. */
  readonly images: readonly BuiltImage[];
  /** What the image stands on: the reference as it was given, and the digest that it meant. */
  readonly base?: { readonly reference: string; readonly digest: Digest };
  /** What a person should know, one line each; the image is built all the same. */
  readonly warnings: readonly string[];
  /** Layers that were made in this run, rather than found in the store. */
  readonly made: readonly Digest[];
}

export const BUILD_PHASES = ['base', 'dependencies', 'layers', 'smoke', 'dockerfile', 'export', 'write', 'push'] as const;
export type BuildPhase = (typeof BUILD_PHASES)[number];

export type BuildEvent =
  | { readonly type: 'phase'; readonly phase: BuildPhase; readonly state: 'start' | 'done' | 'failed'; readonly ms?: number }
  | { readonly type: 'registry'; readonly event: RegistryEvent }
  /** A line that a program printed: npm, an engine, the service in its smoke import. */
  | { readonly type: 'output'; readonly source: string; readonly line: string }
  | { readonly type: 'note'; readonly text: string };

/** Where a build takes place. */
export interface BuildSite {
  /** Absolute. */
  readonly workspaceRoot: string;
  /** Relative to the workspace, `/` between its parts; `.` for the workspace itself. */
  readonly projectRoot: string;
  readonly projectName: string;
  readonly store: BlobStore;
  readonly registries: Registries;
  /** The command's own environment: what a program gets of it is picked by name. */
  readonly variables: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
  readonly onEvent: (event: BuildEvent) => void;
  /** Hears of what is returned unless the last checks fail, once they run in a process of their own: this one has time to prepare it. Not every builder tells. */
  readonly onAssembled?: (build: Build) => void;
}

/** Throws DeployError; what was built before the failure is in the store, and nothing refers to it. */
export type Builder<Options> = (options: Options, site: BuildSite) => Promise<Build>;
export type OciBuilder = Builder<OciImage>;
export type DockerBuilder = Builder<DockerfileImage>;

/** Files that become one layer. */
export interface LayerFiles {
  readonly kind: Exclude<LayerKind, 'base' | 'dockerfile'>;
  /** Layers of the same key are the same: made once, by one process, whatever service asks. */
  readonly key: string;
  /** Only called when the layer is not in the store; may install packages. Paths are relative to the root of the image. */
  readonly entries: () => Promise<readonly Entry[]>;
  readonly reason: string;
  /** The packages in the layer, which is in the store under this digest: what was not made in this run is read from there. */
  readonly packages?: (digest: Digest) => Promise<readonly PackageSize[]>;
}

/** What an image holds beside its base. */
export interface ImageFiles {
  /** The lowest first; a layer without files is left out. */
  readonly layers: readonly LayerFiles[];
  /** Absolute in the image: `/app`, or the project's folder below it. */
  readonly workingDirectory: string;
  /** What is started, relative to `workingDirectory`. */
  readonly entry: string;
  readonly warnings: readonly string[];
  /** Removes what was made for it in temporary folders. */
  readonly close: () => Promise<void>;
}
