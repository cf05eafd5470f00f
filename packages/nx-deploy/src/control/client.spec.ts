import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { chmod, mkdir, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { eventually, Recorder, Workbench } from '../commands/workbench.spec-support.js';
import { agentCommand } from '../commands/agent.js';
import { deploy } from '../commands/deploy.js';
import type { CommandResult } from '../commands/result.js';
import { findAgent } from './client.js';
import { PROTOCOL, type Hello } from './protocol.js';

let bench: Workbench;
let server: Server | undefined;
beforeEach(async () => {
  bench = await Workbench.open();
  await bench.project();
});
afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => { if (server === undefined) resolve(undefined); else server.close(resolve); });
  server = undefined;
  await bench.close();
});

type Answers = Readonly<Record<string, (request: IncomingMessage, response: ServerResponse) => void>>;

/** Answers on the agent's socket as it is told. */
async function pretend(hello: Partial<Hello>, answers: Answers = {}): Promise<void> {
  const whole = { protocol: PROTOCOL, version: '9', pid: 2 ** 30, startedAt: '2026-01-01T00:00:00.000Z', home: bench.home.folder, log: 'agent.log', ...hello };
  server = createServer((request, response) => {
    request.resume();
    const call = request.url?.replace('/v1/', '') ?? '';
    if (call === 'hello') response.end(JSON.stringify(whole));
    else answers[call]?.(request, response);
  });
  await mkdir(dirname(bench.home.socket), { recursive: true });
  await new Promise<void>((resolve) => { server?.listen(bench.home.socket, resolve); });
}

test('without an agent there is none', async () => {
  expect(await findAgent(bench.home)).toBeUndefined();
});

test('something on the socket that is no agent counts as none', async () => {
  server = createServer((_request, response) => { response.end('hello?'); });
  await new Promise<void>((resolve) => { server?.listen(bench.home.socket, resolve); });
  expect(await findAgent(bench.home)).toBeUndefined();
});

test.each([
  ['a link', async (folder: string) => { await symlink(bench.home.folder, folder); }],
  ['open to others', async (folder: string) => { await mkdir(folder); await chmod(folder, 0o777); }],
])('nothing is said to a socket in a folder that is %s', async (_name, make) => {
  const folder = join(bench.folder, 'planted');
  await make(folder);
  const home = { ...bench.home, socket: join(folder, 'agent.sock') };
  let asked = 0;
  server = createServer((_request, response) => { asked += 1; response.end('{}'); });
  await new Promise<void>((resolve) => { server?.listen(home.socket, resolve); });
  await expect(findAgent(home)).rejects.toMatchObject({ code: 'ND-AGENT-FAILED', parts: { where: folder } });
  expect(await deploy({ ...bench.context(), home }, {})).toMatchObject({ exitCode: 1, document: { error: { code: 'ND-AGENT-FAILED' } } });
  expect(asked).toBe(0);
});

test('an agent that refuses to say hello is an error', async () => {
  server = createServer((_request, response) => { response.writeHead(400).end(JSON.stringify({ error: { code: 'ND-STATE-DAMAGED', what: 'broken' } })); });
  await new Promise<void>((resolve) => { server?.listen(bench.home.socket, resolve); });
  await expect(findAgent(bench.home)).rejects.toMatchObject({ code: 'ND-STATE-DAMAGED' });
});

test('an agent of another protocol is refused with what to do, and can still be stopped', async () => {
  const stops: string[] = [];
  await pretend({ protocol: PROTOCOL + 1 }, { stop: (request, response) => { stops.push(request.method ?? ''); response.end('{"stopped":3}'); } });
  await expect(findAgent(bench.home)).rejects.toMatchObject({ code: 'ND-AGENT-VERSION', parts: { next: expect.stringContaining('agent restart') } });
  const refused = await deploy(bench.context(), {});
  expect(refused).toMatchObject({ exitCode: 3, document: { outcome: 'refused', error: { code: 'ND-AGENT-VERSION' } } });
  await expect(agentCommand('status', {}, new Recorder(), bench.variables)).rejects.toMatchObject({ code: 'ND-AGENT-VERSION' });
  const output = new Recorder();
  expect(await agentCommand('stop', {}, output, bench.variables)).toEqual({ exitCode: 0, document: { outcome: 'done', exitCode: 0, stopped: 3 } });
  expect(output.lines).toEqual([`agent stopped (process ${2 ** 30}), 3 instances ended`]);
  expect(stops).toEqual(['POST']);
});

test('a connection that breaks in the middle of a run is ND-INTERRUPTED: exit code 2, for nobody knows whether it was restored', async () => {
  await pretend({}, {
    run: (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/x-ndjson' });
      response.write(`${JSON.stringify({ type: 'event', at: '', event: { type: 'note', text: 'so far' } })}\n`, () => setTimeout(() => response.destroy(), 50));
    },
  });
  const output = new Recorder();
  const result = await deploy(bench.context({}, output), {});
  expect(output.events).toContainEqual({ type: 'note', text: 'so far' });
  expect(result).toMatchObject({ exitCode: 2, document: { outcome: 'not-restored', error: { code: 'ND-INTERRUPTED', what: 'the connection to the agent broke' } } });
  expect(output.ended).toBe(true);
});

test('a run that ends without a result is ND-INTERRUPTED too', async () => {
  await pretend({}, { run: (_request, response) => { response.end(); } });
  expect(await deploy(bench.context(), {})).toMatchObject({ document: { error: { code: 'ND-INTERRUPTED', what: 'the agent ended the run without a result' } } });
});

