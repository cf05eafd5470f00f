import { build } from 'esbuild';
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { runProgram } from './run-program.js';

/** What the stand-in for a tool does: see standIn. */
interface Act {
  readonly code?: number;
  readonly counts?: Record<string, number>;
  readonly noReport?: boolean;
  /** Of ten lines and branches, how many the run covered. */
  readonly covered?: number;
  readonly hang?: boolean;
  /** Name of a stage that must run at the same time; it waits for its beginning. */
  readonly meet?: string;
  /** Leaves a process of its group running. */
  readonly leave?: boolean;
}

/** Stands in for tsc, eslint and jest: writes down how it was called and does what `acts.json` says for its name. */
const standIn = `
const fs = require('node:fs'), os = require('node:os'), path = require('node:path'), { spawn } = require('node:child_process');
const root = path.resolve(__dirname, '../../..');
const args = process.argv.slice(2);
const option = (name) => (args.find((arg) => arg.startsWith(name + '=')) || '').slice(name.length + 1);
const tool = path.basename(path.dirname(__dirname));
const name = tool === 'jest' ? option('--selectProjects') : tool;
const act = JSON.parse(fs.readFileSync(path.join(root, 'acts.json'), 'utf8'))[name] || {};
fs.appendFileSync(path.join(root, 'calls'), name + ' home=' + process.env.NX_DEPLOY_HOME + ' daemon=' + process.env.NX_DAEMON + ' priority=' + os.getPriority() + '\\n');
console.log('output of ' + name);
if (act.meet) {
  const met = () => fs.existsSync(path.join(root, 'began-' + act.meet));
  fs.writeFileSync(path.join(root, 'began-' + name), '');
  for (const end = Date.now() + 20000; !met() && Date.now() < end;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  if (!met()) act.code = 9;
}
console.log('more of ' + name);
if (tool === 'jest' && !act.noReport) {
  const counts = { numPassedTests: 2, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0, numRuntimeErrorTestSuites: 0, ...act.counts };
  fs.writeFileSync(option('--outputFile'), JSON.stringify(counts));
}
const folder = option('--coverageDirectory');
if (folder) {
  const at = (line) => ({ start: { line, column: 0 }, end: { line, column: 9 } });
  const numbers = [...Array(10).keys()];
  const ran = numbers.map((number) => (number < (act.covered ?? 10) ? 1 : 0));
  const file = path.join(root, 'packages/a/src/x.ts');
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, 'coverage-final.json'), JSON.stringify({ [file]: {
    path: file, statementMap: Object.fromEntries(numbers.map((n) => [n, at(n + 1)])), s: { ...ran }, fnMap: {}, f: {},
    branchMap: { 0: { loc: at(1), type: 'switch', line: 1, locations: numbers.map((n) => at(n + 1)) } }, b: { 0: ran } } }));
}
if (act.leave) {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' });
  fs.writeFileSync(path.join(root, 'left-' + name), String(child.pid));
  child.unref();
}
if (act.hang) {
  fs.writeFileSync(path.join(root, 'hanging-' + name), String(process.pid));
  setInterval(() => {}, 1000);
} else process.exit(act.code ?? 0);
`;

function alive(pid: number): boolean {
  try {
    // A zombie still has an entry, but runs no more.
    return process.kill(pid, 0) && !/^State:\s+Z/m.test(existsSync(`/proc/${pid}/status`) ? readFileSync(`/proc/${pid}/status`, 'utf8') : '');
  } catch {
    return false;
  }
}

async function until(condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition(); waited += 20) {
    if (waited > 20_000) throw new Error('waited in vain');
    await delay(20);
  }
}

