/**
 * Runs everything that must pass: type check of the specs, linter, unit tests, contract tests, end-to-end tests and
 * the coverage gate. The last line printed is `N passed, N failed, N skipped`. Exit code 1 when something failed or
 * nothing passed, 128 + n when a signal ended the run.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { runSteps, type Stage, type Step } from './testing/stages.js';
import { closingLine, exitCode } from './testing/tally.js';

const root = resolve(__dirname, '../..');
const minute = 60_000;
const program = (path: string): string => join(root, 'node_modules', path);
const jest = program('jest/bin/jest.js');

/** They compute and judge by no clock. */
const checks: readonly Stage[] = [
  { name: 'types', kind: 'check', file: program('typescript/bin/tsc'), args: ['-p', 'tsconfig.spec.json'], deadline: 15 * minute },
  { name: 'lint', kind: 'check', file: program('eslint/bin/eslint.js'), args: ['--max-warnings', '0', '.'], deadline: 15 * minute },
];
// Files at a time are the same on any machine, so that what they meet is the same everywhere. A worker whose modules of earlier files take much memory is replaced,
// for collecting garbage in it takes longer with each.
const unit: Stage = {
  name: 'unit', kind: 'jest with coverage', file: jest, args: ['--selectProjects=unit', '--maxWorkers=2', '--workerIdleMemoryLimit=600MB'], deadline: 45 * minute,
};
const contract: Stage = { name: 'contract', kind: 'jest with coverage', file: jest, args: ['--selectProjects=contract', '--runInBand'], deadline: 45 * minute };
const e2e: Stage = { name: 'e2e', kind: 'jest', file: jest, args: ['--selectProjects=e2e', '--maxWorkers=2'], deadline: 30 * minute };
const load: Stage = { name: 'load', kind: 'jest', file: jest, args: ['--selectProjects=load', '--runInBand'], deadline: 15 * minute };

// The tests of whole deploys wait for processes and timers most of the time; what only computes takes the processor meanwhile. What counts requests under load runs alone.
const steps: readonly Step[] = [{ stages: [contract, e2e], beside: [...checks, unit] }, { stages: [load] }];

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
    const tally = await runSteps(steps, { root, scratch, env: environment(scratch), signal: interruption.signal, print });
    rmSync(scratch, { recursive: true, force: true, maxRetries: 3 });
    print(closingLine(tally));
    process.exitCode = interruptedBy === undefined ? exitCode(tally) : 128 + constants.signals[interruptedBy];
  } finally {
    rmSync(scratch, { recursive: true, force: true, maxRetries: 3 });
  }
}

void main();
