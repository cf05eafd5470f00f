import http from 'node:http';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket, WebSocketServer } from 'ws';
import type { Closure } from '../router.js';
import { answerOf, ask, closeAll, connect, drained, exchange, open, received, route, serving, target, until, upstream } from './router.spec-support.js';

afterEach(closeAll);

const page = '<h1>Caf\u00e9 is back soon</h1>\r\n';
const maintenance: Closure = { type: 'maintenance', page, contentType: 'text/html; charset=utf-8', retryAfter: 120 };
const paused = (wait = 5_000, most = 100): Closure => ({ type: 'paused', wait, most });

async function closable() {
  const order: string[] = [];
  const made = await upstream((request, response) => {
    order.push(request.url ?? '');
    if (request.url === '/slow') setTimeout(() => response.end('slow'), 300);
    else void drained(request).then((body) => response.end(`${request.url} ${body.length}`));
  });
  const at = target(made.port);
  const { front, port } = await serving(at);
  const put = (closure?: Closure): Promise<void> => front.set(route(port, [at], closure === undefined ? {} : { closure }));
  return { ...made, order, at, front, port, put };
}

describe('maintenance', () => {
  it('answers every request with the page and nothing else, whatever it is', async () => {
    const { put, port, order, front } = await closable();
    await put(maintenance);
    for (const method of ['GET', 'POST', 'DELETE', 'OPTIONS']) {
      const { status, message, body } = await ask(port, { method, path: '/any', ...(method === 'POST' ? { body: Buffer.alloc(1 << 20) } : {}) });
      expect([status, message.statusMessage, body]).toEqual([503, 'Service Unavailable', page]);
      const { date, connection, 'keep-alive': _alive, ...headers } = message.headers;
      expect(headers).toEqual({ 'content-type': 'text/html; charset=utf-8', 'content-length': String(Buffer.byteLength(page)), 'retry-after': '120', 'cache-control': 'no-store' });
      expect([typeof date, typeof connection]).toEqual(['string', 'string']);
    }
    const head = await exchange(port, 'HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n');
    expect(head).toMatch(/^HTTP\/1\.1 503 [\s\S]*Content-Length: 29\r\n[\s\S]*\r\n\r\n$/);
    const upgrade = await exchange(port, 'GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');
    expect(upgrade).toContain('HTTP/1.1 503 Service Unavailable\r\n');
    expect(Buffer.from(upgrade, 'latin1').toString()).toContain(page);
    const expecting = await exchange(port, 'PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\nConnection: close\r\n\r\n');
    expect(expecting).toMatch(/^HTTP\/1\.1 503 /);
    expect([order, front.totals('api').size]).toEqual([[], 0]);
    await put();
    expect((await ask(port)).status).toBe(200);
  });

  it('leaves what is in flight alone, and a connection open for more', async () => {
    const { put, port, order } = await closable();
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const slow = ask(port, { path: '/slow', agent });
    await until(() => order.length === 1);
    await put({ type: 'maintenance', page: '', contentType: 'text/plain' });
    expect((await slow).body).toBe('slow');
    const { status, message } = await ask(port, { agent });
    expect([status, message.headers['retry-after'], message.headers.connection]).toEqual([503, undefined, 'keep-alive']);
    agent.destroy();
  });
});

