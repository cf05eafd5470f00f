/** The targets of a project with a deploy.json: nothing in them depends on the machine or the time. */
import type { TargetConfiguration } from '@nx/devkit';
import { targetNames } from './config/plugin-options.js';
import type { PluginOptions, TargetKey } from './config/plugin-options.js';
import { imageTargets, metadataOf, type ImageFinding, type ImageKey } from './plugin-image-targets.js';
import { manifestTarget, type ManifestFinding } from './plugin-manifest-target.js';
import { packageTargets, type PackageFinding, type PackageKey } from './plugin-package-targets.js';

/** What a deploy.json means for its project's targets. `environments` is undefined when the file cannot be used. */
export interface Finding {
  readonly environments?: readonly string[];
  /** Projects that are deployed before. */
  readonly after?: readonly string[];
  /** Undefined when the artifact is no image. */
  readonly image?: ImageFinding;
  /** An environment is on a platform that runs the image. */
  readonly containers?: boolean;
  /** Undefined when the artifact is no package. */
  readonly packaged?: PackageFinding;
  /** Undefined when the file cannot be used. */
  readonly manifest?: ManifestFinding;
  /** How many problems the file has. */
  readonly problems: number;
}

interface Kind {
  readonly executor: string;
  readonly description: string;
  readonly example: Readonly<Record<string, unknown>>;
}

type DeployKey = Exclude<TargetKey, ImageKey | PackageKey | 'buildManifest'>;

const KINDS: Readonly<Record<DeployKey, Kind>> = {
  deploy: { executor: 'nx-deploy:deploy', description: 'Deploys the project without interruption and takes it back when it fails', example: { dryRun: true } },
  rollback: { executor: 'nx-deploy:rollback', description: 'Brings an earlier release back, by default the previous one', example: { to: 'r0123456789ab' } },
  approve: { executor: 'nx-deploy:approve', description: 'Lets a change that waits for an answer go on', example: { note: 'looks good' } },
  reject: { executor: 'nx-deploy:reject', description: 'Takes a change that waits for an answer back', example: { note: 'too slow' } },
  status: { executor: 'nx-deploy:status', description: 'Shows what runs, its traffic and health, and the last releases', example: { outputFile: 'status.json' } },
  logs: { executor: 'nx-deploy:logs', description: 'Shows what the instances write', example: { follow: true } },
  maintenance: { executor: 'nx-deploy:maintenance', description: 'Answers every request with 503 and a page, until resume ends it', example: { message: 'Back at noon.' } },
  pause: { executor: 'nx-deploy:pause', description: 'Has new requests wait, until resume ends it', example: { wait: '10s' } },
  resume: { executor: 'nx-deploy:resume', description: 'Ends a maintenance or a pause', example: {} },
  repair: { executor: 'nx-deploy:repair', description: 'Brings an interrupted change to an end and puts right what is not as it should be', example: {} },
  unlock: { executor: 'nx-deploy:unlock', description: 'Frees the lock of a run that hangs', example: { wait: '2m' } },
  prune: { executor: 'nx-deploy:prune', description: 'Removes stored releases that nothing needs any more', example: { keep: 2, dryRun: true } },
  destroy: { executor: 'nx-deploy:destroy', description: 'Ends the service for good; its ledger stays', example: { confirm: 'api' } },
  envValidate: { executor: 'nx-env-sync:validate', description: 'Checks the values of an environment against their schema', example: {} },
  envDiff: { executor: 'nx-env-sync:diff', description: 'Says which keys differ from another environment, or from what runs, without showing a value', example: { running: true } },
  envSync: { executor: 'nx-env-sync:sync', description: 'Takes over what changed in another environment since the last time', example: { from: 'staging', dryRun: true } },
  envBackup: { executor: 'nx-env-sync:backup', description: 'Encrypts the files of an environment into a backup; lists and verifies backups', example: { list: true } },
  envRestore: { executor: 'nx-env-sync:restore', description: 'Brings the files of an environment back from a backup', example: { dryRun: true } },
  envTypes: { executor: 'nx-env-sync:types', description: 'Makes the types of process.env from the schema, for TypeScript', example: { check: true } },
  envMigrate: { executor: 'nx-env-sync:migrate', description: 'Renames keys in environment files to the names that the schema gives them now', example: { dryRun: true } },
};

