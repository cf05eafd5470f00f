import http from 'node:http';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { ask, closeAll, rawUpstream, route, serving, target, upstream } from './router.spec-support.js';

afterEach(closeAll);

/**
 * An instance in an event loop of its own that closes idle connections after 1 to 5 ms and does not announce it, so that a kept one
 * often ends just as it is used again. Reports how many connections and requests there were.
 */
const impatient = `
const http = require('node:http');
const { parentPort, workerData } = require('node:worker_threads');
const counts = { connections: 0, requests: 0 };
const server = http.createServer({ keepAliveTimeout: 1 }, (request, response) => {
  counts.requests += 1;
  let length = 0;
  request.on('data', (chunk) => { length += chunk.length; });
  request.on('end', () => {
    server.keepAliveTimeout = 1 + counts.requests % 5;
    response.setHeader('Connection', request.headers.connection);
    response.end(workerData + ' ' + length);
  });
});
server.on('connection', () => { counts.connections += 1; });
server.listen(0, '127.0.0.1', 4096, () => parentPort.postMessage(server.address().port));
parentPort.on('message', () => parentPort.postMessage(counts));
`;

interface Counts { readonly connections: number; readonly requests: number }

class Impatient {
  private constructor(private readonly worker: Worker, readonly port: number) {}

  static async start(release: string): Promise<Impatient> {
    const worker = new Worker(impatient, { eval: true, workerData: release });
    const [port] = await once(worker, 'message') as [number];
    return new Impatient(worker, port);
  }

  async stop(): Promise<Counts> {
    const counts = once(this.worker, 'message');
    this.worker.postMessage('counts');
    const [value] = await counts as [Counts];
    await this.worker.terminate();
    return value;
  }
}

it('loses no request of thousands, GET and POST, while routes switch and instances close idle connections', async () => {
  const [a, b] = [await Impatient.start('rA'), await Impatient.start('rB')];
  const [onA, onB] = [target(a.port, 'rA'), target(b.port, 'rB')];
  const { front, port } = await serving(onA);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
  const counts: Record<string, number> = {};
  let failed = 0;
  let running = true;
  const switching = (async () => {
    for (let turn = 0; running; turn += 1) {
      const [next, last] = turn % 2 === 0 ? [onB, onA] : [onA, onB];
      await front.set(route(port, [next]));
      if (!await front.drained('api', last.id, 5_000) || front.inFlight('api', last.id) !== 0) failed += 1;
      await sleep(40);
    }
  })();
  const client = async (number: number): Promise<void> => {
    for (let index = 0; index < 250; index += 1) {
      const post = (index + number) % 3 === 0;
      const size = post ? 10 + index * 100 : 0;
      const { status, body } = await ask(port, { agent, ...(post ? { method: 'POST', body: Buffer.alloc(size) } : {}) });
      const [release = '', length] = body.split(' ');
      if (status !== 200 || Number(length) !== size) failed += 1;
      counts[release] = (counts[release] ?? 0) + 1;
      await sleep(Math.random() * 7);
    }
  };
  await Promise.all(Array.from({ length: 14 }, (_, number) => client(number)));
  running = false;
  await switching;
  agent.destroy();
  const [atA, atB] = [await a.stop(), await b.stop()];
  expect(failed).toBe(0);
  expect(counts.rA! + counts.rB!).toBe(3_500);
  expect(Math.min(counts.rA!, counts.rB!)).toBeGreaterThan(300);
  const [ofA, ofB] = [front.metrics('api', 'rA', 600_000), front.metrics('api', 'rB', 600_000)];
  expect([ofA.requests + ofB.requests, ofA.errors, ofB.errors]).toEqual([3_500, 0, 0]);
  expect(atA.requests + atB.requests).toBe(3_500);
  // Connections were kept, or what this is about could not happen.
  expect(atA.connections + atB.connections).toBeLessThan(3_400);
});

it('loses no request when every kept connection is closed at its second use; content goes over fresh ones alone', async () => {
  let dropped = 0;
  let doubled = 0;
  const { port: at } = await rawUpstream((socket) => {
    let heads = 0;
    socket.setEncoding('latin1').on('data', (chunk) => {
      if (!/^(GET|POST|DELETE) /.test(String(chunk))) return;
      heads += 1;
      if (heads === 1) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      else if (String(chunk).startsWith('GET ')) {
        dropped += 1;
        if (dropped % 2 === 0) socket.resetAndDestroy();
        else socket.end();
      } else doubled += 1;
    });
  });
  const { front, port } = await serving(target(at));
  const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
  const statuses = new Set<number>();
  await Promise.all(Array.from({ length: 8 }, async (_, number) => {
    for (let index = 0; index < 60; index += 1) {
      const method = ['GET', 'POST', 'GET', 'DELETE', 'GET'][(index + number) % 5]!;
      statuses.add((await ask(port, { agent, method, ...(method === 'POST' ? { body: 'content' } : {}) })).status);
    }
  }));
  agent.destroy();
  expect([...statuses]).toEqual([200]);
  expect(doubled).toBe(0);
  expect(dropped).toBeGreaterThan(100);
  expect(front.metrics('api', 'rA', 60_000)).toMatchObject({ requests: 480, errors: 0 });
});

it('splits by weight within 1 of 1000 requests, over many clients and instances', async () => {
  const [a, b] = [await upstream((_request, response) => response.end('rA')), await upstream((_request, response) => response.end('rB'))];
  const { front, port } = await serving();
  await front.set(route(port, [target(a.port, 'rA', 'a1'), target(a.port, 'rA', 'a2'), target(b.port, 'rB', 'b1')], { weights: { rA: 95, rB: 5 } }));
  const counts: Record<string, number> = {};
  await Promise.all(Array.from({ length: 20 }, async () => {
    for (let index = 0; index < 50; index += 1) {
      const { body } = await ask(port);
      counts[body] = (counts[body] ?? 0) + 1;
    }
  }));
  expect(counts).toEqual({ rA: 950, rB: 50 });
});
