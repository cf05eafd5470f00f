/** The phases of a delivery one after the other, each the target of its own that Nx runs with all that it depends on. The first that fails ends it; one report tells of all. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pluginOptions, targetNames } from '../config/index.js';
import { suggest } from '../config/suggest.js';
import { DeployError } from '../errors.js';
import { formatDuration, type Ms } from '../model/index.js';
import { documentText } from '../package/documents.js';
import { KEY_VARIABLE } from '../package/variables.js';
import { killGroup, run } from '../shell/run.js';
import { table } from '../terminal/index.js';
import { readNxJson, type CommandContext } from './context.js';
import { interruptible } from './image/interruptible.js';
import { outputName, replaceFile } from './image/place.js';
import type { FindTargets } from './image/docker-target.js';
import { steps } from './package/steps.js';
import { report, type CommandResult, type ReportOptions } from './result.js';

export const PHASES = ['stage', 'compile', 'package', 'deploy'] as const;
export type Phase = (typeof PHASES)[number];

export interface PhasesOptions extends ReportOptions {
  /** The last phase that is run. */
  readonly until?: string;
  /** File of the secret key that signs the package, relative to the workspace. */
  readonly key?: string;
}

export interface PhaseReport {
  readonly phase: Phase;
  /** Of Nx. */
  readonly target: string;
  /** skipped: the project has no such target. */
  readonly state: 'done' | 'failed' | 'skipped' | 'not run';
  readonly ms?: Ms;
}

/** A phase may be a build of hours; it ends by itself or by whoever started it. */
const LONGEST: Ms = 24 * 60 * 60 * 1_000;

export function phases(context: CommandContext, options: PhasesOptions, findTargets: FindTargets): Promise<CommandResult> {
  return report(context, options, () => interruptible(context.output, async (signal) => {
    const last = lastPhase(options.until);
    const targets = await planned(context, last, findTargets);
    const timed = steps(context.output);
    const done: PhaseReport[] = [];
    let failure: DeployError | undefined;
    for (const { phase, target, known } of targets) {
      if (!known || failure !== undefined) {
        done.push({ phase, target, state: failure === undefined ? 'skipped' : 'not run' });
        continue;
      }
      failure = await timed.step(phase, () => runPhase(options.key === undefined ? context : { ...context, variables: { ...context.variables, [KEY_VARIABLE]: options.key } }, phase, target, signal)).then(() => undefined, failureOf);
      done.push({ phase, target, state: failure === undefined ? 'done' : 'failed', ms: timed.took[phase] ?? 0 });
    }
    context.output.end();
    for (const line of phaseLines(done)) context.output.line(line);
    const document = { schema: 1, project: context.projectName, ...(context.environment === undefined ? {} : { environment: context.environment }), phases: done };
    await replaceFile(join(context.workspaceRoot, 'dist/phase-runs', `${outputName(context)}.json`), documentText(document));
    if (failure !== undefined) throw failure;
    return { exitCode: 0, document: { outcome: 'done', exitCode: 0, ...document } };
  }, 'the phase that is under way is told to end'), 'look');
}

function failureOf(thrown: unknown): DeployError {
  if (thrown instanceof DeployError) return thrown;
  throw thrown;
}

function lastPhase(until: string | undefined): Phase {
  if (until === undefined) return 'deploy';
  const phase = PHASES.find((one) => one === until);
  if (phase !== undefined) return phase;
  const near = suggest(until, PHASES);
  throw new DeployError('ND-OPTION-INVALID', { what: `there is no phase ${JSON.stringify(until)}`, ...(near === undefined ? {} : { why: `did you mean ${near}?` }), next: `known: ${PHASES.join(', ')}` });
}

interface Planned {
  readonly phase: Phase;
  readonly target: string;
  readonly known: boolean;
}

async function planned({ workspaceRoot, projectName, environment }: CommandContext, last: Phase, findTargets: FindTargets): Promise<readonly Planned[]> {
  const options = pluginOptions(readNxJson(workspaceRoot));
  const names = targetNames(options);
  const targets = await findTargets();
  const wanted = PHASES.slice(0, PHASES.indexOf(last) + 1).map((phase): Planned => {
    // The build is asked for by its own name, as a project that has none has nothing to compile.
    const target = phase === 'compile' ? options?.buildTargetName || 'build' : names[phase];
    return { phase, target, known: Object.hasOwn(targets, target) };
  });
  const missing = wanted.filter(({ phase, known }) => !known && phase !== 'compile').map(({ target }) => target);
  if (missing.length > 0) throw new DeployError('ND-PROJECT-UNKNOWN', { what: `${projectName} has no target ${missing.join(', ')}`, next: 'the phases are those of a project whose "artifact.type" in deploy.json is "package"; look at its targets with: nx show project' });
  if (last === 'deploy' && environment === undefined) throw new DeployError('ND-ENVIRONMENT-UNKNOWN', { what: 'no environment was named', next: 'name one with --configuration=<name>, or end before the deploy with --until=package' });
  return wanted;
}

function programOfNx(workspaceRoot: string): string {
  try {
    return createRequire(join(workspaceRoot, 'package.json')).resolve('nx/bin/nx.js');
  } catch (thrown) {
    throw new DeployError('ND-PHASE-FAILED', { what: 'Nx, which runs the phases, is not installed', where: workspaceRoot, next: 'install the dependencies of the workspace, then run the command again' }, { cause: thrown });
  }
}

/** @throws DeployError ND-PHASE-FAILED when it failed */
async function runPhase({ workspaceRoot, projectName, environment, variables, output }: CommandContext, phase: Phase, target: string, signal: AbortSignal): Promise<void> {
  const nx = programOfNx(workspaceRoot);
  const touches = (phase === 'deploy' || phase === 'stage') && environment !== undefined;
  const argv = [process.execPath, nx, 'run', `${projectName}:${target}`, ...touches ? [`--configuration=${environment}`] : []];
  let pid: number | undefined;
  const stop = (): void => killGroup(pid, 'SIGTERM');
  signal.addEventListener('abort', stop, { once: true });
  const result = await run(argv, {
    cwd: workspaceRoot, env: Object.fromEntries(Object.entries(variables).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))), timeout: LONGEST,
    onStart: (started) => { pid = started; return Promise.resolve(); },
    onLine: (line) => output.event({ type: 'output', source: phase, line }),
  }).finally(() => signal.removeEventListener('abort', stop));
  signal.throwIfAborted();
  if (result.exitCode === 0) return;
  throw new DeployError('ND-PHASE-FAILED', {
    what: `the phase ${phase} failed`, where: argv.slice(2).join(' '), why: result.startError ?? (result.signal === undefined ? `it ended with exit code ${result.exitCode ?? 'unknown'}` : `it ended by ${result.signal}`),
    next: `correct what it printed above, then run it alone: nx ${argv.slice(2).join(' ')}; the phases behind it were not run`,
  });
}

export function phaseLines(done: readonly PhaseReport[]): readonly string[] {
  return table([{ title: 'phase' }, { title: 'target' }, { title: 'state' }, { title: 'took', align: 'right' }], done.map(({ phase, target, state, ms }) => [phase, target, state, ms === undefined ? '' : formatDuration(ms)])).map((line) => `  ${line}`);
}