describe('the test runner', () => {
  let root = '';
  let bundle = '';
  const started: ChildProcess[] = [];

  beforeAll(async () => {
    const result = await build({
      entryPoints: [join(__dirname, '../test.ts')], bundle: true, platform: 'node', target: 'node20', format: 'cjs', write: false, logLevel: 'error',
    });
    bundle = result.outputFiles[0]?.text ?? '';
  });
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'runner-'));
    mkdirSync(join(root, 'dist/tools'), { recursive: true });
    writeFileSync(join(root, 'dist/tools/test.js'), bundle);
    for (const file of ['typescript/bin/tsc', 'eslint/bin/eslint.js', 'jest/bin/jest.js']) {
      mkdirSync(join(root, 'node_modules', file, '..'), { recursive: true });
      writeFileSync(join(root, 'node_modules', file), standIn);
    }
    mkdirSync(join(root, 'tmp'));
  });
  afterEach(() => {
    for (const child of started.splice(0)) child.kill('SIGKILL');
    rmSync(root, { recursive: true });
  });

  const calls = (): string[] => readFileSync(join(root, 'calls'), 'utf8').trim().split('\n');
  function start(acts: Record<string, Act>): { child: ChildProcess; ended: Promise<{ code: number | null; lines: string[] }> } {
    writeFileSync(join(root, 'acts.json'), JSON.stringify(acts));
    const { NX_DEPLOY_HOME: _, NX_DAEMON: __, ...env } = process.env;
    const child = spawn(process.execPath, [join(root, 'dist/tools/test.js')], {
      env: { ...env, TMPDIR: join(root, 'tmp'), FORCE_COLOR: '1' }, stdio: ['ignore', 'pipe', 'pipe'],
    });
    started.push(child);
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const ended = new Promise<{ code: number | null; lines: string[] }>((resolve) => {
      child.once('close', (code) => resolve({ code, lines: output.split('\n') }));
    });
    return { child, ended };
  }
  const run = (acts: Record<string, Act>) => start(acts).ended;

  it('runs contract and e2e in order, beside them the checks at once and then unit, and load after all; it ends with the closing line', async () => {
    const { code, lines } = await run({
      typescript: { meet: 'eslint' }, eslint: { meet: 'typescript' }, unit: { meet: 'e2e' }, e2e: { meet: 'unit' }, contract: { counts: { numPendingTests: 1, numTodoTests: 1 } },
    });
    expect(lines.slice(-2)).toEqual(['11 passed, 0 failed, 2 skipped', '']);
    expect(code).toBe(0);
    const order = calls().map((call) => call.split(' ')[0] ?? '');
    const among = (...names: readonly string[]): readonly string[] => order.filter((name) => names.includes(name));
    expect(order).toHaveLength(6);
    expect(order.at(-1)).toBe('load');
    expect(among('contract', 'e2e')).toEqual(['contract', 'e2e']);
    expect(among('typescript', 'eslint', 'unit').indexOf('unit')).toBe(2);
  });

  it('shows the output of what runs beside the others as a whole', async () => {
    const { lines } = await run({ unit: { meet: 'e2e' }, e2e: { meet: 'unit' } });
    expect(lines.slice(lines.indexOf('-- unit')).slice(0, 4)).toEqual(['-- unit', 'output of unit', 'more of unit', expect.stringMatching(/^-- unit: passed, /)]);
    expect(lines).toEqual(expect.arrayContaining(['-- types, beside the others', '-- e2e', 'output of e2e', 'more of e2e']));
  });

  it('lowers the priority of what runs beside the others', async () => {
    await run({});
    const own = getPriority();
    const lower = Math.min(own + 10, 19);
    const priorities = Object.fromEntries(calls().map((call) => [call.split(' ')[0], Number(/priority=(\S+)/.exec(call)?.[1])]));
    expect(priorities).toEqual({ typescript: lower, eslint: lower, unit: lower, contract: own, e2e: own, load: own });
  });

  it('keeps the tests away from the state of the person who runs them, and cleans up', async () => {
    await run({});
    for (const call of calls()) expect(call).toMatch(new RegExp(` home=${join(root, 'tmp')}/\\S+ daemon=false priority=`));
    expect(existsSync(join(root, 'tmp'))).toBe(true);
    expect(calls().map((call) => /home=(\S+)/.exec(call)?.[1] ?? '').some((home) => existsSync(join(home, '..')))).toBe(false);
  });

  it('counts what fails and still runs the rest', async () => {
    const { code, lines } = await run({
      typescript: { code: 2 }, eslint: { code: 1 }, unit: { code: 1, counts: { numFailedTests: 3 } }, contract: { code: 1, counts: { numRuntimeErrorTestSuites: 1 } },
    });
    expect(lines.at(-2)).toBe('9 passed, 6 failed, 0 skipped');
    expect(code).toBe(1);
    expect(calls()).toHaveLength(6);
  });

  it('counts a crash without a report as failed', async () => {
    const { code, lines } = await run({ e2e: { noReport: true, code: 134 } });
    expect(lines.at(-2)).toBe('9 passed, 1 failed, 0 skipped');
    expect(code).toBe(1);
    expect(lines).toEqual(expect.arrayContaining([expect.stringMatching(/^-- e2e: failed, ended with exit code 134, /)]));
  });

  it('fails when the coverage is too low', async () => {
    const { code, lines } = await run({ unit: { covered: 8 }, contract: { covered: 8 } });
    expect(lines.slice(-3, -1)).toEqual(['coverage: failed, packages/a has 80.00% of lines and 80.00% of branches, at least 90% of each are needed', '10 passed, 1 failed, 0 skipped']);
    expect(code).toBe(1);
  });

  it('ends what a stage leaves running in its group', async () => {
    const { code, lines } = await run({ unit: { leave: true } });
    expect(lines.at(-2)).toBe('11 passed, 0 failed, 0 skipped');
    expect(code).toBe(0);
    await until(() => !alive(Number(readFileSync(join(root, 'left-unit'), 'utf8'))));
  });

  it.each([['SIGTERM', 143], ['SIGINT', 130]] as const)('on %s ends the running stages and their processes, and closes as failed', async (signal, expected) => {
    const { child, ended } = start({ unit: { hang: true, leave: true }, contract: { hang: true, leave: true } });
    const pids = ['hanging-unit', 'left-unit', 'hanging-contract', 'left-contract'].map((name) => join(root, name));
    await until(() => pids.every((file) => existsSync(file)));
    child.kill(signal);
    const { code, lines } = await ended;
    expect(lines.at(-2)).toBe('6 passed, 2 failed, 0 skipped');
    expect(code).toBe(expected);
    expect(calls()).toHaveLength(4);
    // What was sent SIGKILL may take a moment to go.
    await until(() => !pids.some((file) => alive(Number(readFileSync(file, 'utf8')))));
  });

  it('ends a program that is late, also one that ignores being asked', async () => {
    const file = join(root, 'stubborn.js');
    writeFileSync(file, `process.on('SIGTERM', () => {}); setInterval(() => {}, 1000);`);
    const begun = performance.now();
    const ending = await runProgram({ file, args: [], cwd: root, env: process.env, deadline: 500 }, new AbortController().signal, 200);
    expect(ending).toEqual({ code: null, signal: 'SIGKILL', late: true });
    expect(performance.now() - begun).toBeLessThan(5_000);
  });

  it('says when a program cannot be started, or not any more', async () => {
    const program = { file: 'x.js', args: [], cwd: join(root, 'nowhere'), env: process.env, deadline: 5_000 };
    await expect(runProgram(program, new AbortController().signal)).resolves.toEqual({ code: null, signal: null, late: false });
    await expect(runProgram({ ...program, cwd: root }, AbortSignal.abort())).resolves.toEqual({ code: null, signal: null, late: false });
  });
});
