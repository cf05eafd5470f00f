import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Load } from '../../../tools/load/load.js';
import { routes } from './routes/index.js';
import type { Handler } from './routes/route.js';
import { send, start, stop, type Started } from './started.spec-support.js';

let service: Started;
beforeEach(async () => {
  service = await start({ API_TOKEN: 'a-token-of-a-test', GREETING: 'Moin' });
});
afterEach(() => stop(service));

const get = (path: string, headers: Record<string, string> = {}): ReturnType<typeof send> => send(service.url + path, { headers });

describe('answers', () => {
  it.each([
    ['/', { greeting: 'Moin' }],
    ['/health', expect.objectContaining({ status: 'HEALTHY', version: '1.0.0', uptime: expect.any(Number), components: {} })],
    ['/ready', { status: 'ready' }],
    ['/live', { status: 'live' }],
    ['/version', { version: '1.0.0', service: 'sample', release: 'r0123456789ab', instance: 'i-1', environment: 'test', pid: process.pid }],
    ['/slow?ms=1', { waited: 1 }],
  ])('GET %s', async (path, body) => {
    const reply = await get(path);
    expect(reply.status).toBe(200);
    expect(JSON.parse(reply.body)).toEqual(body);
    expect(reply.headers).toMatchObject({ 'x-service': 'sample', 'x-release': 'r0123456789ab', 'x-instance': 'i-1', 'content-type': expect.stringContaining('application/json') });
  });

  it.each(['/nowhere', '/constructor', '/health/', '//health'])('404 to %s, as JSON and with its identity', async (path) => {
    const reply = await get(path);
    expect(reply).toMatchObject({ status: 404, headers: { 'x-release': 'r0123456789ab' } });
    expect(JSON.parse(reply.body)).toEqual({ error: 'not found' });
  });

  it.each([['POST', '/version', 'GET, HEAD'], ['GET', '/digest', 'POST'], ['HEAD', '/digest', 'POST'], ['DELETE', '/', 'GET, HEAD']])('405 to %s %s', async (method, path, allow) => {
    const reply = await send(service.url + path, { method });
    expect(reply).toMatchObject({ status: 405, headers: { allow } });
  });

  it.each(['/version', '/events?count=1000'])('HEAD %s without a body', async (path) => {
    expect(await send(service.url + path, { method: 'HEAD' })).toMatchObject({ status: 200, body: '' });
  });

  it('the id of a request', async () => {
    expect((await get('/', { 'x-request-id': 'abc-1' })).headers['x-request-id']).toBe('abc-1');
    expect((await get('/')).headers['x-request-id']).toBeUndefined();
  });

  it('stats to who has the token only', async () => {
    expect((await get('/stats')).status).toBe(401);
    expect(await get('/stats', { authorization: 'Bearer wrong' })).toMatchObject({ status: 401, headers: { 'www-authenticate': 'Bearer' } });
    const reply = await get('/stats', { authorization: 'Bearer a-token-of-a-test' });
    expect(reply.status).toBe(200);
    expect(JSON.parse(reply.body)).toMatchObject({ served: 3, inFlight: 1 });
  });

  it('no stats at all without a token in the environment', async () => {
    const bare = await start();
    try {
      expect((await send(`${bare.url}/stats`, { headers: { authorization: 'Bearer undefined' } })).status).toBe(404);
    } finally {
      await stop(bare);
    }
  });

  it('logs each request without its query', async () => {
    await get('/slow?ms=1&secret=hunter2');
    await delay(20);
    expect(service.logs).toContainEqual(expect.objectContaining({ msg: 'request', path: '/slow', status: 200, complete: true }));
    expect(JSON.stringify(service.logs)).not.toContain('hunter2');
  });
});

