import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask, closeAll, route, serving, target, upstream, type Upstream } from './router.spec-support.js';

afterEach(closeAll);

/** An instance that closes idle connections after 1 to 5 ms without saying so, so that kept ones often end just as they are used. */
async function impatient(release: string): Promise<Upstream> {
  const made = await upstream((request, response) => {
    void request.toArray().then((chunks) => {
      // Said outright, Node does not announce its timeout.
      response.setHeader('Connection', request.headers.connection ?? 'keep-alive');
      response.end(`${release} ${Buffer.concat(chunks as Buffer[]).length}`);
      made.server.keepAliveTimeout = 1 + Math.floor(Math.random() * 5);
    });
  }, { keepAliveTimeout: 1 });
  return made;
}

it('loses no request of thousands, GET and POST, while routes switch and instances close idle connections', async () => {
  const [a, b] = [await impatient('rA'), await impatient('rB')];
  const [onA, onB] = [target(a.port, 'rA'), target(b.port, 'rB')];
  const { front, port } = await serving(onA);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
  const counts: Record<string, number> = {};
  let misrouted = 0;
  let running = true;
  const switching = (async () => {
    for (let turn = 0; running; turn += 1) {
      const [next, last] = turn % 2 === 0 ? [onB, onA] : [onA, onB];
      await front.set(route(port, [next]));
      if (!await front.drained('api', last.id, 5_000) || front.inFlight('api', last.id) !== 0) misrouted += 1;
      await sleep(15);
    }
  })();
  const client = async (number: number): Promise<void> => {
    for (let index = 0; index < 250; index += 1) {
      const post = (index + number) % 3 === 0;
      const size = post ? 10 + index * 100 : 0;
      const { status, body } = await ask(port, { agent, ...(post ? { method: 'POST', body: Buffer.alloc(size) } : {}) });
      const [release = '', length] = body.split(' ');
      if (status !== 200 || Number(length) !== size) misrouted += 1;
      counts[release] = (counts[release] ?? 0) + 1;
      await sleep(Math.random() * 7);
    }
  };
  await Promise.all(Array.from({ length: 14 }, (_, number) => client(number)));
  running = false;
  await switching;
  agent.destroy();
  expect(misrouted).toBe(0);
  expect(counts.rA! + counts.rB!).toBe(3_500);
  expect(Math.min(counts.rA!, counts.rB!)).toBeGreaterThan(500);
  const [ofA, ofB] = [front.metrics('api', 'rA', 600_000), front.metrics('api', 'rB', 600_000)];
  expect([ofA.requests + ofB.requests, ofA.errors, ofB.errors]).toEqual([3_500, 0, 0]);
  // Connections were kept, or the race this is about could not happen.
  expect(a.connections() + b.connections()).toBeLessThan(3_400);
});

it('splits by weight within 1 of 1000 requests, over many clients and instances', async () => {
  const [a, b] = [await impatient('rA'), await impatient('rB')];
  const { front, port } = await serving();
  await front.set(route(port, [target(a.port, 'rA', 'a1'), target(a.port, 'rA', 'a2'), target(b.port, 'rB', 'b1')], { weights: { rA: 95, rB: 5 } }));
  const counts: Record<string, number> = {};
  await Promise.all(Array.from({ length: 20 }, async () => {
    for (let index = 0; index < 50; index += 1) {
      const release = (await ask(port)).body.split(' ')[0]!;
      counts[release] = (counts[release] ?? 0) + 1;
    }
  }));
  expect(counts).toEqual({ rA: 950, rB: 50 });
});
