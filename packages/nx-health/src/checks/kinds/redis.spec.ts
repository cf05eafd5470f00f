import { setTimeout as wait } from 'node:timers/promises';
import * as ioredis from 'ioredis';
import * as redis from 'redis';
import { describeUnless } from '../../../../../tools/images/needs.spec-support.js';
import type { CheckResult } from '../../result.js';
import { lacksRedis, PASSWORD, startRedis, type Database } from './databases.spec-support.js';
import { closedPort, silent } from './peers.spec-support.js';
import { ofIoredis, ofRedis } from './redis.js';
import { checkOf, kindSuite, noOthers, SECRET } from './suite.spec-support.js';

/** Which library answers is decided by what is installed; here both are, and each has its turn. */
const mockLibraries: { now: 'redis' | 'ioredis' } = { now: 'redis' };
jest.mock('../peer.js', () => ({ loadPeer: () => (mockLibraries.now === 'redis' ? { name: 'redis', library: redis } : { name: 'ioredis', library: ioredis }) }));

describeUnless(lacksRedis(), 'a check of kind redis', () => {
  let server: Database;
  beforeAll(async () => { server = await startRedis(5); });
  afterAll(async () => { await server.stop(); });
  const url = (password = PASSWORD, port = server.port): string => `redis://:${password}@127.0.0.1:${port}/0`;
  const check = async (settings: object): Promise<CheckResult> => (await checkOf('redis', settings)).run({ result: noOthers });

  describe.each(['redis', 'ioredis'] as const)('by the package %s', (library) => {
    beforeEach(() => { mockLibraries.now = library; });

    kindSuite('redis', {
      good: () => ({ settings: { url: url() } }),
      bad: async () => ({ settings: { url: url(SECRET, await closedPort()) } }),
      hanging: async () => { const peer = await silent(); return { settings: { url: url(SECRET, peer.port) }, open: peer.open, close: peer.close }; },
    });

    it('knows a wrong password, none, and a database that there is not', async () => {
      expect((await check({ url: url(SECRET) })).reason).toMatch(/^WRONGPASS invalid username-password pair/);
      expect((await check({ url: `redis://127.0.0.1:${server.port}` })).reason).toMatch(/^NOAUTH /);
      expect((await check({ url: url().replace(/0$/, '99') })).reason).toMatch(/DB index is out of range/);
      expect((await check({ url: 'redis://127.0.0.1:1' })).reason).toContain('ECONNREFUSED');
    });

    it('knows a server that hangs', async () => {
      server.freeze();
      try {
        expect(await check({ url: url(), timeout: '200ms' })).toMatchObject({ status: 'unhealthy', reason: 'no answer within 200 ms' });
      } finally {
        server.thaw();
      }
      expect((await check({ url: url() })).status).toBe('healthy');
    });

    it('knows a full table of connections, and takes no place of it for longer than it asks', async () => {
      const others = await Promise.all(Array.from({ length: 5 }, async () => {
        // Some of the tests before may not have left yet.
        for (let left = 100; ; left -= 1) {
          const client = redis.createClient({ url: url(), socket: { reconnectStrategy: false } }).on('error', () => undefined);
          if (await client.connect().then(() => true, () => false)) return client;
          if (left === 0) throw new Error('the server is full');
          await wait(20);
        }
      }));
      expect((await check({ url: url() })).reason).toMatch(/max number of clients reached|Socket closed unexpectedly|Connection is closed|EPIPE|ECONNRESET/);
      others.forEach((client) => { client.destroy(); });
      for (let index = 0; index < 20; index += 1) expect((await check({ url: url() })).status).toBe('healthy');
    });
  });

  it.each([['redis', ofRedis], ['ioredis', ofIoredis]] as const)('%s is over when it is ended, whatever it was doing', async (name, open) => {
    const peer = await silent();
    for (const before of [() => undefined, () => new Promise((resolve) => { setImmediate(resolve); }), () => wait(1), () => wait(30)]) {
      const client = open((name === 'redis' ? redis : ioredis) as never, url(SECRET, peer.port), 5_000);
      const ended = client.ping().then(() => 'an answer', () => 'over');
      await before();
      client.destroy();
      expect(await Promise.race([ended, wait(3_000, 'it goes on')])).toBe('over');
      for (let left = 200; peer.open() > 0 && left > 0; left -= 1) await wait(10);
      expect(peer.open()).toBe(0);
    }
    await peer.close();
  });

  it('ends the clients of both', async () => {
    for (const client of [ofRedis(redis, url(), 1_000), ofIoredis(ioredis, url(), 1_000)]) {
      expect(await client.ping()).toBe('PONG');
      client.destroy();
      client.destroy();
    }
  });
});