/** Found from the workspace, as one of its dependencies. */
const RUNNING_MODULE = 'nx-deploy/running-environment';

/** The inferred targets by name. A file with problems gives targets without configurations: running one shows the problems. */
export function inferTargets(finding: Finding, options: PluginOptions): Record<string, TargetConfiguration> {
  const names = targetNames(options);
  const targets = (Object.keys(KINDS) as DeployKey[]).map((key): [string, TargetConfiguration] => {
    const { executor, description, example } = KINDS[key];
    const usable = finding.environments !== undefined;
    // With an unusable file nothing runs before deploy: a task that fails first would hide what is wrong with the file.
    const dependsOn = key === 'deploy' && usable ? { dependsOn: [...needs(finding, options), ...order(finding, options)] } : {};
    // The types are the same for every environment.
    const configurations = usable && key !== 'envTypes' ? { configurations: configurationsOf(finding.environments) } : {};
    return [names[key], {
      executor,
      options: optionsOf(key, finding),
      ...configurations,
      ...dependsOn,
      cache: false,
      metadata: metadataOf(names[key], finding.problems === 0 ? description : `${description} (deploy.json has problems: run it to see them)`, example),
    }];
  });
  const manifest = finding.manifest === undefined ? {} : manifestTarget(finding.manifest, options, configurationsOf(finding.environments ?? []));
  const image = finding.image === undefined ? {} : imageTargets(finding.image, options);
  const packaged = finding.packaged === undefined ? {} : packageTargets(finding.packaged, configurationsOf(finding.environments ?? []), options);
  return { ...Object.fromEntries(targets), ...manifest, ...image, ...packaged };
}

function optionsOf(key: DeployKey, { environments }: Finding): Record<string, unknown> {
  // What deploy.json calls an environment is one, whether or not it has variables of its own.
  if (key === 'envValidate' && environments !== undefined) return { known: environments };
  return key === 'envDiff' || key === 'envSync' ? { runningModule: RUNNING_MODULE } : {};
}

/** The image is made of the build, and build-image says so. */
function needs({ packaged, image, containers }: Finding, options: PluginOptions): readonly string[] {
  const names = targetNames(options);
  if (packaged !== undefined) return [names.package, names.envValidate];
  return [image !== undefined && containers === true ? names.buildImage : options.buildTargetName || 'build', names.envValidate];
}

/** With the parameters handed on: otherwise a dry run of this project would deploy those. */
function order({ after = [] }: Finding, options: PluginOptions): NonNullable<TargetConfiguration['dependsOn']> {
  return after.length === 0 ? [] : [{ projects: [...after], target: targetNames(options).deploy, params: 'forward' }];
}

function configurationsOf(environments: readonly string[]): Record<string, { environment: string }> {
  return Object.fromEntries(environments.map((environment) => [environment, { environment }]));
}

/** Under which heading `nx show project` lists each target. */
const GROUPS: Readonly<Record<string, readonly TargetKey[]>> = {
  Deploy: ['deploy', 'rollback', 'approve', 'reject', 'status', 'logs', 'phases'],
  'Deploy: build': ['buildImage', 'pushImage', 'loadImage', 'inspectImage', 'stage', 'compile', 'package', 'buildManifest'],
  'Deploy: environment': ['envValidate', 'envDiff', 'envSync', 'envBackup', 'envRestore', 'envTypes', 'envMigrate'],
  'Deploy: operate': ['maintenance', 'pause', 'resume', 'repair', 'unlock', 'prune', 'destroy'],
};

/** The groups of those targets that are there. */
export function targetGroups(targets: Readonly<Record<string, unknown>>, options: PluginOptions): Record<string, string[]> {
  const names = targetNames(options);
  const groups = Object.entries(GROUPS).map(([title, keys]): [string, string[]] => [title, keys.map((key) => names[key]).filter((name) => Object.hasOwn(targets, name))]);
  return Object.fromEntries(groups.filter(([, members]) => members.length > 0));
}
