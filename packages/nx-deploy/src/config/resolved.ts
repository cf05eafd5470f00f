/** deploy.json, resolved for one environment: defaults applied, durations in ms, sizes in bytes. What every command works on. */
import type { Analysis, Check, ContainerSpec, HealthSpec, Limits, Ms, ProcessSpec, Scale, WatchTerms } from '../model/index.js';
import type { NotificationOption } from './notification-option.js';

/** A person is asked: `text` says what to look at; unanswered for `expires` ms it counts as refused. */
export interface ApprovalOption {
  readonly text: string;
  readonly expires: Ms;
}

/** What blue-green and canary share. */
interface SideBySide {
  /** Asked of the new release before it has traffic. */
  readonly smoke: readonly Check[];
  /** How long the new release is watched with all of the traffic before the change is committed. */
  readonly soak: Ms;
  readonly analyse?: Analysis;
  /** How long the release that was replaced is kept running without traffic; 0: not at all. */
  readonly keepWarm: Ms;
}

export interface CanaryStep {
  /** Percent of the traffic, 1 to 99. */
  readonly weight: number;
  readonly soak: Ms;
  readonly approve?: ApprovalOption;
}

export interface BlueGreenOptions extends SideBySide {
  readonly type: 'blue-green';
  /** Asked after the smoke checks, before the switch. */
  readonly approve?: ApprovalOption;
}

export interface CanaryOptions extends SideBySide {
  readonly type: 'canary';
  /** Weights grow from step to step; all of the traffic is the step after the last one. */
  readonly steps: readonly CanaryStep[];
  /** A user stays on the side that the first request met. */
  readonly sticky: boolean;
  /** Name of a request header by which testers choose a side: `always`, `never`, or a release's id. */
  readonly header?: string;
}

export type StrategyOptions =
  | { readonly type: 'recreate' }
  /** `batch`: percent of the instances replaced at a time, 1 to 100. */
  | { readonly type: 'rolling'; readonly batch: number }
  | BlueGreenOptions
  | CanaryOptions;

/** How a release is watched after its deploy. */
export interface WatchOption {
  /** 0: not at all. */
  readonly time: Ms;
  readonly terms: WatchTerms;
}

export interface ListenOption {
  readonly address: string;
  /** Public port; undefined: the platform picks one and keeps it. */
  readonly port?: number;
  readonly host?: string;
  /** Requests whose path is this or lies below it. */
  readonly path?: string;
  /** Absolute files in PEM; with one the port speaks TLS. */
  readonly certificates?: readonly string[];
}

/** An engine, as the platform docker reaches it. */
export interface EnginePlace {
  readonly program: 'docker' | 'podman';
  /** A context of docker, or a connection of podman; undefined: the client's own choice. */
  readonly context?: string;
  readonly router: { readonly image: string; readonly network: 'host' | 'published' };
}

export type PlatformOption = { readonly type: 'local' } | { readonly type: 'docker'; readonly place: EnginePlace };

export interface Hook {
  readonly run: readonly string[];
  /** Names of variables of the command's own environment that the hook may see. */
  readonly env: readonly string[];
  readonly timeout: Ms;
}

export const HOOK_NAMES = ['preDeploy', 'postDeploy', 'preRollback', 'postRollback'] as const;
export type HookName = (typeof HOOK_NAMES)[number];
export type Hooks = Readonly<Partial<Record<HookName, readonly Hook[]>>>;

export interface FilesArtifact {
  readonly type: 'files';
  /** Absolute folder of the build's output. */
  readonly path: string;
  /** Relative to `path`. */
  readonly entry: string;
  /** bundled: `path` holds all that runs. traced: the modules that `entry` loads are found (@vercel/nft) and taken along. */
  readonly dependencies: 'bundled' | 'traced';
}

/** Folders of a package with files of the project, by patterns relative to it. */
export type PackageFolder = 'scripts' | 'docs' | 'tests';

/** An archive of a Node service with its facts. */
export interface PackageArtifact extends Pick<OciImage, 'path' | 'entry' | 'dependencies' | 'assets'> {
  readonly type: 'package';
  /** Patterns of files that lie beside the code and are filled in at deploy time. */
  readonly templates: readonly string[];
  readonly folders: Readonly<Record<PackageFolder, readonly string[]>>;
  /** Patterns of what is left out everywhere. */
  readonly exclude: readonly string[];
  readonly requires: {
    /** Range of versions; undefined: that of package.json. */
    readonly node?: string;
    /** Without `at` it is one of the workspace; with it whatever answers there, `${NAME}` in it being a variable of the environment. */
    readonly services: readonly { readonly name: string; readonly version?: string; readonly at?: string }[];
  };
  /** OpenAPI documents, absolute; `previous` may be a package. */
  readonly api?: { readonly document: string; readonly previous?: string };
  /** Form of the bill of materials; undefined: there is none. */
  readonly sbom?: 'cyclonedx' | 'spdx';
  /** How the service is started from its package; undefined: not at all. */
  readonly smoke?: { readonly env: Readonly<Record<string, string>>; readonly timeout: Ms; readonly path: string };
  /** Words that start web; the entry stands among them by its name. */
  readonly command: readonly string[];
}

