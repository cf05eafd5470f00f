import { spawn, type ChildProcess } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { identity } from '../shell/process-table.js';
import { temporaryFolder, until } from '../shell/programs.spec-support.js';
import { gone, waitForTurn, type Heir } from './heir.js';
import { BEAT } from './pulse.js';

const root = temporaryFolder('heir');
const started: ChildProcess[] = [];

/** This process, as one whose parent is another one. */
class Channel extends EventEmitter {
  readonly sent: unknown[] = [];
  readonly killed: unknown[] = [];
  connected = true;

  constructor(readonly ppid: number) {
    super();
  }

  send(message: unknown): boolean {
    this.sent.push(message);
    return true;
  }

  kill(pid: number, signal: string): true {
    this.killed.push([pid, signal]);
    return true;
  }

  get heir(): Heir {
    return this as unknown as Heir;
  }
}

/** Both lie in a folder of their own; the lock file names that agent, and this process as its standby. */
async function homeOf(active: number): Promise<{ readonly lockFile: string; readonly logs: string }> {
  const logs = mkdtempSync(join(root, 'home-'));
  const lockFile = join(logs, 'agent.json');
  writeFileSync(lockFile, JSON.stringify({ pid: active, identity: await identity(active) ?? '', standby: { pid: process.pid, identity: await identity(process.pid) ?? '' } }));
  return { lockFile, logs };
}

async function agent(): Promise<number> {
  const child = spawn(process.execPath, ['-e', 'console.log(1); setInterval(() => {}, 1000)'], { stdio: ['ignore', 'pipe', 'inherit'] });
  started.push(child);
  await once(child.stdout, 'data');
  return child.pid ?? 0;
}

afterEach(async () => {
  jest.useRealTimers();
  for (const child of started.splice(0)) {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
});

describe('a standby that waits for its turn', () => {
  const nobody = { lockFile: join(root, 'none.json'), logs: root };

  it('says that it is ready, answers each beat, and has its turn when its parent lets go of it', async () => {
    const channel = new Channel(1);
    const turn = waitForTurn(nobody, channel.heir);
    channel.emit('message', 'beat');
    channel.emit('message', 'of a later version');
    channel.emit('message', 'beat');
    channel.connected = false;
    channel.emit('message', 'beat');
    expect(channel.sent).toEqual(['ready', 'beat', 'beat']);
    channel.emit('disconnect');
    expect(await turn).toBe(true);
  });

  it('ends when it is told to leave', async () => {
    const channel = new Channel(1);
    const turn = waitForTurn(nobody, channel.heir);
    channel.emit('message', 'leave');
    channel.emit('disconnect');
    expect(await turn).toBe(false);
  });

  it('has its turn at once where its parent was gone before it had started', async () => {
    const channel = new Channel(1);
    channel.connected = false;
    expect(await waitForTurn(nobody, channel.heir)).toBe(true);
    expect(channel.sent).toEqual([]);
  });
});

describe('an active agent that falls silent', () => {
  /** The standby waits for so many beats after it heard the last one; what it does between them really happens. */
  async function silentFor(channel: Channel, home: { readonly lockFile: string; readonly logs: string }, beats: number, meanwhile: () => void = () => undefined): Promise<void> {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask', 'setTimeout', 'clearTimeout'] });
    void waitForTurn(home, channel.heir);
    channel.emit('message', 'beat');
    meanwhile();
    for (let beat = 0; beat < beats && channel.killed.length === 0; beat += 1) {
      jest.advanceTimersByTime(BEAT);
      await new Promise((done) => { setTimeout(done, 2); });
    }
    channel.emit('message', 'leave');
  }

  it('is ended when it is stopped, and that is logged', async () => {
    const pid = await agent();
    const home = await homeOf(pid);
    process.kill(pid, 'SIGSTOP');
    const channel = new Channel(pid);
    await silentFor(channel, home, 30);
    await until('it was ended', () => channel.killed.length > 0);
    expect(channel.killed[0]).toEqual([pid, 'SIGKILL']);
    expect(await until('it was logged', () => readFileSync(join(home.logs, 'agent.log'), 'utf8').split('\n')[0])).toContain('the active agent did not answer and was ended');
  });

  it('is given far longer when it only seems slow', async () => {
    const pid = await agent();
    const channel = new Channel(pid);
    const home = await homeOf(pid);
    await silentFor(channel, home, 15);
    expect(channel.killed).toEqual([]);
    await silentFor(channel, home, 60);
    await until('it was ended', () => channel.killed.length > 0);
  });

  it('is left alone by whoever is not its standby, and when it is gone by itself', async () => {
    const pid = await agent();
    const home = await homeOf(pid);
    process.kill(pid, 'SIGSTOP');
    const stranger = new Channel(pid);
    writeFileSync(home.lockFile, JSON.stringify({ pid, identity: await identity(pid), standby: { pid: 1, identity: 'another' } }));
    await silentFor(stranger, home, 30);
    const heir = new Channel(pid);
    writeFileSync(home.lockFile, JSON.stringify({ pid, identity: 'an earlier process', standby: { pid: process.pid, identity: 'x' } }));
    await silentFor(heir, home, 30);
    expect([stranger.killed, heir.killed]).toEqual([[], []]);
  });

  it('is left alone when its channel has broken meanwhile: it is this process\'s turn then', async () => {
    const pid = await agent();
    const home = await homeOf(pid);
    process.kill(pid, 'SIGSTOP');
    const channel = new Channel(pid);
    await silentFor(channel, home, 30, () => { channel.connected = false; });
    expect(channel.killed).toEqual([]);
  });
});

it('knows when a process is gone', async () => {
  const pid = await agent();
  const claimant = { pid, identity: await identity(pid) ?? '' };
  let over = false;
  const waiting = gone(claimant).then(() => { over = true; });
  await new Promise((done) => { setTimeout(done, 120); });
  expect(over).toBe(false);
  process.kill(pid, 'SIGKILL');
  await waiting;
  await gone({ pid, identity: 'an earlier process' });
});
