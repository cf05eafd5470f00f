import { openBlobStore, collectFiles, type CollectedFiles } from '../archive/index.js';
import { buildFacts } from 'nx-build-manifest';
import { loadEnvironment } from 'nx-env-sync';
import { artifactRef, storedArtifacts } from '../control/artifacts.js';
import type { EnginePlace, FilesArtifact, ResolvedEnvironment } from '../config/index.js';
import type { Change } from '../engine/request.js';
import { DeployError } from '../errors.js';
import type { ManifestRef, Processes, ProcessSpec, RunSpec } from '../model/index.js';
import type { ConfigValues } from '../releases/index.js';
import { hooksOf, newRun, submit, type ChangeOrder } from './change.js';
import { actor, resolveProject, type CommandContext } from './context.js';
import type { UnpackedPackage } from './package/unpacked.js';
import { reportEvents, type ChangeOptions } from './events-file.js';
import { probeMeans } from './probing.js';
import type { CommandResult } from './result.js';
import { watchOrder } from './watch-order.js';

export interface DeployOptions extends ChangeOptions {
  readonly dryRun?: boolean;
  /** Name of a strategy; overrides deploy.json. */
  readonly strategy?: string;
  /** Go on with what was interrupted instead: it needs no build and no environment files. */
  readonly resume?: boolean;
  /** File of a package; by default, where the artifact is a package, the one that was made of the project last. */
  readonly package?: string;
  /** Stay for so long after the deploy, and take it back when it does badly; overrides deploy.json, which the agent follows by itself. */
  readonly watch?: string | number;
}

/** Deploys what the project's build put out, or its package. */
export function deploy(command: CommandContext, options: DeployOptions): Promise<CommandResult> {
  return reportEvents(command, options, async (context) => {
    const resolved = resolveProject(context, options.strategy);
    const watch = watchOrder(context, resolved, options.watch);
    const probing = probeMeans(context, resolved);
    const { resume = false, dryRun = false } = options;
    // Loaded here: few deploys have checks, which take much of a library.
    if (!resume && resolved.preflight !== undefined) await (await import('./preflight.js')).preflight(context, resolved.preflight, await configValues(context, resolved));
    const run = newRun();
    const { change, source, early }: Ordered = resume
      ? { change: { action: 'resume', rollbackHooks: hooksOf(context, resolved, 'Rollback') } }
      : resolved.platform.type === 'docker' ? await imageRelease(context, resolved, resolved.platform.place, { ...options, run }) : { change: await newRelease(context, resolved, options) };
    return submit(context, resolved, {
      listens: true,
      ...(source === undefined ? {} : { source }), ...(early === undefined ? {} : { early }),
      request: {
        run, actor: actor(), service: resolved.service, environment: resolved.environment, change,
        strategy: resolved.strategy, hooks: hooksOf(context, resolved, 'Deploy'), deadline: resolved.deadline, keep: resolved.keep, dryRun, watch, ...(probing === undefined ? {} : { probing }),
      },
    });
  });
}

interface Ordered extends Pick<ChangeOrder, 'source' | 'early'> {
  readonly change: ChangeOrder['request']['change'];
}

/** The image that was built last: an engine runs it as it is. */
async function imageRelease(context: CommandContext, resolved: ResolvedEnvironment, place: EnginePlace, { dryRun = false, package: named, run }: DeployOptions & { readonly run: string }): Promise<Ordered> {
  if (named !== undefined) throw new DeployError('ND-OPTION-INVALID', { what: '--package names a package, and the platform docker runs images', where: `${resolved.file}: environments.${resolved.environment}.platform`, next: 'leave the option out' });
  const { launchEarly } = await import('./docker/walk.js');
  const early = launchEarly(context, run);
  try {
    // Loaded here, as what reads and checks images is much of this program.
    const { deployedImage } = await import('./docker/image.js');
    const config = await configValues(context, resolved);
    const [{ artifact, port, source }, manifest] = await Promise.all([deployedImage(context, resolved, place, dryRun), manifestRef(context)]);
    const { health, drain, stopTimeout, limits, container } = resolved;
    const specs = Object.fromEntries(Object.entries(resolved.processes).map(([name, { spec }]) => [name, spec]));
    const spec: RunSpec = { processes: specs, cwd: '.', port, health, drain, stopTimeout, limits, ...(container === undefined ? {} : { container }) };
    return { change: { action: 'deploy', deployable: { artifact, config, spec, manifest }, processes: processes(resolved) }, early, ...(source === undefined ? {} : { source }) };
  } catch (error) {
    early.dismiss();
    throw error;
  }
}

