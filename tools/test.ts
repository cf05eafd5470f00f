/**
 * Runs everything that must pass: type check of the specs, linter, unit tests, contract tests, end-to-end tests and
 * the coverage gate. The last line printed is `N passed, N failed, N skipped`. Exit code 1 when something failed or
 * nothing passed, 128 + n when a signal ended the run.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { runStages, type Stage } from './testing/stages.js';
import { closingLine, exitCode } from './testing/tally.js';

const root = resolve(__dirname, '../..');
const minute = 60_000;
const program = (path: string): string => join(root, 'node_modules', path);
const jest = program('jest/bin/jest.js');

// Three files at a time, on any machine, so that what they meet is the same everywhere: most of them wait for processes and timers. What counts requests under
// load runs alone. A worker whose modules of earlier files take much memory is replaced, for collecting garbage in it takes longer with each.
const stages: readonly Stage[] = [
  { name: 'types', kind: 'check', file: program('typescript/bin/tsc'), args: ['-p', 'tsconfig.spec.json'], deadline: 5 * minute },
  { name: 'lint', kind: 'check', file: program('eslint/bin/eslint.js'), args: ['--max-warnings', '0', '.'], deadline: 5 * minute },
  { name: 'unit', kind: 'jest with coverage', file: jest, args: ['--selectProjects=unit', '--maxWorkers=3', '--workerIdleMemoryLimit=600MB'], deadline: 30 * minute },
  { name: 'contract', kind: 'jest with coverage', file: jest, args: ['--selectProjects=contract', '--runInBand'], deadline: 45 * minute },
  { name: 'e2e', kind: 'jest', file: jest, args: ['--selectProjects=e2e', '--maxWorkers=2'], deadline: 30 * minute },
  { name: 'load', kind: 'jest', file: jest, args: ['--selectProjects=load', '--runInBand'], deadline: 15 * minute },
];

/** Tests never meet the state of the person who runs them, and leave no daemon of Nx behind. */
function environment(scratch: string): NodeJS.ProcessEnv {
  return { NX_DAEMON: 'false', NX_DEPLOY_HOME: join(scratch, 'home'), ...process.env };
}

async function main(): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), 'nx-deploy-test-'));
  const interruption = new AbortController();
  let interruptedBy: NodeJS.Signals | undefined;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      interruptedBy ??= signal;
      interruption.abort();
    });
  }
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  try {
    const tally = await runStages(stages, { root, scratch, env: environment(scratch), signal: interruption.signal, print });
    rmSync(scratch, { recursive: true, force: true, maxRetries: 3 });
    print(closingLine(tally));
    process.exitCode = interruptedBy === undefined ? exitCode(tally) : 128 + constants.signals[interruptedBy];
  } finally {
    rmSync(scratch, { recursive: true, force: true, maxRetries: 3 });
  }
}

void main();
