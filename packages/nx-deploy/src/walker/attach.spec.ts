import { appendFileSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ChildProcess } from 'node:child_process';
import type { RunMessage } from '../control/protocol.js';
import { node, temporaryFolder } from '../shell/programs.spec-support.js';
import { attachRun, cancelRun } from './attach.js';
import { createRunFolder, recordWalker, type RunFolder } from './run-folder.js';

const root = temporaryFolder('attach');
let run: RunFolder;
const children: { readonly child: ChildProcess; readonly code: Promise<unknown> }[] = [];
beforeEach(async () => { run = await createRunFolder(join(mkdtempSync(join(root, 'x-')), 'runs'), 'run-1'); });
afterEach(async () => {
  for (const { child, code } of children.splice(0)) {
    child.kill('SIGKILL');
    await code;
  }
});

/** A process that stands for the walker. */
async function walker(text = 'setInterval(() => {}, 1000)'): Promise<ChildProcess> {
  const started = node(['-e', `${text}; process.stdout.write('up')`]);
  children.push(started);
  await new Promise((resolve) => started.child.stdout?.once('data', resolve));
  await recordWalker(run, started.child.pid ?? 0);
  return started.child;
}

const event = (text: string): RunMessage => ({ type: 'event', at: 'now', event: { type: 'note', text } });
const result: RunMessage = { type: 'result', at: 'now', result: { outcome: 'done', run: 'run-1', action: 'deploy', service: 'api', environment: 'test', durationMs: 1, stages: {} } };
const line = (message: RunMessage): string => `${JSON.stringify(message)}\n`;
const pause = (ms: number): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, ms));

async function read(signal?: AbortSignal, each: (message: RunMessage) => void = () => undefined): Promise<readonly RunMessage[]> {
  const told: RunMessage[] = [];
  for await (const message of attachRun(run, signal)) {
    told.push(message);
    each(message);
  }
  return told;
}

test('waits for a file that is not there yet, takes lines that come in pieces, and ends with the result', async () => {
  await walker();
  const told = read();
  await pause(100);
  const text = line(event('one')) + line(event('\u00e4 \u20ac'));
  const bytes = Buffer.from(text);
  // In the middle of a character of three bytes.
  const middle = bytes.indexOf(0xe2) + 1;
  writeFileSync(run.events, bytes.subarray(0, middle));
  await pause(100);
  appendFileSync(run.events, bytes.subarray(middle));
  appendFileSync(run.events, `${line(result)}${line(event('after the end'))}`);
  expect(await told).toEqual([event('one'), event('\u00e4 \u20ac'), result]);
});

test('a walker that has no record yet is waited for', async () => {
  const told = read();
  await pause(150);
  await walker();
  writeFileSync(run.events, line(result));
  expect(await told).toEqual([result]);
});

test('lines that are no messages are passed over', async () => {
  await walker();
  writeFileSync(run.events, `{"type":"event","at\nnull\n5\n{}\n\n${line(result)}`);
  expect(await read()).toEqual([result]);
});

test('long runs are read in pieces', async () => {
  await walker();
  const many = Array.from({ length: 3_000 }, (_, index) => event(`${index} ${'x'.repeat(100)}`));
  writeFileSync(run.events, many.map(line).join('') + line(result));
  expect(await read()).toEqual([...many, result]);
});

test('a walker that ends without a result is noticed, and what it told before is told', async () => {
  const child = await walker();
  writeFileSync(run.events, `${line(event('one'))}{"type":"resu`);
  const seen: RunMessage[] = [];
  const told = read(undefined, (message) => seen.push(message));
  await pause(100);
  child.kill('SIGKILL');
  await expect(told).rejects.toMatchObject({ code: 'ND-INTERRUPTED', parts: { where: run.log } });
  expect(seen).toEqual([event('one')]);
});

test('a result that was written just before the end is read', async () => {
  const child = await walker();
  const told = read();
  writeFileSync(run.events, line(result));
  child.kill('SIGKILL');
  expect(await told).toEqual([result]);
  expect(await read()).toEqual([result]);
});

test('a reader may leave at any time; the walker does not notice', async () => {
  const child = await walker();
  writeFileSync(run.events, line(event('one')));
  const leave = new AbortController();
  const began = performance.now();
  expect(await read(leave.signal, () => setTimeout(() => leave.abort(), 50))).toEqual([event('one')]);
  expect(performance.now() - began).toBeLessThan(2_000);
  expect(await read(AbortSignal.abort())).toEqual([]);
  expect(child.exitCode).toBeNull();
});

test('a file that cannot be read is an error', async () => {
  await walker();
  mkdirSync(run.events);
  await expect(read()).rejects.toMatchObject({ code: 'EISDIR' });
});

test('cancel reaches the walker as SIGTERM, and nobody else', async () => {
  expect(await cancelRun(run)).toBe(false);
  const child = await walker('process.on("SIGTERM", () => process.exit(7)); setInterval(() => {}, 1000)');
  const ended = new Promise((resolve) => child.once('exit', resolve));
  expect(await cancelRun(run)).toBe(true);
  expect(await ended).toBe(7);
  expect(await cancelRun(run)).toBe(false);
  // The number belongs to another process by now.
  writeFileSync(run.walker, JSON.stringify({ pid: process.pid, identity: 'boot:1', startedAt: 'then' }));
  expect(await cancelRun(run)).toBe(false);
});

test('a walker that ends between the look and the signal cannot be cancelled', async () => {
  const child = await walker();
  jest.spyOn(process, 'kill').mockImplementationOnce(() => { throw Object.assign(new Error('no such process'), { code: 'ESRCH' }); });
  expect(await cancelRun(run)).toBe(false);
  jest.restoreAllMocks();
  expect(child.killed).toBe(false);
});
