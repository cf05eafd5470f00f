import { createServer, request } from 'node:http';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { benchPerTest, deployFile, eventually, Recorder, type Workbench } from '../commands/workbench.spec-support.js';
import { resolveProject, serviceTarget } from '../commands/context.js';
import { deploy } from '../commands/deploy.js';
import { createEmbeddedRouter } from '../routers/embedded/index.js';
import { PROTOCOL, type RunRequest } from './protocol.js';
import { Registry } from './registry.js';
import { openControl, type ControlOptions } from './server.js';
import { Watches } from './watches.js';

let bench: Workbench;
benchPerTest((made) => { bench = made; });

/** Sends bytes as they are. */
function raw(path: string, body: string): Promise<{ readonly status: number | undefined; readonly body: unknown }> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath: bench.home.socket, path, method: 'POST', agent: false }, (response) => {
      text(response).then((answer) => resolve({ status: response.statusCode, body: JSON.parse(answer) }), reject);
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

test.each([
  ['/v1/status', '{ this is no JSON'],
  ['/v1/status', 'null'],
  ['/v1/status', ''],
  ['/v1/run', '{}'],
  ['/v1/logs', '{"key":{}}'],
])('%s with %j is answered with an error, and the agent lives', async (path, body) => {
  expect(await raw(path, body)).toMatchObject({ status: 400, body: { error: { code: expect.stringMatching(/^ND-/) } } });
  expect((await bench.client()).hello).toMatchObject({ version: 'test', pid: process.pid, home: bench.home.folder });
});

test('a fault inside is logged with its stack', async () => {
  await raw('/v1/status', 'null');
  expect(await readFile(bench.agent?.log.file ?? '', 'utf8')).toMatch(/"msg":"a request failed"/);
});

test.each(['/v1/launch', '/v1/toString', '/v2/hello', '/', '/v1/hello/..'])('%s is a call that this agent does not know', async (path) => {
  expect(await raw(path, '{}')).toMatchObject({ status: 400, body: { error: { code: 'ND-AGENT-VERSION' } } });
});

test('a service that was never deployed has an empty status, and is no service of the agent', async () => {
  expect(await bench.status()).toMatchObject({ service: 'api', environment: 'staging', deployed: false, releases: [], ledger: { ok: true, entries: 0 } });
  expect(await (await bench.client()).call('services', {})).toEqual([]);
});

test('a run that nobody knows cannot be cancelled', async () => {
  expect(await (await bench.client()).call('cancel', { run: 'run-none' })).toEqual({ cancelled: false });
});

test('another workspace of the same name is refused', async () => {
  await bench.deploy();
  const client = await bench.client();
  const context = bench.context();
  const target = await serviceTarget(context, resolveProject(context));
  await expect(client.call('status', { ...target, owner: 'git:example.com/other' })).rejects.toMatchObject({
    code: 'ND-OWNER-CONFLICT', parts: { why: `it was deployed from ${target.owner}, this workspace is git:example.com/other` },
  });
  await bench.write('nx.json', { plugins: [{ plugin: 'nx-deploy/plugin', options: { workspaceId: 'acme' } }] });
  expect(await bench.deploy()).toMatchObject({ exitCode: 3, document: { error: { code: 'ND-OWNER-CONFLICT' } } });
});

test('a dry run takes no ownership: who deploys first is the owner', async () => {
  expect(await bench.deploy({ dryRun: true })).toMatchObject({ exitCode: 0 });
  const client = await bench.client();
  const context = bench.context();
  const target = await serviceTarget(context, resolveProject(context));
  const other = { ...target, owner: 'git:example.com/other' };
  expect(await client.call('status', other)).toMatchObject({ deployed: false });
  expect((await bench.deploy()).document.outcome).toBe('done');
  await expect(client.call('status', other)).rejects.toMatchObject({ code: 'ND-OWNER-CONFLICT' });
});

/** A deploy that stays under way until its hook is ended. */
const slow = deployFile({ hooks: { preDeploy: [['node', '-e', 'console.log("waiting"); setTimeout(() => {}, 30000)']] } });

async function underWay(): Promise<{ readonly result: ReturnType<Workbench['deploy']>; readonly run: string }> {
  const output = new Recorder();
  const result = bench.deploy({}, {}, output);
  await eventually(() => output.events.some((event) => event.type === 'output'), 'the hook');
  return { result, run: (await bench.status()).lock?.run ?? '' };
}

test('a second deploy while one goes on is refused with its holder, status shows the lock, and cancel ends it', async () => {
  await bench.write('apps/api/deploy.json', slow);
  const { result, run } = await underWay();
  expect(await bench.status()).toMatchObject({ lock: { action: 'deploy', actor: { pid: process.pid } } });
  const second = await bench.deploy();
  expect(second).toMatchObject({ exitCode: 3, document: { outcome: 'refused', error: { code: 'ND-LOCKED', why: expect.stringContaining(run) } } });
  expect(await (await bench.client()).call('cancel', { run })).toEqual({ cancelled: true });
  expect(await result).toMatchObject({ exitCode: 1, document: { outcome: 'restored', error: { code: 'ND-CANCELLED' } } });
  expect((await bench.status()).lock).toBeUndefined();
});

test('a command that goes away in the middle is as good as a cancel', async () => {
  const first = await bench.deploy();
  await bench.write('apps/api/deploy.json', slow);
  await bench.build('2');
  const request = await captured();
  const gone = new AbortController();
  const seen: string[] = [];
  for await (const message of (await bench.client()).stream('run', request, gone.signal)) {
    seen.push(message.type);
    if (message.type === 'event' && message.event.type === 'output') gone.abort();
  }
  expect(seen).not.toContain('result');
  await eventually(async () => (await bench.status()).lock === undefined, 'the lock to be free');
  const status = await bench.status();
  expect(status.live).toBe(first.document.release);
  expect(status.releases[0]).toMatchObject({ action: 'deploy', outcome: 'restored' });
});

/** What a deploy sends to the agent, caught by another socket. */
async function captured(): Promise<RunRequest> {
  const socket = join(bench.folder, 'caught.sock');
  let seen: RunRequest | undefined;
  const fake = createServer((incoming, response) => {
    void text(incoming).then((body) => {
      if (incoming.url === '/v1/run') seen = JSON.parse(body) as RunRequest;
      response.end(JSON.stringify({ protocol: PROTOCOL }));
    });
  });
  await new Promise<void>((resolve) => { fake.listen(socket, resolve); });
  await deploy({ ...bench.context(), home: { ...bench.home, socket } }, {});
  await new Promise((resolve) => { fake.close(resolve); });
  if (seen === undefined) throw new Error('no run was asked for');
  return seen;
}

test('a slow reader gets every line of the logs', async () => {
  await bench.write('apps/api/dist/main.js', 'for (let i = 0; i < 30000; i += 1) console.log(`line ${i} ${"x".repeat(60)}`); require("node:http").createServer((q, a) => a.end()).listen(process.env.PORT, "127.0.0.1");');
  expect((await bench.deploy()).document.outcome).toBe('done');
  const context = bench.context();
  const body = JSON.stringify({ ...await serviceTarget(context, resolveProject(context)), follow: false });
  const read = (delay: number): Promise<string> => new Promise((resolve, reject) => {
    const outgoing = request({ socketPath: bench.home.socket, path: '/v1/logs', method: 'POST', agent: false }, (response) => {
      // The socket's buffers fill before the first byte is read.
      setTimeout(() => { text(response).then(resolve, reject); }, delay);
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
  // It is ready before all that it printed stands in its log.
  await eventually(async () => (await read(0)).includes('line 29999 '), 'the log to be written');
  const answer = await read(500);
  const lines = answer.trimEnd().split('\n').map((line) => (JSON.parse(line) as { text: string }).text).filter((line) => line.startsWith('line '));
  expect(lines).toHaveLength(30_000);
  expect(lines.at(-1)).toMatch(/^line 29999 x+$/);
});

test('stop restores what goes on before it ends the instances', async () => {
  await bench.deploy();
  await bench.write('apps/api/deploy.json', slow);
  await bench.build('2');
  const { result } = await underWay();
  expect(await (await bench.client()).call('stop', { instances: true })).toEqual({ stopped: 1 });
  expect(await result).toMatchObject({ exitCode: 1, document: { outcome: 'restored' } });
  await bench.agent?.left;
  bench.agent = undefined;
  await expect(bench.client()).rejects.toThrow('no agent runs');
});

test('the agent leaves even when whoever asked it to stop is gone before the answer', async () => {
  await bench.write('apps/api/dist/main.js', 'process.on("SIGTERM", () => {}); require("node:http").createServer((q, a) => a.end()).listen(process.env.PORT, "127.0.0.1");');
  expect((await bench.deploy()).document.outcome).toBe('done');
  const outgoing = request({ socketPath: bench.home.socket, path: '/v1/stop', method: 'POST', agent: false });
  outgoing.on('error', () => undefined);
  outgoing.end(JSON.stringify({ instances: true }));
  await eventually(async () => (await readFile(bench.agent?.log.file ?? '', 'utf8')).includes('"msg":"leaving"'), 'the agent to begin');
  outgoing.destroy();
  await bench.agent?.left;
  bench.agent = undefined;
});

test('an agent whose socket was removed makes it again, and what is under way goes on', async () => {
  await bench.write('apps/api/deploy.json', slow);
  const { result, run } = await underWay();
  await rm(bench.home.socket);
  await eventually(() => existsSync(bench.home.socket), 'the socket');
  expect((await stat(bench.home.socket)).mode & 0o777).toBe(0o600);
  expect(await (await bench.client()).call('cancel', { run })).toEqual({ cancelled: true });
  expect(await result).toMatchObject({ document: { error: { code: 'ND-CANCELLED' } } });
});

test('an agent does not listen in a folder that others may write in, and makes its own for itself alone', async () => {
  const folder = join(bench.folder, 'planted');
  await mkdir(folder);
  await chmod(folder, 0o777);
  const options: ControlOptions = {
    socket: join(folder, 'agent.sock'), hello: (await bench.client()).hello, watches: new Watches(() => undefined), registry: new Registry({
      home: bench.home, router: createEmbeddedRouter(), shim: 'none', materialise: () => Promise.resolve(), log: () => undefined,
    }),
    prune: () => Promise.resolve({ files: 0, bytes: 0 }), log: () => undefined, stop: () => Promise.resolve({ stopped: 0, leave: () => undefined }), takeover: () => Promise.reject(new Error('none')),
  };
  await expect(openControl(options)).rejects.toMatchObject({ code: 'ND-AGENT-FAILED', parts: { where: folder } });
  expect(await readdir(folder)).toEqual([]);
  const server = await openControl({ ...options, socket: join(folder, 'own/agent.sock') });
  server.close();
  expect((await stat(join(folder, 'own'))).mode & 0o777).toBe(0o700);
});
