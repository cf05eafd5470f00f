import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { temporaryFolder, until } from '../shell/programs.spec-support.js';
import { walkerProgram } from './program.js';
import { readWalker, runFolder, type RunFolder } from './run-folder.js';
import type { Task } from './walk.js';
import { ROLLING } from './world.spec-support.js';

const EVENTS = ['SIGHUP', 'SIGTERM', 'SIGINT', 'uncaughtException', 'unhandledRejection'] as const;
type Listener = (...args: readonly unknown[]) => void;

const root = temporaryFolder('program');
const { argv, title } = process;
const stdin = Object.getOwnPropertyDescriptor(process, 'stdin')!;
let run: RunFolder;
let before: ReadonlyMap<string, readonly unknown[]>;
let exits: number[];
let complaints: string;
beforeEach(() => {
  run = runFolder(mkdtempSync(join(root, 'x-')));
  before = new Map(EVENTS.map((event) => [event, process.rawListeners(event)]));
  exits = [];
  complaints = '';
  jest.spyOn(process, 'exit').mockImplementation(((code?: number) => { exits.push(code ?? 0); }) as typeof process.exit);
  jest.spyOn(process.stderr, 'write').mockImplementation((text) => { complaints += String(text); return true; });
});
afterEach(() => {
  jest.restoreAllMocks();
  for (const event of EVENTS) for (const listener of added(event)) process.removeListener(event, listener);
  process.argv = argv;
  process.title = title;
  Object.defineProperty(process, 'stdin', stdin);
});

function added(event: (typeof EVENTS)[number]): readonly Listener[] {
  return process.rawListeners(event).filter((listener) => before.get(event)?.includes(listener) === false) as Listener[];
}

function start(input: string, taskOf: (order: unknown) => Task): void {
  process.argv = [process.execPath, 'walker.js', run.folder];
  Object.defineProperty(process, 'stdin', { configurable: true, value: Readable.from([Buffer.from(input)]) });
  walkerProgram(taskOf);
}

const never = (): Task => { throw new Error('no task is expected'); };
const request: Task['request'] = {
  run: 'run-1', actor: { user: 'tester', host: 'here', pid: 1 }, service: 'api', environment: 'test', change: { action: 'rollback' }, strategy: ROLLING,
  hooks: { before: [], after: [] }, deadline: 1_000, keep: 1, dryRun: false,
};

test('without an order it does nothing and leaves nothing', async () => {
  start('', never);
  await until('its end', () => exits.length > 0);
  expect(exits).toEqual([0]);
  expect([complaints, existsSync(run.folder)]).toEqual(['', false]);
});

test.each(['{"run":{"reque', 'null '])('an order that was cut short (%j) starts nothing', async (input) => {
  start(input, () => { throw new Error('no order'); });
  await until('its end', () => exits.length > 0);
  expect(exits).toEqual([1]);
  expect(await readWalker(run)).toMatchObject({ pid: process.pid });
  expect(complaints).toMatch(/^\d{4}-\S+ the walker failed: .*(?:JSON|no order)/);
});

test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('%s asks for a restore, faults are logged, and the end is 0', async (signal) => {
  const seen: unknown[] = [];
  let finish: (error: Error) => void = () => undefined;
  start('{"order":1}', (order) => {
    seen.push(order);
    return { request, open: () => new Promise((_resolve, reject) => { finish = reject; }) };
  });
  await until('the walk', () => added(signal).length > 0);
  for (const listener of added('uncaughtException')) listener(new Error('a planted fault'));
  for (const listener of added('unhandledRejection')) listener('a planted rejection');
  for (const listener of added(signal)) listener(signal);
  finish(new Error('over'));
  await until('its end', () => exits.length > 0);
  expect({ seen, exits }).toEqual({ seen: [{ order: 1 }], exits: [0] });
  expect(complaints).toMatch(/uncaught exception: Error: a planted fault[^]*unhandled rejection: a planted rejection/);
  expect(readFileSync(run.events, 'utf8')).toMatch(/^\{"type":"result"/);
});

test('a run whose folder is gone ends with 1', async () => {
  rmSync(run.folder, { recursive: true });
  start('{}', () => ({ request, open: never as never }));
  await until('its end', () => exits.length > 0);
  expect(exits).toEqual([1]);
  expect(complaints).toContain('ENOENT');
});
