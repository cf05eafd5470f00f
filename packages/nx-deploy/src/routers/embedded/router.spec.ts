import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { answerOf, ask, closeAll, connect, exchange, freePort, open, received, route, router, serving, target, until, upstream } from './router.spec-support.js';

afterEach(closeAll);

const named = (name: string): Promise<{ port: number }> => upstream((_request, response) => response.end(name));

describe('listeners and routes', () => {
  it('shares a port by host, without case and port, with a fallback', async () => {
    const [a, b, rest] = [await named('a'), await named('b'), await named('rest')];
    const front = router();
    const port = await freePort();
    const listen = { address: '127.0.0.1', port };
    await front.set(route(port, [target(a.port)], { key: 'a', listen: { ...listen, host: 'A.example' } }));
    await front.set(route(port, [target(b.port)], { key: 'b', listen: { ...listen, host: 'b.example' } }));
    expect((await ask(port, { headers: { host: 'a.EXAMPLE:1234' } })).body).toBe('a');
    expect((await ask(port, { headers: { host: 'b.example.' } })).body).toBe('b');
    const nobody = await ask(port, { headers: { host: 'c.example' } });
    expect(nobody).toMatchObject({ status: 404, body: 'Not Found: no service answers at this address.\n' });
    expect(nobody.message.headers['content-type']).toBe('text/plain; charset=utf-8');
    await front.set(route(port, [target(rest.port)], { key: 'rest' }));
    expect((await ask(port, { headers: { host: 'c.example' } })).body).toBe('rest');
    await front.remove('rest');
    expect((await ask(port, { headers: { host: 'c.example' } })).status).toBe(404);
    expect((await ask(port, { headers: { host: 'a.example' } })).body).toBe('a');
  });

  it('answers 503 with Retry-After while no instance can take the request', async () => {
    const a = await named('a');
    const { front, port } = await serving();
    const answer = await ask(port);
    expect(answer.status).toBe(503);
    expect(answer.message.headers['retry-after']).toBe('1');
    await front.set(route(port, [target(a.port)], { weights: { rA: 0 } }));
    expect((await ask(port)).status).toBe(503);
    await front.set(route(port, [target(a.port)], { weights: { rA: 100, rB: 0 } }));
    expect((await ask(port)).body).toBe('a');
    expect(front.metrics('api', 'rA', 60_000).requests).toBe(1);
  });

  it('refuses a port of another process and keeps the earlier route in force', async () => {
    const a = await named('a');
    const { front, port } = await serving(target(a.port));
    const other = await upstream(() => {});
    await expect(front.set(route(other.port, [target(1)]))).rejects.toMatchObject({
      code: 'ND-PORT-TAKEN', parts: { what: `port ${other.port} is taken`, where: `127.0.0.1:${other.port}`, next: expect.stringContaining('listen port') },
    });
    expect(front.route('api')?.listen.port).toBe(port);
    expect((await ask(port)).body).toBe('a');
    await expect(front.set(route(other.port, [], { key: 'new' }))).rejects.toMatchObject({ code: 'ND-PORT-TAKEN' });
    expect(front.route('new')).toBeUndefined();
  });

  it('names its own route when an overlapping address has the port, and other reasons as they are', async () => {
    const { front, port } = await serving();
    await expect(front.set(route(port, [], { key: 'b', listen: { address: '0.0.0.0', port } }))).rejects.toMatchObject({
      code: 'ND-PORT-TAKEN', parts: { what: `port ${port} is taken by api` },
    });
    await expect(front.set(route(port, [], { key: 'b', listen: { address: '192.0.2.1', port } }))).rejects.toMatchObject({
      parts: { why: `listening on 192.0.2.1:${port} failed with EADDRNOTAVAIL` },
    });
  });

  it('refuses the address, port and host of another key, and names it', async () => {
    const { front, port } = await serving();
    await expect(front.set(route(port, [], { key: 'web' }))).rejects.toMatchObject({ code: 'ND-LISTEN-CONFLICT', message: expect.stringContaining('taken by api') });
    const listen = { address: '127.0.0.1', port, host: 'x.example' };
    await front.set(route(port, [], { key: 'x', listen }));
    await expect(front.set(route(port, [], { key: 'y', listen: { ...listen, host: 'X.EXAMPLE.' } }))).rejects.toMatchObject({ code: 'ND-LISTEN-CONFLICT', message: expect.stringContaining('host x.example') });
    await front.remove('x');
    await front.set(route(port, [], { key: 'y', listen }));
    expect(front.route('y')?.listen.host).toBe('x.example');
  });

  it('gives a host up when the route takes another on the same port', async () => {
    const a = await named('a');
    const front = router();
    const port = await freePort();
    for (const host of ['one.example', 'two.example']) await front.set(route(port, [target(a.port)], { listen: { address: '127.0.0.1', port, host } }));
    expect((await ask(port, { headers: { host: 'one.example' } })).status).toBe(404);
    expect((await ask(port, { headers: { host: 'two.example' } })).body).toBe('a');
  });

  it('moves to another port: new one open first, requests and open connections finish on the old', async () => {
    let finish = (): void => {};
    const a = await upstream((request, response) => {
      if (request.url === '/slow') finish = () => { response.end('slow'); };
      else response.end('a');
    });
    const { front, port } = await serving(target(a.port));
    const agent = new http.Agent({ keepAlive: true });
    expect((await ask(port, { agent })).body).toBe('a');
    const slow = ask(port, { path: '/slow' });
    await until(() => front.inFlight('api', `rA-${a.port}`) === 1);
    const next = await freePort();
    await front.set(route(next, [target(a.port)]));
    expect((await ask(next)).body).toBe('a');
    const kept = await ask(port, { agent });
    expect(kept.body).toBe('a');
    expect(kept.message.headers.connection).toBe('close');
    await expect(ask(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    finish();
    expect((await slow).body).toBe('slow');
    await front.set(route(port, [target(a.port)]));
    expect((await ask(port)).body).toBe('a');
    agent.destroy();
  });

  it('keeps a shared listener open when one of its routes moves away', async () => {
    const [a, b] = [await named('a'), await named('b')];
    const { front, port } = await serving(target(a.port));
    const listen = { address: '127.0.0.1', port, host: 'b.example' };
    await front.set(route(port, [target(b.port)], { key: 'b', listen }));
    const next = await freePort();
    await front.set(route(port, [target(b.port)], { key: 'b', listen: { ...listen, port: next } }));
    expect((await ask(port, { headers: { host: 'b.example' } })).body).toBe('a');
    expect((await ask(next, { headers: { host: 'b.example' } })).body).toBe('b');
  });

  it('removes a route: the port is free, what is in flight finishes, an open connection gets 404', async () => {
    let finish = (): void => {};
    const a = await upstream((request, response) => {
      if (request.url === '/slow') finish = () => { response.end('slow'); };
      else response.end('a');
    });
    const { front, port } = await serving(target(a.port));
    const agent = new http.Agent({ keepAlive: true });
    await ask(port, { agent });
    const slow = ask(port, { path: '/slow' });
    await until(() => front.inFlight('api', `rA-${a.port}`) === 1);
    await front.remove('api');
    await front.remove('api');
    expect(front.route('api')).toBeUndefined();
    expect((await ask(port, { agent })).status).toBe(404);
    const gone = front.drained('api', `rA-${a.port}`, 5_000);
    finish();
    expect((await slow).body).toBe('slow');
    expect(await gone).toBe(true);
    await expect(ask(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    agent.destroy();
  });
});

describe('drain, cut and close', () => {
  it('resolves drained at once, when the last request ends, or false at the deadline', async () => {
    const finish: (() => void)[] = [];
    const a = await upstream((_request, response) => { finish.push(() => response.end('late')); });
    const b = await named('b');
    const { front, port } = await serving(target(a.port));
    const id = `rA-${a.port}`;
    expect(await front.drained('api', 'nobody', 1_000)).toBe(true);
    expect(await front.drained('nothing', id, 1_000)).toBe(true);
    const slow = ask(port);
    await until(() => finish.length === 1);
    await front.set(route(port, [target(b.port, 'rB')]));
    expect(front.inFlight('api', id)).toBe(1);
    expect((await ask(port)).body).toBe('b');
    expect(await front.drained('api', id, 30)).toBe(false);
    const drained = front.drained('api', id, Number.MAX_SAFE_INTEGER);
    finish[0]?.();
    expect(await drained).toBe(true);
    expect((await slow).body).toBe('late');
    expect(front.inFlight('api', id)).toBe(0);
  });

  it('cuts a stream at its target, and a request without an answer with 502', async () => {
    const a = await upstream((request, response) => {
      if (request.url === '/stream') response.write('begin');
    });
    const { front, port } = await serving(target(a.port));
    const id = `rA-${a.port}`;
    const stream = open(port, { path: '/stream' });
    const begun = answerOf(stream.end());
    const message = await begun;
    const broken = new Promise((resolve) => { message.resume().once('error', resolve); });
    const waiting = ask(port);
    await until(() => front.inFlight('api', id) === 2);
    front.cut('api', id);
    front.cut('api', 'nobody');
    front.cut('nothing', id);
    expect((await waiting).status).toBe(502);
    expect(await broken).toMatchObject({ code: 'ECONNRESET' });
    await until(() => front.inFlight('api', id) === 0);
    // The stream had its answer; that it was cut is no fault of the release.
    expect(front.metrics('api', 'rA', 60_000)).toMatchObject({ requests: 2, errors: 1 });
  });

  it('closes idle connections of a target that leaves, and keeps the one in use', async () => {
    let finish = (): void => {};
    const a = await upstream((request, response) => {
      if (request.url === '/slow') finish = () => { response.end('slow'); };
      else response.end('a');
    });
    const connections = (): Promise<number> => new Promise((resolve) => { a.server.getConnections((_error, count) => resolve(count)); });
    const { front, port } = await serving(target(a.port));
    await ask(port);
    const slow = ask(port, { path: '/slow' });
    await until(() => front.inFlight('api', `rA-${a.port}`) === 1);
    await ask(port);
    expect(await connections()).toBe(2);
    await front.set(route(port, []));
    await sleep(50);
    expect(await connections()).toBe(1);
    finish();
    expect((await slow).body).toBe('slow');
    await sleep(50);
    expect(await connections()).toBe(0);
  });

  it('uses connections again when a target comes back, also at another address', async () => {
    const [a, b] = [await named('a'), await named('b')];
    const { front, port } = await serving(target(a.port, 'rA', 'one'));
    await ask(port);
    await front.set(route(port, []));
    await front.set(route(port, [target(a.port, 'rA', 'one')]));
    expect((await ask(port)).body).toBe('a');
    await front.set(route(port, [target(b.port, 'rA', 'one')]));
    expect((await ask(port)).body).toBe('b');
    await front.set(route(port, [target(a.port, 'rB', 'one')]));
    expect((await ask(port)).body).toBe('a');
  });

  it('keeps counting a target that left busy and came back', async () => {
    const finish: (() => void)[] = [];
    const a = await upstream((_request, response) => { finish.push(() => response.end()); });
    const { front, port } = await serving(target(a.port));
    const id = `rA-${a.port}`;
    const first = ask(port);
    await until(() => finish.length === 1);
    await front.set(route(port, []));
    await front.set(route(port, [target(a.port)]));
    finish[0]?.();
    await first;
    const second = ask(port);
    await until(() => finish.length === 2);
    expect(front.inFlight('api', id)).toBe(1);
    finish[1]?.();
    await second;
  });

  it('closes politely: no new connections, Connection: close, idle ones served for a while', async () => {
    let finish = (): void => {};
    const a = await upstream((request, response) => {
      if (request.url === '/slow') finish = () => { response.end('slow'); };
      else response.end('a');
    });
    const { front, port } = await serving(target(a.port));
    const agent = new http.Agent({ keepAlive: true });
    await ask(port, { agent });
    const slow = ask(port, { path: '/slow' });
    await until(() => front.inFlight('api', `rA-${a.port}`) === 1);
    const closed = front.close(30_000);
    await until(() => true);
    await sleep(20);
    const late = await ask(port, { agent });
    expect(late).toMatchObject({ status: 200, body: 'a' });
    expect(late.message.headers.connection).toBe('close');
    await expect(ask(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    finish();
    const answer = await slow;
    expect(answer).toMatchObject({ status: 200, body: 'slow' });
    expect(answer.message.headers.connection).toBe('close');
    await closed;
    await expect(front.set(route(port, []))).rejects.toMatchObject({ message: expect.stringContaining('closing') });
    agent.destroy();
  });

  it('ends idle connections 5 s after it began to close, also one whose last answer came after that', async () => {
    let finish = (): void => {};
    const a = await upstream((request, response) => {
      if (request.url === '/slow') {
        response.write('begin');
        finish = () => { response.end('end'); };
      } else response.end('a');
    });
    const { front, port } = await serving(target(a.port));
    const idle = connect(port);
    idle.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await received(idle, /\r\n0\r\n\r\n|\r\n\r\na$/);
    const unused = connect(port);
    const busy = connect(port);
    busy.write('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n');
    await received(busy, 'begin');
    const started = performance.now();
    const closed = front.close(60_000);
    await Promise.all([received(idle), received(unused)]);
    expect(performance.now() - started).toBeGreaterThan(4_900);
    expect(performance.now() - started).toBeLessThan(8_000);
    finish();
    expect(await received(busy)).toContain('end');
    await closed;
  });

  it('cuts what is left at the deadline', async () => {
    const a = await upstream((request, response) => { if (request.url === '/stream') response.write('begin'); });
    const { front, port } = await serving(target(a.port));
    const stream = connect(port);
    stream.write('GET /stream HTTP/1.1\r\nHost: x\r\n\r\n');
    await received(stream, 'begin');
    const ended = received(stream);
    const waiting = ask(port).catch((error: unknown) => error);
    await until(() => front.inFlight('api', `rA-${a.port}`) === 2);
    await front.close(50);
    await ended;
    await waiting;
    await until(() => front.inFlight('api', `rA-${a.port}`) === 0);
  });
});

it('says no to CONNECT, and 400 to conflicting framing', async () => {
  const a = await named('a');
  const { port } = await serving(target(a.port));
  expect(await exchange(port, 'CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n')).toMatch(/^HTTP\/1\.1 405 /);
  expect(await exchange(port, 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
  expect(await exchange(port, 'GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\nConnection: close\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
  expect(await exchange(port, 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
  expect(await exchange(port, 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\nConnection: close\r\n\r\n0\r\n\r\n')).toMatch(/^HTTP\/1\.1 501 /);
  expect(await exchange(port, 'GET ftp://x/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
});

it('refuses a trusted proxy that is no address', () => {
  expect(() => router({ trustedProxies: ['everyone'] })).toThrow(TypeError);
});