describe('POST /digest', () => {
  const post = (body: Buffer, headers = {}): ReturnType<typeof send> => send(`${service.url}/digest`, { method: 'POST', body, headers });

  it.each([['nothing', 0], ['one byte', 1], ['20 MB', 20 * 1024 * 1024]])('%s', async (_name, bytes) => {
    const body = randomBytes(bytes);
    expect(JSON.parse((await post(body)).body)).toEqual({ bytes, sha256: createHash('sha256').update(body).digest('hex') });
  });

  it('a chunked body', async () => {
    const reply = await post(Buffer.from('abc'), { 'transfer-encoding': 'chunked' });
    expect(JSON.parse(reply.body)).toEqual({ bytes: 3, sha256: createHash('sha256').update('abc').digest('hex') });
  });

  it('goes on when a client leaves in the middle of its body', async () => {
    const client = connect(service.port, '127.0.0.1');
    client.on('error', () => undefined);
    client.write('POST /digest HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc');
    await delay(50);
    client.destroy();
    await delay(50);
    expect(service.traffic.inFlight).toBe(0);
    expect((await get('/health')).status).toBe(200);
    expect(service.logs.some(({ msg }) => msg === 'request failed')).toBe(false);
  });
});

describe('GET /events', () => {
  it('sends every id once, then the end', async () => {
    const reply = await get('/events?count=3&interval=5');
    expect(reply.headers['content-type']).toContain('text/event-stream');
    const blocks = reply.body.trimEnd().split('\n\n');
    expect(blocks).toHaveLength(4);
    blocks.slice(0, 3).forEach((block, index) => expect(block).toMatch(new RegExp(`^id: ${index + 1}\\nevent: tick\\ndata: \\{"tick":${index + 1},"of":3,`)));
    expect(blocks[3]).toBe('event: end\ndata: {"ticks":3}');
  });

  it('takes what is no number as not given', async () => {
    expect((await get('/events?count=x&interval=1')).body.match(/^id:/gm)).toHaveLength(10);
    expect((await get('/events?count=0&interval=1')).body.match(/^id:/gm)).toHaveLength(1);
  });

  it('stops when the client leaves', async () => {
    const client = connect(service.port, '127.0.0.1');
    client.write('GET /events?count=10000&interval=1 HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(client, 'data');
    client.destroy();
    await delay(50);
    expect(service.traffic.inFlight).toBe(0);
  });
});

describe('GET /slow', () => {
  it('takes its time', async () => {
    const start = performance.now();
    await get('/slow?ms=120');
    expect(performance.now() - start).toBeGreaterThanOrEqual(115);
  });

  it('stops waiting when the client leaves', async () => {
    const client = connect(service.port, '127.0.0.1');
    client.write('GET /slow?ms=20000 HTTP/1.1\r\nHost: x\r\n\r\n');
    await delay(50);
    expect(service.traffic.inFlight).toBe(1);
    client.destroy();
    await delay(50);
    expect(service.traffic.inFlight).toBe(0);
  });
});

describe('a route that throws', () => {
  const broken = (handler: Handler): void => void Object.assign(routes, { '/broken': { GET: handler } });
  afterEach(() => void Reflect.deleteProperty(routes, '/broken'));

  it('is a 500 that tells the log, not the client, why', async () => {
    broken(() => {
      throw new Error('the reason');
    });
    expect(await get('/broken')).toMatchObject({ status: 500, body: '{"error":"internal error"}' });
    expect(service.logs).toContainEqual(expect.objectContaining({ msg: 'request failed', path: '/broken', err: expect.objectContaining({ message: 'the reason' }) }));
  });

  it('in the middle of its answer breaks the connection, so that nobody takes the part for the whole', async () => {
    broken(({ response }) => {
      response.writeHead(200);
      response.write('half');
      throw new Error('the reason');
    });
    await expect(get('/broken')).rejects.toThrow(/aborted|socket hang up|ECONNRESET/);
    expect((await get('/health')).status).toBe(200);
  });
});

it('refuses a port that is taken', async () => {
  await expect(start({ PORT: String(service.port) })).rejects.toThrow('EADDRINUSE');
});

it('stands the whole mix of the load client', async () => {
  const load = new Load({ url: service.url, rate: 100, service: 'sample', slowMs: 100, events: { count: 5, interval: 20 }, messages: { count: 5, interval: 10 } });
  await delay(1500);
  const report = await load.stop();
  expect(report.firstFailures).toEqual([]);
  expect(report).toMatchObject({ failures: 0, releases: { r0123456789ab: report.sent } });
});
