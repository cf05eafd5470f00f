/** The plugin's options in nx.json: names of the inferred targets, and defaults for every deploy.json of the workspace. */

export const PLUGIN = 'nx-deploy/plugin';

/** Each inferred target and its usual name. `prune` is what @nx/js calls the pruning of a lock file, in every Node application that its generators make with a Dockerfile. */
export const TARGETS = {
  deploy: 'deploy', rollback: 'rollback', approve: 'approve', reject: 'reject', status: 'status', logs: 'logs', maintenance: 'maintenance', pause: 'pause', resume: 'resume', repair: 'repair', unlock: 'unlock', prune: 'prune-releases', destroy: 'destroy', envValidate: 'env-validate', envDiff: 'env-diff', envSync: 'env-sync', envBackup: 'env-backup', envRestore: 'env-restore', envTypes: 'env-types', envMigrate: 'env-migrate', buildManifest: 'build-manifest',
  buildImage: 'build-image', pushImage: 'push-image', loadImage: 'load-image', inspectImage: 'inspect-image',
  package: 'package', stage: 'stage', compile: 'compile', phases: 'phases',
} as const;
export type TargetKey = keyof typeof TARGETS;
export type TargetNames = Readonly<Record<TargetKey, string>>;

export interface PluginOptions {
  readonly targetNames?: Partial<TargetNames>;
  /** Target that builds a project; deploy depends on it where a project has it. Default `build`. */
  readonly buildTargetName?: string;
  /** Keys of deploy.json that hold for the whole workspace unless a deploy.json says otherwise. */
  readonly defaults?: Readonly<Record<string, unknown>>;
  /** Tells workspaces on one target apart. Default: the name in the root package.json. */
  readonly workspaceId?: string;
}

/** The parts of nx.json that are read. */
export interface NxJson {
  readonly plugins?: readonly unknown[];
}

/** All names of the inferred targets; an empty name counts as none given. */
export function targetNames(options: PluginOptions | undefined): TargetNames {
  const given = options?.targetNames ?? {};
  return {
    deploy: given.deploy || TARGETS.deploy,
    rollback: given.rollback || TARGETS.rollback,
    approve: given.approve || TARGETS.approve,
    reject: given.reject || TARGETS.reject,
    status: given.status || TARGETS.status,
    logs: given.logs || TARGETS.logs,
    maintenance: given.maintenance || TARGETS.maintenance,
    pause: given.pause || TARGETS.pause,
    resume: given.resume || TARGETS.resume,
    repair: given.repair || TARGETS.repair,
    unlock: given.unlock || TARGETS.unlock,
    prune: given.prune || TARGETS.prune,
    destroy: given.destroy || TARGETS.destroy,
    envValidate: given.envValidate || TARGETS.envValidate,
    envDiff: given.envDiff || TARGETS.envDiff,
    envSync: given.envSync || TARGETS.envSync,
    envBackup: given.envBackup || TARGETS.envBackup,
    envRestore: given.envRestore || TARGETS.envRestore,
    envTypes: given.envTypes || TARGETS.envTypes,
    envMigrate: given.envMigrate || TARGETS.envMigrate,
    buildManifest: given.buildManifest || TARGETS.buildManifest,
    buildImage: given.buildImage || TARGETS.buildImage,
    pushImage: given.pushImage || TARGETS.pushImage,
    loadImage: given.loadImage || TARGETS.loadImage,
    inspectImage: given.inspectImage || TARGETS.inspectImage,
    package: given.package || TARGETS.package,
    stage: given.stage || TARGETS.stage,
    compile: given.compile || TARGETS.compile,
    phases: given.phases || TARGETS.phases,
  };
}

/** The options of the first registration in nx.json; undefined when the plugin is not there. */
export function pluginOptions(nxJson: NxJson | null | undefined): PluginOptions | undefined {
  for (const entry of nxJson?.plugins ?? []) {
    if (entry === PLUGIN) return {};
    if (isObject(entry) && entry['plugin'] === PLUGIN) return isObject(entry['options']) ? entry['options'] : {};
  }
  return undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
