import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Workbench } from '../commands/workbench.spec-support.js';
import { detach } from '../shell/detach.js';

jest.mock('../shell/detach.js', () => ({ detach: jest.fn(() => Promise.resolve({ pid: 1, ended: Promise.resolve({ code: 0, signal: null }) })) }));

const EVENTS = ['SIGHUP', 'SIGTERM', 'SIGINT', 'uncaughtException', 'unhandledRejection'] as const;
type Listener = (...args: readonly unknown[]) => void;

let bench: Workbench;
const { argv, env, title } = process;
let before: ReadonlyMap<string, readonly unknown[]>;
let exits: number[];
beforeEach(async () => {
  bench = await Workbench.open();
  process.env = { ...env, NX_DEPLOY_HOME: bench.home.folder };
  before = new Map(EVENTS.map((event) => [event, process.rawListeners(event)]));
  exits = [];
  jest.spyOn(process, 'exit').mockImplementation(((code?: number) => { exits.push(code ?? 0); }) as typeof process.exit);
});
afterEach(async () => {
  jest.restoreAllMocks();
  for (const event of EVENTS) for (const listener of added(event)) process.removeListener(event, listener);
  process.argv = argv;
  process.env = env;
  process.title = title;
  await bench.close();
});

function added(event: (typeof EVENTS)[number]): readonly Listener[] {
  return process.rawListeners(event).filter((listener) => before.get(event)?.includes(listener) === false) as Listener[];
}

/** Loads the program as Node would start it. */
function start(role: string): void {
  process.argv = [process.execPath, 'agent.js', role];
  jest.isolateModules(() => { jest.requireActual('./agent.js'); });
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 500 && !await condition(); tries += 1) await new Promise((resolve) => { setTimeout(resolve, 20); });
  expect(await condition()).toBe(true);
}

test('launch starts run as a program of its own, with the same environment, and ends', async () => {
  const { calls } = jest.mocked(detach).mock;
  process.argv = [process.execPath, 'agent.js', 'launch'];
  await import('./agent.js');
  await until(() => calls.length === 1);
  const [file, args, options] = calls[0] ?? [];
  expect(file).toBe(process.execPath);
  expect(args).toEqual([join(__dirname, 'agent.js'), 'run']);
  expect(options).toMatchObject({ output: 2, env: { NX_DEPLOY_HOME: bench.home.folder } });
  expect(exits).toEqual([]);
});

test('run answers until SIGTERM; faults are logged and SIGHUP is no reason to end', async () => {
  start('run');
  await until(() => added('SIGTERM').length > 0);
  expect((await bench.client()).hello.pid).toBe(process.pid);
  for (const listener of added('SIGHUP')) listener('SIGHUP');
  for (const listener of added('uncaughtException')) listener(new Error('a planted fault'));
  for (const listener of added('unhandledRejection')) listener(new Error('a planted rejection'));
  const log = await readFile(join(bench.home.logs, 'agent.log'), 'utf8');
  expect(log).toContain('a planted fault');
  expect(log).toContain('a planted rejection');
  expect((await bench.client()).hello.pid).toBe(process.pid);
  for (const listener of added('SIGTERM')) listener('SIGTERM');
  await until(() => exits.length > 0);
  expect(exits).toEqual([0]);
  await expect(bench.client()).rejects.toThrow('no agent runs');
});

test('an agent that cannot start says why and ends with 1', async () => {
  const written: string[] = [];
  jest.spyOn(process.stderr, 'write').mockImplementation((text) => { written.push(String(text)); return true; });
  await bench.write('../file', 'no folder');
  process.env['NX_DEPLOY_HOME'] = join(bench.folder, 'file');
  start('run');
  await until(() => exits.length > 0);
  expect(exits).toEqual([1]);
  expect(written.join('')).toContain('ENOTDIR');
});
