/** Many requests while a check hangs: nothing piles up, nothing is kept. A million under NX_DEPLOY_SOAK=1. */
import { Agent, createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createEndpoint } from './index.js';

const REQUESTS = process.env['NX_DEPLOY_SOAK'] === '1' ? 1_000_000 : 10_000;
const AT_ONCE = 50;

function heapAfterCollection(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}

test(`${REQUESTS} requests beside a check that hangs start it once, are each answered, and leave nothing behind`, async () => {
  let asked = 0;
  const hangs = (): Promise<undefined> => {
    asked += 1;
    return new Promise(() => undefined);
  };
  const endpoint = createEndpoint({ details: 'always', components: { db: { check: hangs, timeoutMs: 100, cacheMs: 20 }, cache: { check: () => undefined, cacheMs: 20 } } });
  const server = createServer((request, response) => { endpoint.handle(request, response); });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const one = (path: string): Promise<number> => new Promise((resolve, reject) => {
    get(`${url}${path}`, { agent }, (response) => { response.resume().on('end', () => resolve(response.statusCode ?? 0)); }).on('error', reject);
  });
  const many = async (count: number): Promise<Record<string, number>> => {
    const counts: Record<string, number> = {};
    let left = count;
    await Promise.all(Array.from({ length: AT_ONCE }, async () => {
      while (left > 0) {
        left -= 1;
        const path = left % 10 === 0 ? '/ready' : '/health';
        const status = await one(path);
        counts[`${path} ${status}`] = (counts[`${path} ${status}`] ?? 0) + 1;
      }
    }));
    return counts;
  };
  try {
    expect(await one('/health')).toBe(503);
    await many(2_000);
    const before = heapAfterCollection();
    const counts = await many(REQUESTS);
    const grown = heapAfterCollection() - before;
    expect(counts).toEqual({ '/health 503': REQUESTS * 0.9, '/ready 503': REQUESTS / 10 });
    expect(asked).toBe(1);
    expect(grown).toBeLessThan(3 * 1024 * 1024);
  } finally {
    endpoint.health.close();
    agent.destroy();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}, 900_000);
