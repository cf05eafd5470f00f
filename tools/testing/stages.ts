import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { judgeCoverage, mergeCoverage } from './coverage.js';
import { runProgram, type Ending } from './run-program.js';
import { nothing, oneFailed, onePassed, readTally, sum, type Tally } from './tally.js';

/** One program of a run. A check counts as one test; a jest stage counts its tests. */
export interface Stage {
  readonly name: string;
  readonly kind: 'check' | 'jest' | 'jest with coverage';
  /** JavaScript file that node runs, and its arguments. */
  readonly file: string;
  readonly args: readonly string[];
  /** ms */
  readonly deadline: number;
}

/** Stages that run in order, and beside them others in an order of their own, which yield the processor to the first. It ends when all have. */
export interface Step {
  readonly stages: readonly Stage[];
  readonly beside?: readonly Stage[];
}

export interface Surroundings {
  readonly root: string;
  /** Empty folder for reports. */
  readonly scratch: string;
  readonly env: NodeJS.ProcessEnv;
  /** Aborted when the run is interrupted: the running stage is ended and the others are not started. */
  readonly signal: AbortSignal;
  readonly print: (line: string) => void;
}

const reportFile = (scratch: string, stage: Stage): string => join(scratch, `${stage.name}.json`);
const outputFile = (scratch: string, stage: Stage): string => join(scratch, `${stage.name}.output`);
const coverageFolder = (scratch: string, stage: Stage): string => join(scratch, `${stage.name}-coverage`);

function argumentsOf(stage: Stage, scratch: string): string[] {
  if (stage.kind === 'check') return [...stage.args];
  const report = ['--json', `--outputFile=${reportFile(scratch, stage)}`];
  const coverage = ['--coverage', '--coverageReporters=json', `--coverageDirectory=${coverageFolder(scratch, stage)}`];
  return [...stage.args, ...report, ...(stage.kind === 'jest' ? [] : coverage)];
}

function describeEnding({ code, signal, late }: Ending, deadline: number): string {
  if (late) return `did not end within ${Math.round(deadline / 1000)} s`;
  if (signal !== null) return `was ended by ${signal}`;
  return code === null ? 'could not be started' : `ended with exit code ${code}`;
}

/** What a stage beside others prints is kept until it has ended, so that it is read as a whole. */
async function runStage(stage: Stage, { root, scratch, env, signal, print }: Surroundings, beside: boolean): Promise<Tally> {
  print(beside ? `-- ${stage.name}, beside the others` : `-- ${stage.name}`);
  const started = performance.now();
  const output = beside ? outputFile(scratch, stage) : undefined;
  const program = { file: stage.file, args: argumentsOf(stage, scratch), cwd: root, env, deadline: stage.deadline, yielding: beside };
  const ending = await runProgram(output === undefined ? program : { ...program, output }, signal);
  const ended = ending.code === 0 && !ending.late;
  const tally = stage.kind === 'check' ? (ended ? onePassed : oneFailed) : readTally(reportFile(scratch, stage), ended);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const verdict = `-- ${stage.name}: ${tally.failed === 0 ? 'passed' : `failed, ${describeEnding(ending, stage.deadline)}`}, ${seconds} s`;
  const said = output === undefined ? '' : readFileSync(output, 'utf8').trimEnd();
  print([...(output === undefined ? [] : [`-- ${stage.name}`]), ...(said === '' ? [] : [said]), verdict].join('\n'));
  return tally;
}

function checkCoverage(stages: readonly Stage[], { root, scratch, print }: Surroundings): Tally {
  const measured = stages.filter(({ kind }) => kind === 'jest with coverage');
  if (measured.length === 0) return nothing;
  print('-- coverage');
  try {
    const map = mergeCoverage(measured.map((stage) => join(coverageFolder(scratch, stage), 'coverage-final.json')));
    const { enough, lines } = judgeCoverage(map, root);
    for (const line of lines) print(line);
    return enough ? onePassed : oneFailed;
  } catch (error) {
    print(`coverage: failed, it could not be read: ${error instanceof Error ? error.message : String(error)}`);
    return oneFailed;
  }
}

/** In order, with checks that follow each other taken together: they only read, and each keeps one processor busy. */
function together(stages: readonly Stage[]): readonly (readonly Stage[])[] {
  return stages.reduce<readonly (readonly Stage[])[]>((groups, stage) => {
    const last = groups.at(-1);
    const joins = stage.kind === 'check' && last?.every(({ kind }) => kind === 'check') === true;
    return joins ? [...groups.slice(0, -1), [...last, stage]] : [...groups, [stage]];
  }, []);
}

async function runInOrder(stages: readonly Stage[], surroundings: Surroundings, beside: boolean): Promise<Tally> {
  const tallies: Tally[] = [];
  for (const group of together(stages)) {
    if (surroundings.signal.aborted) break;
    tallies.push(...await Promise.all(group.map((stage) => runStage(stage, surroundings, beside))));
  }
  return sum(tallies);
}

/** Runs every stage of each step, checks side by side, also after one has failed, and then judges the coverage of those that measured it. */
export async function runSteps(steps: readonly Step[], surroundings: Surroundings): Promise<Tally> {
  const tallies: Tally[] = [];
  for (const { stages, beside = [] } of steps) {
    if (surroundings.signal.aborted) break;
    tallies.push(...await Promise.all([runInOrder(stages, surroundings, false), runInOrder(beside, surroundings, true)]));
  }
  if (surroundings.signal.aborted) return sum([...tallies, ...(tallies.some(({ failed }) => failed > 0) ? [] : [oneFailed])]);
  return sum([...tallies, checkCoverage(steps.flatMap(({ stages, beside = [] }) => [...beside, ...stages]), surroundings)]);
}
