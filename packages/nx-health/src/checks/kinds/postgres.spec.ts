import { setTimeout as wait } from 'node:timers/promises';
import { Client } from 'pg';
import { describeUnless } from '../../../../../tools/images/needs.spec-support.js';
import type { CheckResult } from '../../result.js';
import { lacksPostgres, PASSWORD, startPostgres, type Database } from './databases.spec-support.js';
import { closedPort, silent } from './peers.spec-support.js';
import { checkOf, kindSuite, noOthers, SECRET } from './suite.spec-support.js';

describeUnless(lacksPostgres(), 'a check of kind postgres', () => {
  let server: Database;
  beforeAll(async () => { server = await startPostgres(8); });
  afterAll(async () => { await server.stop(); });

  const url = (user = 'postgres', password = PASSWORD, port = server.port): string => `postgres://${user}:${password}@127.0.0.1:${port}/postgres`;
  const check = async (settings: object): Promise<CheckResult> => (await checkOf('postgres', settings)).run({ result: noOthers });
  const connected = async (user?: string): Promise<Client> => {
    // Who has just left may not have given his place back yet.
    for (let left = 100; ; left -= 1) {
      const client = new Client({ connectionString: url(user), connectionTimeoutMillis: 5_000, query_timeout: 5_000 });
      client.on('error', () => undefined);
      const failed = await client.connect().then(() => undefined, (error: unknown) => error);
      if (failed === undefined) return client;
      if (left === 0) throw failed;
      await wait(20);
    }
  };

  kindSuite('postgres', {
    good: () => ({ settings: { url: url(), query: 'SELECT count(*) FROM pg_database' } }),
    bad: async () => ({ settings: { url: url('postgres', SECRET, await closedPort()) } }),
    hanging: async () => { const peer = await silent(); return { settings: { url: url('postgres', SECRET, peer.port) }, open: peer.open, close: peer.close }; },
  });

  it('knows a wrong password, a database and a table that there are not', async () => {
    expect((await check({ url: url('postgres', SECRET) })).reason).toBe('password authentication failed for user "postgres" (28P01)');
    expect((await check({ url: `${url()}s` })).reason).toBe('database "postgress" does not exist (3D000)');
    expect((await check({ url: url(), query: 'SELECT 1 FROM orders' })).reason).toBe('relation "orders" does not exist (42P01)');
  });

  it('knows a server that hangs, before the login and behind it', async () => {
    server.freeze();
    try {
      expect(await check({ url: url(), timeout: '300ms' })).toMatchObject({ status: 'unhealthy', reason: 'connected, but no answer to the login within 300 ms' });
    } finally {
      server.thaw();
    }
    expect((await check({ url: url(), query: 'SELECT pg_sleep(30)', timeout: '500ms' })).reason).toBe('logged in, but no answer to the query within 500 ms');
    expect((await check({ url: url() })).status).toBe('healthy');
    const owner = await connected();
    const left = async (): Promise<number> => Number((await owner.query("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(30)%' AND pid <> pg_backend_pid()")).rows[0]?.count);
    for (let tries = 200; await left() > 0 && tries > 0; tries -= 1) await wait(10);
    expect(await left()).toBe(0);
    await owner.end();
  });

  it('changes nothing', async () => {
    expect((await check({ url: url(), query: 'CREATE TABLE x ()' })).reason).toBe('cannot execute CREATE TABLE in a read-only transaction (25006)');
    expect((await check({ url: url(), query: 'SELECT 1; -- and so on' })).reason ?? '').toBe('');
  });

  it('knows a full table of connections, and takes no place of it for longer than it asks', async () => {
    const owner = await connected();
    await owner.query(`CREATE ROLE shop LOGIN PASSWORD '${PASSWORD}'`);
    const others: Client[] = [];
    // Eight places, three of them kept for postgres; the owner has one.
    for (let index = 0; index < 4; index += 1) others.push(await connected('shop'));
    expect((await check({ url: url('shop') })).reason).toBe('remaining connection slots are reserved for non-replication superuser connections (53300)');
    for (let index = 0; index < 3; index += 1) others.push(await connected());
    expect((await check({ url: url() })).reason).toBe('sorry, too many clients already (53300)');
    await Promise.all(others.map((client) => client.end()));
    for (let index = 0; index < 20; index += 1) expect((await check({ url: url('shop') })).status).toBe('healthy');
    await owner.end();
  });
});