describe('a pause', () => {
  it('holds requests and lets them go on in order when it is lifted', async () => {
    const { put, port, order, front } = await closable();
    const slow = ask(port, { path: '/slow' });
    await until(() => order.length === 1);
    await put(paused());
    const begin = performance.now();
    const answers = [];
    for (let index = 0; index < 20; index += 1) {
      answers.push(ask(port, { path: `/${index}`, ...(index % 2 === 0 ? {} : { method: 'POST', body: 'x'.repeat(index) }) }));
      await sleep(5);
    }
    expect((await slow).body).toBe('slow');
    await sleep(100);
    expect(order).toEqual(['/slow']);
    expect(await front.drained('api', `rA-${port}`, 10)).toBe(true);
    await put(paused()); // another change of the route meanwhile
    await sleep(20);
    expect(order).toEqual(['/slow']);
    await put();
    const got = await Promise.all(answers);
    expect(got.map(({ status, body }) => [status, body])).toEqual(Array.from({ length: 20 }, (_, index) => [200, `/${index} ${index % 2 === 0 ? 0 : index}`]));
    expect(order.slice(1)).toHaveLength(20);
    expect(performance.now() - begin).toBeLessThan(4_000);
    // The wait is the router's doing, not the release's.
    expect(front.metrics('api', 'rA', 60_000).latency.p50).toBeLessThan(100);
  });

  it('goes on in the order of arrival', async () => {
    const { put, port, order } = await closable();
    await put(paused());
    const client = Array.from({ length: 30 }, () => connect(port));
    for (const socket of client) if (socket.connecting) await once(socket, 'connect');
    for (const [index, socket] of client.entries()) {
      socket.write(`GET /${index} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`);
      await sleep(2);
    }
    await put();
    await Promise.all(client.map((socket) => received(socket)));
    expect(order).toEqual(client.map((_, index) => `/${index}`));
  });

  it('turns away who waited too long, and who comes when too many wait', async () => {
    const { put, port, order } = await closable();
    await put(paused(150, 3));
    const begin = performance.now();
    const answers = await Promise.all(Array.from({ length: 5 }, async () => ({ ...await ask(port), after: performance.now() - begin })));
    expect(answers.map(({ status, message }) => [status, message.headers['retry-after'], message.headers['cache-control']])).toEqual(Array.from({ length: 5 }, () => [503, '1', 'no-store']));
    expect(answers.filter(({ after }) => after >= 149)).toHaveLength(3);
    expect(answers.filter(({ body }) => body.includes('too many'))).toHaveLength(2);
    await put(paused(0));
    expect((await ask(port)).status).toBe(503);
    expect(order).toEqual([]);
  });

  it('frees the place of a client that leaves', async () => {
    const { put, port, order } = await closable();
    await put(paused(5_000, 2));
    const [leaving, staying] = [open(port, { path: '/left' }), ask(port, { path: '/stays' })];
    leaving.on('error', () => {}).end();
    await sleep(50);
    expect((await ask(port)).status).toBe(503);
    leaving.destroy();
    await sleep(50);
    const upgrade = connect(port);
    upgrade.write('GET /up HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');
    await sleep(50);
    expect((await ask(port)).status).toBe(503);
    upgrade.destroy();
    await sleep(50);
    const late = ask(port, { path: '/late' });
    await sleep(50);
    await put();
    expect([(await staying).status, (await late).status]).toEqual([200, 200]);
    expect(order).toEqual(['/stays', '/late']);
  });

  it('reads no upload meanwhile, and all of it afterwards', async () => {
    const { put, port } = await closable();
    await put(paused());
    const size = 64 << 20;
    const upload = open(port, { method: 'PUT', path: '/big', headers: { 'content-length': size } });
    const answer = answerOf(upload);
    upload.end(Buffer.alloc(size));
    const expecting = connect(port);
    expecting.write('PUT /e HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n');
    let said = '';
    expecting.on('data', (chunk) => { said += String(chunk); });
    await sleep(400);
    // What the kernel's buffers on both sides take is gone, no more.
    expect(upload.socket?.writableLength).toBeGreaterThan(size / 2);
    expect(said).toBe('');
    await put();
    expect((await drained(await answer))).toBe(`/big ${size}`);
    await until(() => said.includes('100 Continue'), 'asked to go on');
    expecting.write('ok');
    await until(() => said.includes('/e 2'), 'answered');
  });

  it('holds upgrades, with what their clients say early', async () => {
    const { put, port, server } = await closable();
    new WebSocketServer({ server }).on('connection', (socket) => socket.on('message', (data: Buffer) => socket.send(`got ${String(data)}`)));
    await put(paused());
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
    let opened = false;
    socket.once('open', () => { opened = true; });
    const raw = connect(port);
    raw.write('GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n');
    await sleep(50);
    raw.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69])); // the text "hi"
    await sleep(100);
    expect(opened).toBe(false);
    const answered = received(raw, 'got hi');
    await put();
    await once(socket, 'open');
    socket.send('you');
    expect(String((await once(socket, 'message') as [Buffer])[0])).toBe('got you');
    expect(await answered).toContain('101 Switching');
    socket.terminate();
    raw.destroy();
  });

  it('ends for those that wait when maintenance begins, and when the route goes', async () => {
    const { put, port, front } = await closable();
    await put(paused());
    const first = ask(port);
    await sleep(50);
    await put(maintenance);
    expect(await first).toMatchObject({ status: 503, body: page });
    await put(paused());
    const second = ask(port);
    await sleep(50);
    const begin = performance.now();
    await front.remove('api');
    expect((await second).status).toBe(503);
    expect(performance.now() - begin).toBeLessThan(1_000);
  });

  it('ends for those that wait when the router closes, soon and properly', async () => {
    const { put, port, front, order } = await closable();
    await put(paused(60_000));
    const kept = connect(port);
    kept.write('GET /x HTTP/1.1\r\nHost: h\r\n\r\n');
    const whole = received(kept);
    const upgrade = exchange(port, 'GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');
    await sleep(50);
    const begin = performance.now();
    const closed = front.close(20_000);
    for (const text of [await whole, await upgrade]) {
      expect(text).toMatch(/^HTTP\/1\.1 503 [\s\S]*Connection: close\r\n/i);
    }
    kept.end();
    await closed;
    expect(performance.now() - begin).toBeLessThan(3_000);
    expect(order).toEqual([]);
  });
});