/** What is deployed, stored on the target unless nothing is to be changed, with all that makes a release of it. */
async function newRelease(context: CommandContext, resolved: ResolvedEnvironment, { dryRun = false, package: named }: DeployOptions): Promise<Change> {
  const release = async ({ collected, manifest }: UnpackedPackage, config: ConfigValues, files: Pick<FilesArtifact, 'entry'>): Promise<Change> => {
    for (const warning of collected.warnings) context.output.event({ type: 'note', text: warning });
    const artifact = dryRun ? artifactRef(collected) : await storedArtifacts(openBlobStore(context.home.blobs), context.home).store(collected);
    return { action: 'deploy', deployable: { artifact, config, spec: runSpec(resolved, files, collected), manifest }, processes: processes(resolved) };
  };
  const { entry, packaged } = resolved;
  if (named !== undefined && entry === undefined) throw new DeployError('ND-OPTION-INVALID', { what: '--package names a package, and an engine makes an image of this project', where: `${resolved.file}: artifact.builder`, next: 'leave the option out' });
  if (entry !== undefined && (packaged || named !== undefined)) {
    // Loaded here: what reads, verifies and unpacks is much of this program, and most deploys need none of it.
    const [{ findArchive, namedArchive }, { withPackage }] = await Promise.all([import('./package/place.js'), import('./package/unpacked.js')]);
    const archive = named === undefined ? await findArchive(context) : await namedArchive(context, named);
    const config = await configValues(context, resolved);
    return withPackage(context, resolved, archive, config, (unpacked) => release(unpacked, config, { entry }));
  }
  const files = filesOf(resolved);
  const config = await configValues(context, resolved);
  const [collected, manifest] = await Promise.all([collectFiles({ artifact: files, workspaceRoot: context.workspaceRoot }), manifestRef(context)]);
  return release({ collected, manifest }, config, files);
}

function filesOf({ artifact, file, platform }: ResolvedEnvironment): FilesArtifact {
  if (artifact !== undefined) return artifact;
  throw new DeployError('ND-ABILITY-MISSING', {
    what: `the platform ${platform.type} cannot run this image`, where: `${file}: artifact`,
    why: 'it runs the files of the build without a container: those of an image whose "builder" is "oci", and whose "dependencies" are "bundled" or "traced"',
    next: 'set "artifact.dependencies" to "bundled" or "traced" (without "bundle"), or "artifact.type" to "files"; build-image and push-image make and bring the image as it is',
  });
}

async function configValues({ workspaceRoot, projectRoot }: CommandContext, { environment }: ResolvedEnvironment): Promise<ConfigValues> {
  const loaded = await loadEnvironment({ environment, workspaceRoot, projectRoot });
  if (loaded.problems.length > 0) {
    throw new DeployError('ND-ENVIRONMENT-INVALID', {
      what: `the variables of ${environment} are not valid`, problems: loaded.problems, next: 'correct the files under environments/ and run the command again',
    });
  }
  return { values: loaded.values, secrets: loaded.secrets };
}

async function manifestRef({ workspaceRoot, projectRoot, projectName }: CommandContext): Promise<ManifestRef> {
  const { version, git } = await buildFacts({ workspaceRoot, projectRoot, projectName });
  if (git === undefined) return { version };
  const { commit, branch, dirty } = git;
  return { version, commit, dirty, ...(branch === undefined ? {} : { branch }) };
}

function processes({ processes: all }: ResolvedEnvironment): Processes {
  return Object.fromEntries(Object.entries(all).map(([name, { scale }]) => [name, scale]));
}

/** How the release runs. A traced artifact keeps the workspace's layout, so its entry lies elsewhere than in the build's output. */
function runSpec(resolved: ResolvedEnvironment, { entry }: Pick<FilesArtifact, 'entry'>, collected: CollectedFiles): RunSpec {
  const { port, health, drain, stopTimeout, limits } = resolved;
  const specs = Object.entries(resolved.processes).map(([name, { spec }]): [string, ProcessSpec] => [name, {
    ...spec, command: spec.command.map((arg) => (arg === entry ? collected.entry : arg)),
  }]);
  return { processes: Object.fromEntries(specs), cwd: collected.cwd, port, health, drain, stopTimeout, limits };
}