/** What is asked of a package before it is deployed. */
export interface VerifyOption {
  readonly mode: 'off' | 'warn' | 'enforce';
  /** Absolute paths of public keys. */
  readonly keys: readonly string[];
  readonly identities: readonly string[];
  readonly provenance: boolean;
  readonly requireSbom: boolean;
}

/** Where an image is pushed to. */
export interface ImageRepository {
  /** `images.example.com/team/api`, without tag and digest. */
  readonly repository: string;
  /** Templates: text with `{version}`, `{commit}`, `{branch}`, `{hash}`. */
  readonly tags: readonly string[];
}

/** What images have in common, whoever builds them. */
interface ImageArtifact {
  readonly type: 'image';
  /** `os/architecture` or `os/architecture/variant`, at least one; none where docker:build of `@nx/docker` may name them. */
  readonly platforms: readonly string[];
  /** Beside those that the builder writes. */
  readonly labels: Readonly<Record<string, string>>;
  readonly push: readonly ImageRepository[];
  /** Registries, `host` or `host:port`, that may be plain http although they are not loopback. */
  readonly plainHttp: readonly string[];
}

/** An image of a Node service that is put together here, without an engine. */
export interface OciImage extends ImageArtifact {
  readonly builder: 'oci';
  /** Absolute folder of the build's output. */
  readonly path: string;
  /** Relative to `path`. */
  readonly entry: string;
  /**
   * bundled: `path` holds all that runs. traced: the modules that `entry` loads (@vercel/nft). installed: the production dependencies of the pruned lock file.
   * bundle: esbuild makes one file of `entry` and all that it loads.
   */
  readonly dependencies: 'bundled' | 'traced' | 'installed' | 'bundle';
  /** A reference, or `oci:<absolute folder>` for a layout. */
  readonly base: string;
  /** Patterns relative to `path` of files that change less often than the code: a layer of their own. */
  readonly assets: readonly string[];
  /** `user:group`, numbers or names of the base image. */
  readonly user: string;
  /** The port that the image exposes and that its variable PORT names. */
  readonly port: number;
  /** Values that are the same in every environment, never secrets: they can be read in the image. */
  readonly env: Readonly<Record<string, string>>;
  /** Words after which the entry is left out: undefined is `node <entry>`. */
  readonly command?: readonly string[];
}

/** `env` names a variable of the command's own environment, `file` an absolute path: the value itself stands nowhere. */
export type BuildSecret = { readonly id: string; readonly env: string } | { readonly id: string; readonly file: string };

/** An image of a Dockerfile, built by an engine. */
export interface DockerfileImage extends ImageArtifact {
  /** `@nx/docker`: the project's docker:build target says how, and takes the place of `engine`, `dockerfile`, `context`, `target` and `args`. */
  readonly builder: 'docker' | '@nx/docker';
  readonly engine: 'docker' | 'podman';
  /** Absolute. */
  readonly dockerfile: string;
  /** Absolute folder. */
  readonly context: string;
  readonly target?: string;
  readonly args: Readonly<Record<string, string>>;
  readonly secrets: readonly BuildSecret[];
  readonly cacheFrom: readonly string[];
  readonly cacheTo: readonly string[];
}

export type ImageOption = OciImage | DockerfileImage;

export interface ResolvedEnvironment {
  readonly service: string;
  readonly environment: string;
  /** Absolute path of deploy.json. */
  readonly file: string;
  readonly platform: PlatformOption;
  /** Is the package deployed, rather than what the build put out? */
  readonly packaged: boolean;
  /** As the commands of the processes name it; undefined for an image of a Dockerfile. */
  readonly entry?: string;
  readonly verify: VerifyOption;
  /** What `local` runs; undefined for a package and for an image whose files it cannot run as they are: see {@link ImageOption}. */
  readonly artifact?: FilesArtifact;
  /** 0: each instance gets a port of its own by the variable PORT; on docker the image says it. */
  readonly port: number;
  readonly health: HealthSpec;
  readonly drain: Ms;
  readonly stopTimeout: Ms;
  readonly limits: Limits;
  /** On docker alone. */
  readonly container?: ContainerSpec;
  readonly strategy: StrategyOptions;
  readonly processes: Readonly<Record<string, { readonly scale: Scale; readonly spec: ProcessSpec }>>;
  readonly listen: ListenOption;
  readonly hooks: Hooks;
  /** Checks that must pass before anything changes. `file`: absolute. */
  readonly preflight?: { readonly file: string; readonly tags: readonly string[]; readonly only: readonly string[] };
  /** Of the whole deploy. */
  readonly deadline: Ms;
  readonly watch: WatchOption;
  readonly notifications: readonly NotificationOption[];
  /** Releases that prune keeps. */
  readonly keep: number;
}
