import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bundle, temporaryFolder } from '../../shell/programs.spec-support.js';
import { descriptorOf, isSocket } from './descriptor.js';
import { createEmbeddedRouter, type InheritableRouter } from './index.js';
import { ask, closeAll, freePort, route, target, upstream } from './router.spec-support.js';

const root = temporaryFolder('inherit');
/** A router that goes on with what it inherits once it is told to. */
const program = bundle(`
  import { createEmbeddedRouter } from './routers/embedded/index.js';
  const names = JSON.parse(process.argv[2]);
  const router = createEmbeddedRouter({ inherited: new Map(names.map((name, index) => [name, 3 + index])) });
  process.on('message', async (route) => {
    await router.set(route);
    router.closeUnclaimed();
    process.send(router.descriptors());
  });
  process.send('ready');
`, join(root, 'heir.cjs'));

const routers: InheritableRouter[] = [];
const children: ChildProcess[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await Promise.all(routers.splice(0).map((front) => front.close(0)));
  await closeAll();
});

function made(options: Parameters<typeof createEmbeddedRouter>[0] = {}): InheritableRouter {
  const front = createEmbeddedRouter(options);
  routers.push(front);
  return front;
}

async function heir(front: InheritableRouter): Promise<ChildProcess> {
  const listeners = front.descriptors();
  const child = spawn(process.execPath, [program, JSON.stringify(listeners.map(({ name }) => name))], { stdio: ['ignore', 'inherit', 'inherit', ...listeners.map(({ fd }) => fd), 'ipc'] });
  children.push(child);
  await once(child, 'message');
  return child;
}

test('connections that come between two processes are answered by the second', async () => {
  const { port: up } = await upstream((_request, response) => { response.end('hello'); });
  const [front, port] = [made(), await freePort()];
  await front.set(route(port, [target(up)]));
  const child = await heir(front);
  await front.close(1_000);
  const waiting = Array.from({ length: 20 }, () => ask(port));
  await sleep(200);
  child.send(route(port, [target(up)]));
  const [descriptors] = await once(child, 'message') as [readonly { name: string }[]];
  expect(descriptors).toMatchObject([{ name: `127.0.0.1:${port}` }]);
  expect((await Promise.all(waiting)).map(({ body }) => body)).toEqual(Array.from({ length: 20 }, () => 'hello'));
});

test('a listener that nobody goes on with is closed', async () => {
  const { port: up } = await upstream((_request, response) => { response.end('hello'); });
  const [front, kept, dropped] = [made(), await freePort(), await freePort()];
  await front.set(route(kept, [target(up)]));
  await front.set(route(dropped, [target(up)], { key: 'other' }));
  const child = await heir(front);
  await front.close(1_000);
  const socket = net.connect(dropped, '127.0.0.1');
  await once(socket, 'connect');
  const ended = once(socket, 'error');
  child.send(route(kept, [target(up)]));
  await once(child, 'message');
  await ended;
  await expect(ask(dropped)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  expect((await ask(kept)).body).toBe('hello');
});

test('whoever keeps descriptors is told of every change, and is waited for before an address is bound', async () => {
  const changes: string[] = [];
  let waited = 0;
  const front = made({ onListeners: (change) => changes.push(change), beforeBind: async () => { await sleep(20); waited += 1; } });
  const { port: up } = await upstream((_request, response) => { response.end(); });
  const [one, other] = [await freePort(), await freePort()];
  expect(front.descriptors()).toEqual([]);
  await front.set(route(one, [target(up)]));
  await front.set(route(one, [target(up, 'rB')]));
  expect([changes, waited]).toEqual([['opened'], 1]);
  const [first] = front.descriptors();
  expect([first?.name, isSocket(first?.fd ?? -1)]).toEqual([`127.0.0.1:${one}`, true]);
  await front.set(route(other, [target(up)]));
  expect([changes, waited, front.descriptors().map(({ name }) => name)]).toEqual([['opened', 'opened', 'closed'], 2, [`127.0.0.1:${other}`]]);
  await front.remove('api');
  expect([changes.at(-1), front.descriptors()]).toEqual(['closed', []]);
  await front.set(route(other, [target(up)]));
  // The end of the router is no change that anybody need act upon.
  await front.close(0);
  expect(changes).toEqual(['opened', 'opened', 'closed', 'closed', 'opened']);
});

test('a number that is no socket is not taken for one: the address is bound', async () => {
  const { port: up } = await upstream((_request, response) => { response.end('bound'); });
  const [port, file] = [await freePort(), openSync(__filename, 'r')];
  const front = made({ inherited: new Map([[`127.0.0.1:${port}`, 9_999], ['127.0.0.1:1', file], ['127.0.0.1:2', 9_998]]) });
  await front.set(route(port, [target(up)]));
  front.closeUnclaimed();
  expect((await ask(port)).body).toBe('bound');
  expect([isSocket(file), isSocket(9_999)]).toEqual([false, false]);
});

test('a server that does not listen has no descriptor', async () => {
  const server = net.createServer();
  expect(descriptorOf(server)).toBeUndefined();
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  expect(descriptorOf(server)).toBeGreaterThan(2);
  await new Promise((resolve) => { server.close(resolve); });
  expect(descriptorOf(server)).toBeUndefined();
});
