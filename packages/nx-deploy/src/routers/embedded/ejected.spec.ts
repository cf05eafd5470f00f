import http from 'node:http';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket, WebSocketServer } from 'ws';
import type { Route } from '../router.js';
import { ask, closeAll, freePort, route, router, target, until, upstream, type Upstream } from './router.spec-support.js';

afterEach(closeAll);

const answering = (release: string): Promise<Upstream> => upstream((_request, response) => response.end(release));

/** rA answers, nobody listens for rB. */
async function half(rest: Partial<Route> = {}) {
  const [a, deadPort] = [await answering('rA'), await freePort()];
  const front = router();
  const port = await freePort();
  const targets = [target(a.port, 'rA'), target(deadPort, 'rB', 'b1'), target(deadPort, 'rB', 'b2')];
  const put = (change: Partial<Route> = {}): Promise<void> => front.set(route(port, targets, { weights: { rA: 50, rB: 50 }, ...rest, ...change }));
  await put();
  return { a, front, port, deadPort, put };
}

const revive = async (port: number, onConnection = (): void => {}): Promise<http.Server> => {
  const server = http.createServer((_request, response) => response.end('rB')).on('connection', onConnection);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
};

it('sends what a release cannot take to the other, whatever the method, and counts it', async () => {
  const { front, port } = await half();
  for (let index = 0; index < 100; index += 1) {
    const post = index % 3 === 0;
    const { status, body } = await ask(port, post ? { method: 'POST', body: 'content'.repeat(10_000) } : {});
    expect([status, body]).toEqual([200, 'rA']);
  }
  expect(front.metrics('api', 'rB', 60_000)).toMatchObject({ requests: 50, errors: 50, ejected: 50 });
  expect(front.metrics('api', 'rA', 60_000)).toMatchObject({ requests: 100, errors: 0, ejected: 0 });
  expect(front.totals('api').get('rB')).toEqual({ requests: 50, errors: 50, ejected: 50 });
});

it('tries it no more for a while, then by one request at a time, and takes it back when it connects', async () => {
  const { front, port, deadPort } = await half();
  for (let index = 0; index < 4; index += 1) await ask(port);
  let connections = 0;
  const server = await revive(deadPort, () => { connections += 1; });
  for (let index = 0; index < 20; index += 1) expect((await ask(port)).body).toBe('rA');
  expect(connections).toBe(0);
  await sleep(1_050);
  const bodies = [];
  for (let index = 0; index < 10; index += 1) bodies.push((await ask(port)).body);
  expect(bodies.filter((body) => body === 'rB')).toHaveLength(5);
  expect(front.metrics('api', 'rB', 60_000).errors).toBe(12);
  server.close();
});

it('has nowhere to go from a release with all the weight: 502, and a warm release is not used', async () => {
  const { front, port, put, deadPort } = await half({ weights: { rA: 0, rB: 100 } });
  for (let index = 0; index < 3; index += 1) expect((await ask(port)).status).toBe(502);
  expect(front.metrics('api', 'rA', 60_000).requests).toBe(0);
  expect(front.metrics('api', 'rB', 60_000)).toMatchObject({ requests: 3, errors: 3, ejected: 0 });
  // It is tried each time, so that it is back at once.
  const server = await revive(deadPort);
  expect((await ask(port)).body).toBe('rB');
  server.close();
  await put({ weights: { rA: 50, rB: 50 } });
  expect((await ask(port)).status).toBe(200);
});

it('moves sticky clients and testers too, upgrades as well, and brings clients back', async () => {
  const { a, front, port, deadPort } = await half({ sticky: { cookie: 'nx' }, testers: { header: 'x-release', arriving: 'rB' } });
  new WebSocketServer({ server: a.server }).on('connection', (socket) => socket.send('rA'));
  const clients: string[] = [];
  for (let index = 0; index < 20; index += 1) {
    const { body, message } = await ask(port);
    expect(body).toBe('rA');
    clients.push((message.headers['set-cookie']?.[0] ?? '').split(';')[0]!);
  }
  const ejected = front.metrics('api', 'rB', 60_000).ejected;
  expect(ejected).toBeGreaterThan(2);
  expect((await ask(port, { headers: { 'x-release': 'always' } })).body).toBe('rA');
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { headers: { 'x-release': 'always' } });
  expect(String((await once(socket, 'message') as [Buffer])[0])).toBe('rA');
  socket.terminate();
  expect(front.metrics('api', 'rB', 60_000).ejected).toBe(ejected + 2);
  const server = await revive(deadPort);
  await sleep(1_050);
  let back = 0;
  for (const cookie of clients) if ((await ask(port, { headers: { cookie } })).body === 'rB') back += 1;
  expect(back).toBe(ejected);
  server.close();
});

it('loses no request when a release with half of the traffic stops listening, and comes back, under load', async () => {
  const { front, port, deadPort } = await half();
  const agent = new http.Agent({ keepAlive: true });
  const counts: Record<string, number> = {};
  let running = true;
  const clients = Array.from({ length: 10 }, async (_, number) => {
    for (let index = 0; running; index += 1) {
      const post = (index + number) % 3 === 0;
      const { status, body } = await ask(port, { agent, ...(post ? { method: 'POST', body: 'content' } : {}) });
      const key = status === 200 ? body : String(status);
      counts[key] = (counts[key] ?? 0) + 1;
      await sleep(1);
    }
  });
  for (let turn = 0; turn < 2; turn += 1) {
    await sleep(200);
    const server = await revive(deadPort);
    const { rB = 0 } = counts;
    await until(() => (counts.rB ?? 0) > rB + 20, 'it has its share again');
    server.close();
    await once(server, 'close');
  }
  running = false;
  await Promise.all(clients);
  agent.destroy();
  expect(Object.keys(counts).sort()).toEqual(['rA', 'rB']);
  const [ofA, ofB] = [front.metrics('api', 'rA', 60_000), front.metrics('api', 'rB', 60_000)];
  expect([ofA.requests, ofA.errors, ofB.requests - ofB.ejected, ofB.errors]).toEqual([counts.rA, 0, counts.rB, ofB.ejected]);
  // The round knows no ejection: half of the requests were meant for it.
  expect(Math.abs(ofB.requests - (counts.rA! + counts.rB!) / 2)).toBeLessThanOrEqual(1);
});
