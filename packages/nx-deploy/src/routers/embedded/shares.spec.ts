import http from 'node:http';
import type { Router } from '../router.js';
import { ask, closeAll, route, serving, target, upstream } from './router.spec-support.js';

afterEach(closeAll);

const answering = (release: string) => upstream((_request, response) => response.end(release));

/** 1,000 requests from 20 clients at once. */
async function tally(port: number): Promise<Record<string, number>> {
  const agent = new http.Agent({ keepAlive: true });
  const counts: Record<string, number> = {};
  await Promise.all(Array.from({ length: 20 }, async () => {
    for (let index = 0; index < 50; index += 1) {
      const { body } = await ask(port, { agent });
      counts[body] = (counts[body] ?? 0) + 1;
    }
  }));
  agent.destroy();
  return counts;
}

async function churning<T>(front: Router, change: (turn: number) => Promise<void>, work: Promise<T>): Promise<T> {
  let running = true;
  const churn = (async () => {
    for (let turn = 0; running; turn += 1) await change(turn);
  })();
  const result = await work;
  running = false;
  await churn;
  expect(front.route('api')).toBeDefined();
  return result;
}

it.each([[{ rA: 90, rB: 10 }], [{ rA: 95, rB: 5 }], [{ rA: 99, rB: 1 }], [{ rA: 60, rB: 30, rC: 10 }]])('splits 1,000 requests by %j while instances come and go', async (weights: Record<string, number>) => {
  const servers = await Promise.all(Object.keys(weights).map(async (release) => [release, (await answering(release)).port] as const));
  const { front, port } = await serving();
  const targets = (turn: number) => servers.flatMap(([release, at]) => Array.from({ length: 1 + turn % 3 }, (_, number) => target(at, release, `${release}-${(turn >> 1) + number}`)));
  await front.set(route(port, targets(0), { weights }));
  const counts = await churning(front, async (turn) => {
    await front.set(route(port, targets(turn), { weights }));
    await new Promise((resolve) => { setTimeout(resolve, 1); });
  }, tally(port));
  expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(1_000);
  for (const [release, weight] of Object.entries(weights)) expect(Math.abs((counts[release] ?? 0) - weight * 10)).toBeLessThanOrEqual(2);
});

it('keeps the round while a release has no instance for moments', async () => {
  const [a, b] = [await answering('rA'), await answering('rB')];
  const { front, port } = await serving();
  const weights = { rA: 80, rB: 20 };
  const all = [target(a.port, 'rA'), target(b.port, 'rB')];
  await front.set(route(port, all, { weights }));
  let served = 0;
  for (let index = 0; index < 300; index += 1) {
    // Away for one request in three, right after it was its turn to wait.
    await front.set(route(port, index % 3 === 0 ? all.slice(0, 1) : all, { weights }));
    if ((await ask(port)).body === 'rB') served += 1;
  }
  // 200 requests had both to choose from.
  expect(served).toBe(40);
});
