/** The first phase: everything that a build or a deploy would stumble over later, looked at before either begins. Changes nothing. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadEnvironment } from 'nx-env-sync';
import { environmentNames, loadConfig } from '../config/index.js';
import { asDeployError, DeployError } from '../errors.js';
import { majorVersion, managerOf } from '../image/dependencies/installed/package-program.js';
import { assertFresh } from '../image/dependencies/installed/stale.js';
import { isObject, text } from '../package/compatibility/json.js';
import { nodeSatisfies } from '../package/compatibility/versions.js';
import { formatDuration } from '../model/index.js';
import { projectFolder, resolveProject, type CommandContext } from './context.js';
import { resolveProjectPackage } from './package/resolve.js';
import { steps } from './package/steps.js';
import { report, type CommandResult, type ReportOptions } from './result.js';

export type StageOptions = ReportOptions;

/** Roots of all projects of the workspace, relative to it: the lock file must know their packages. */
export type FindRoots = () => Promise<readonly string[]>;

interface Check {
  readonly name: string;
  /** What is wrong, one line each. */
  readonly look: () => Promise<readonly string[]>;
}

/** Every check is made, also when an earlier one found something: all that is wrong is told at once. */
export function stage(context: CommandContext, options: StageOptions, findRoots: FindRoots): Promise<CommandResult> {
  return report(context, options, async () => {
    const began = performance.now();
    const timed = steps(context.output);
    const problems: string[] = [];
    for (const { name, look } of checksOf(context, findRoots)) {
      const found = await timed.step(name, async () => look().catch(problemsOf));
      problems.push(...found.map((problem) => `${name}: ${problem}`));
    }
    context.output.end();
    if (problems.length > 0) throw new DeployError('ND-STAGE-INVALID', { what: `${context.projectName} is not ready to be built`, where: projectFolder(context), problems, next: 'correct what is listed, then run the command again; nothing was begun' });
    const durationMs = Math.round(performance.now() - began);
    context.output.line(`staged: ${context.projectName}, ${Object.keys(timed.took).join(', ')} are in order (${formatDuration(durationMs)})`);
    return { exitCode: 0, document: { outcome: 'done', exitCode: 0, durationMs, checks: timed.took } };
  }, 'look');
}

function checksOf(context: CommandContext, findRoots: FindRoots): readonly Check[] {
  return [
    { name: 'deploy.json', look: () => checkConfig(context) },
    { name: 'lock file', look: () => checkLockFile(context, findRoots) },
    { name: 'tools', look: () => checkTools(context) },
    { name: 'environments', look: () => checkEnvironments(context) },
  ];
}

async function checkConfig(context: CommandContext): Promise<readonly string[]> {
  const { config } = loadConfig(projectFolder(context), context.projectName);
  const environments = context.environment === undefined ? environmentNames(config) : [context.environment];
  const found: string[] = [];
  const collect = (thrown: unknown): void => void found.push(...problemsOf(thrown));
  for (const environment of environments) {
    try {
      resolveProject({ ...context, environment });
    } catch (thrown) {
      collect(thrown);
    }
  }
  if (config.artifact.type === 'package') await resolveProjectPackage(context).catch(collect);
  return [...new Set(found)];
}

async function checkLockFile({ workspaceRoot, projectRoot }: CommandContext, findRoots: FindRoots): Promise<readonly string[]> {
  const manager = await managerOf(workspaceRoot);
  if (manager === undefined) return [];
  await assertFresh(manager, workspaceRoot, [...new Set(['.', projectRoot, ...await findRoots()])]);
  return [];
}

/** `engines` of the workspace and of the project, and a package manager that can read the lock file. */
async function checkTools(context: CommandContext): Promise<readonly string[]> {
  const found: string[] = [];
  const { workspaceRoot, variables } = context;
  for (const folder of new Set([workspaceRoot, projectFolder(context)])) {
    const manifest: unknown = await readFile(join(folder, 'package.json'), 'utf8').then(JSON.parse).catch(() => undefined);
    const range = isObject(manifest) && isObject(manifest['engines']) ? text(manifest['engines']['node']) : '';
    if (range !== '' && nodeSatisfies(process.versions.node, range) !== true) found.push(`Node is ${process.versions.node}, and ${JSON.stringify(join(folder, 'package.json'))} asks for ${range} (engines.node)`);
  }
  const manager = await managerOf(workspaceRoot).catch(() => undefined);
  if (manager !== undefined) await majorVersion(manager, workspaceRoot, variables).catch((thrown: unknown) => void found.push(...problemsOf(thrown)));
  return found;
}

async function checkEnvironments(context: CommandContext): Promise<readonly string[]> {
  const { workspaceRoot, projectRoot, environment } = context;
  let names: readonly string[];
  try {
    names = environment === undefined ? environmentNames(loadConfig(projectFolder(context), context.projectName).config) : [environment];
  } catch {
    // Told by the check of deploy.json.
    return [];
  }
  const found = await Promise.all(names.map(async (name) => (await loadEnvironment({ environment: name, workspaceRoot, projectRoot })).problems.map((problem) => `${name}: ${problem}`)));
  return [...new Set(found.flat())];
}

function problemsOf(thrown: unknown): readonly string[] {
  const { what, why, problems = [], where } = asDeployError(thrown).parts;
  return problems.length > 0 ? problems : [`${what}${why === undefined ? '' : `: ${why}`}${where === undefined ? '' : ` (${where})`}`];
}