test('a call or a stream that is refused at once is the error that the agent names; one that breaks is ND-INTERRUPTED', async () => {
  const refuse = (_request: IncomingMessage, response: ServerResponse): void => { response.writeHead(400).end(JSON.stringify({ error: { code: 'ND-DISK-FULL', what: 'full' } })); };
  await pretend({}, { cancel: refuse, run: refuse, services: (_request, response) => { response.destroy(); }, logs: (_request, response) => { response.destroy(); }, status: (_request, response) => { response.end('{'); } });
  const client = await findAgent(bench.home);
  await expect(client?.call('cancel', { run: 'x' })).rejects.toMatchObject({ code: 'ND-DISK-FULL' });
  await expect(client?.call('services', {})).rejects.toMatchObject({ code: 'ND-INTERRUPTED' });
  const target = { key: { workspace: 'a', environment: 'b', service: 'c' }, owner: 'd' };
  await expect(client?.call('status', target)).rejects.toMatchObject({ code: 'ND-INTERRUPTED' });
  const read = async (): Promise<void> => { for await (const line of client?.stream('logs', { ...target, follow: false }) ?? []) throw new Error(line.text); };
  await expect(read()).rejects.toMatchObject({ code: 'ND-INTERRUPTED' });
  expect(await deploy(bench.context(), {})).toMatchObject({ document: { error: { code: 'ND-DISK-FULL' } } });
});

test('an older command that the newer agent does not understand is told to update', async () => {
  await pretend({ protocol: PROTOCOL + 1, version: '99.0.0' });
  expect(await deploy(bench.context(), {})).toMatchObject({ exitCode: 3, document: { error: { code: 'ND-AGENT-VERSION', next: expect.stringMatching(/^update nx-deploy in this workspace to 99\.0\.0/) } } });
});

test('a reader that leaves a stream ends it, and what happens to the connection then is no error', async () => {
  const closed = jest.fn();
  await pretend({}, { logs: (_request, response) => { response.on('close', closed); response.write('{"text":"one"}\n{"text":"two"}\n'); } });
  const client = await findAgent(bench.home);
  const leave = new AbortController();
  for await (const line of client?.stream('logs', { key: { workspace: 'a', environment: 'b', service: 'c' }, owner: 'd', follow: true }, leave.signal) ?? []) {
    expect(line.text).toBe('one');
    break;
  }
  await eventually(() => closed.mock.calls.length === 1, 'the agent to see it', 2_000);
  leave.abort();
  await new Promise((resolve) => { setTimeout(resolve, 50); });
});

test('a stream that is aborted ends without an error', async () => {
  await pretend({}, { logs: (_request, response) => { response.write('{"text":"one"}\n'); } });
  const client = await findAgent(bench.home);
  const leave = new AbortController();
  const seen: string[] = [];
  for await (const line of client?.stream('logs', { key: { workspace: 'a', environment: 'b', service: 'c' }, owner: 'd', follow: true }, leave.signal) ?? []) {
    seen.push(line.text);
    setTimeout(() => leave.abort(), 20);
  }
  expect(seen).toEqual(['one']);
});

describe('a signal', () => {
  let asked: () => void;
  let cancels: string[];
  let output: Recorder;

  /** The signal's listener is called as Node would: jest itself must not get it. */
  async function signalled(signal: NodeJS.Signals, onCancel: (run: ServerResponse) => void): Promise<CommandResult> {
    let run: ServerResponse | undefined;
    cancels = [];
    output = new Recorder();
    const running = new Promise<void>((resolve) => { asked = resolve; });
    await pretend({}, {
      run: (_request, response) => { run = response; response.writeHead(200).flushHeaders(); asked(); },
      cancel: (_request, response) => { cancels.push('cancel'); response.end('{"cancelled":true}'); if (run !== undefined) onCancel(run); },
    });
    const before = process.listenerCount(signal);
    const deploying = deploy(bench.context({}, output), {});
    await running;
    process.emit(signal, signal);
    process.emit(signal, signal);
    const result = await deploying;
    expect(process.listenerCount(signal)).toBe(before);
    expect(cancels).toEqual(['cancel']);
    expect(output.lines[0]).toBe(`${signal}: asking the agent to restore what ran before; should this command end first, watch it: npx nx-deploy status api -c staging --follow`);
    return result;
  }

  test.each(['SIGINT', 'SIGHUP'] as const)('%s asks for a restore and waits for it', async (signal) => {
    const change = { outcome: 'restored', run: 'r', action: 'deploy', service: 'api', environment: 'staging', durationMs: 1, stages: {}, error: { code: 'ND-CANCELLED', what: 'cancelled' } };
    const result = await signalled(signal, (run) => { run.end(`${JSON.stringify({ type: 'result', at: '', result: change })}\n`); });
    expect(result).toMatchObject({ exitCode: 1, document: { outcome: 'restored', error: { code: 'ND-CANCELLED' } } });
  });

  test('a command that cannot wait any longer says so with exit code 2', async () => {
    expect(await signalled('SIGTERM', () => undefined)).toMatchObject({
      exitCode: 2, document: { outcome: 'not-restored', error: { code: 'ND-NOT-RESTORED', next: expect.stringMatching(/run run-\d{8}T\d{6}-[0-9a-f]{6}: npx nx-deploy status api -c staging --follow$/) } },
    });
  });
});
