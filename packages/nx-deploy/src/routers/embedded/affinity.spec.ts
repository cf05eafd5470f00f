import type { IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { WebSocket, WebSocketServer } from 'ws';
import type { Route } from '../router.js';
import { ask, closeAll, exchange, freePort, route, router, target, upstream, type Upstream } from './router.spec-support.js';

afterEach(closeAll);

const seen: IncomingMessage[] = [];
beforeEach(() => { seen.length = 0; });

/** Answers with the release it stands for, over HTTP and as the first word of a WebSocket. */
async function standing(release: string): Promise<Upstream> {
  const made = await upstream((request, response) => {
    seen.push(request);
    if (request.url === '/own') response.setHeader('Set-Cookie', ['own=1; Path=/', 'nx=service']);
    response.statusCode = request.url === '/bad' ? 500 : 200;
    response.end(release);
  });
  new WebSocketServer({ server: made.server }).on('connection', (socket, request) => {
    seen.push(request);
    socket.send(release);
  });
  return made;
}

async function split(rest: Partial<Route>, options: { readonly trusting?: boolean; readonly arriving?: string } = {}) {
  const { arriving = 'rB' } = options;
  const [a, b] = [await standing('rA'), await standing(arriving)];
  const front = router(options.trusting === true ? { trustedProxies: ['127.0.0.1'] } : {});
  const port = await freePort();
  const targets = [target(a.port, 'rA'), target(b.port, arriving)];
  const put = (change: Partial<Route>): Promise<void> => front.set(route(port, targets, { ...rest, ...change }));
  await put({});
  return { front, port, put };
}

const sticky = { sticky: { cookie: 'nx' } };
const half = { weights: { rA: 50, rB: 50 } };
const get = (port: number, headers: Record<string, string | string[]> = {}, path = '/') => ask(port, { headers, path });
const COOKIE = /^nx=([A-Za-z0-9_-]{22}); Path=\/; HttpOnly; SameSite=Lax$/;
const cookieOf = ({ message }: { message: IncomingMessage }): string => COOKIE.exec(message.headers['set-cookie']?.[0] ?? '')?.[1] ?? '';

describe('a sticky client', () => {
  it('gets an id once, and the same release with it, which never sees the cookie', async () => {
    const { port } = await split({ ...half, ...sticky });
    const releases = new Set<string>();
    for (let client = 0; client < 20; client += 1) {
      const first = await get(port);
      const id = cookieOf(first);
      expect(id).toHaveLength(22);
      releases.add(first.body);
      for (let index = 0; index < 3; index += 1) {
        const again = await get(port, { cookie: `a=1; nx=${id}` });
        expect([again.body, again.message.headers['set-cookie']]).toEqual([first.body, undefined]);
        expect(seen.at(-1)?.headers.cookie).toBe('a=1');
      }
    }
    expect(releases.size).toBe(2);
    expect(seen.every(({ rawHeaders }) => !rawHeaders.join().includes('nx='))).toBe(true);
  });

  it('stays while the part of its release grows', async () => {
    const { port, put } = await split({ ...sticky, weights: { rA: 90, rB: 10 } });
    const clients = new Map<string, string>();
    for (let index = 0; index < 300; index += 1) {
      const answer = await get(port);
      clients.set(cookieOf(answer), answer.body);
    }
    for (const [weight, most] of [[25, 0.4], [50, 0.65], [75, 0.9]] as const) {
      await put({ weights: { rA: 100 - weight, rB: weight } });
      for (const [id, before] of clients) {
        const { body } = await get(port, { cookie: `nx=${id}` });
        if (before === 'rB') expect(body).toBe('rB');
        clients.set(id, body);
      }
      expect([...clients.values()].filter((release) => release === 'rB').length / clients.size).toBeLessThan(most);
    }
  });

  it('gets a new id in place of one that the router would not have made, and nothing of it comes back', async () => {
    const { port } = await split({ ...half, ...sticky });
    for (const value of ['', 'x', '%zz', '"q"', '__proto__', 'A'.repeat(50_000), 'a,b', '<script>', 'A A']) {
      const answer = await get(port, { cookie: `nx=${value}` });
      expect(cookieOf(answer)).toHaveLength(22);
      expect(seen.at(-1)?.headers.cookie).toBeUndefined();
    }
    const raw = await exchange(port, 'GET / HTTP/1.1\r\nHost: h\r\nCookie: nx=caf\xe9\tx\r\nCookie: nx=2; b=\xff\r\nConnection: close\r\n\r\n');
    expect(raw.match(/Set-Cookie/g)).toHaveLength(1);
    expect(raw).not.toContain('caf');
    expect(seen.at(-1)?.headers.cookie).toBe('b=\xff');
  });

  it('keeps the cookies that the service sets, of the same name too', async () => {
    const { port } = await split({ ...half, ...sticky });
    const { message } = await get(port, {}, '/own');
    expect(message.headers['set-cookie']?.slice(0, 2)).toEqual(['own=1; Path=/', 'nx=service']);
    expect(message.headers['set-cookie']?.[2]).toMatch(COOKIE);
    expect(cookieOf(await get(port, {}, '/bad'))).toHaveLength(22);
  });

  it('gets no cookie where only one release can be chosen', async () => {
    const { port } = await split({ ...sticky, weights: { rA: 100, rB: 0 } });
    expect((await get(port, { cookie: 'nx=bad; a=1' })).message.headers['set-cookie']).toBeUndefined();
    expect(seen.at(-1)?.headers.cookie).toBe('a=1');
  });

  it('gets a Secure cookie when it came by https, and only a trusted proxy can say so', async () => {
    const https = { 'x-forwarded-proto': 'https' };
    const setBy = async (port: number, headers: Record<string, string | string[]>) => (await get(port, headers)).message.headers['set-cookie']?.[0];
    const { port } = await split({ ...half, ...sticky }, { trusting: true });
    expect(await setBy(port, https)).toMatch(/; Secure$/);
    expect(await setBy(port, { 'x-forwarded-proto': 'HTTPS, http' })).toMatch(/; Secure$/);
    for (const proto of ['http', 'http, https', 'httpsx', '']) expect(await setBy(port, { 'x-forwarded-proto': proto })).toMatch(COOKIE);
    const { port: open } = await split({ ...half, ...sticky });
    expect(await setBy(open, https)).toMatch(COOKIE);
  });

  it('is known on upgrades as well, and gets its cookie with them', async () => {
    const { port } = await split({ ...half, ...sticky });
    const open = async (headers: Record<string, string>): Promise<{ release: string; cookies: string[] | undefined }> => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { headers });
      const [[data], [upgrade]] = await Promise.all([once(socket, 'message'), once(socket, 'upgrade')]) as [[Buffer], [IncomingMessage]];
      socket.terminate();
      return { release: String(data), cookies: upgrade.headers['set-cookie'] };
    };
    for (let index = 0; index < 10; index += 1) {
      const first = await open({});
      const id = COOKIE.exec(first.cookies?.[0] ?? '')?.[1] ?? '';
      expect(await open({ cookie: `nx=${id}; a=1` })).toEqual({ release: first.release, cookies: undefined });
      expect(seen.at(-1)?.headers.cookie).toBe('a=1');
      expect((await get(port, { cookie: `nx=${id}` })).body).toBe(first.release);
    }
  });
});

describe('a tester', () => {
  const testers = { testers: { header: 'X-Release', arriving: 'rB' } };
  const warm = { weights: { rA: 100, rB: 0 } };

  it('reaches the arriving release at weight 0, any other, or one by its id; the header goes on', async () => {
    const { port } = await split({ ...testers, ...warm });
    for (const [value, release] of [['always', 'rB'], ['never', 'rA'], ['rA', 'rA'], ['rB', 'rB'], ['rC', 'rA'], ['ALWAYS', 'rA'], ['', 'rA'], ['__proto__', 'rA'], ['always, always', 'rA']] as const) {
      expect([value, (await get(port, { 'x-RELEASE': value })).body]).toEqual([value, release]);
      expect(seen.at(-1)?.headers['x-release']).toBe(value);
    }
    expect((await get(port)).body).toBe('rA');
  });

  it('who wants never gets the other even if that has no weight any more', async () => {
    const { port, put } = await split({ ...testers, weights: { rA: 0, rB: 100 } });
    expect([(await get(port, { 'x-release': 'never' })).body, (await get(port)).body]).toEqual(['rA', 'rB']);
    await put({ testers: { header: 'X-Release' } });
    for (const value of ['always', 'never']) expect((await get(port, { 'x-release': value })).body).toBe('rB');
  });

  it('goes before the cookie, sets none, and does not bend the weights of the rest', async () => {
    const { port, put } = await split({ ...testers, ...sticky, weights: { rA: 1, rB: 99 } });
    for (let index = 0; index < 10; index += 1) {
      const { body, message } = await get(port, { 'x-release': 'rA', cookie: 'nx=AAAAAAAAAAAAAAAAAAAAAA' });
      expect([body, message.headers['set-cookie']]).toEqual(['rA', undefined]);
      expect(seen.at(-1)?.headers.cookie).toBeUndefined();
    }
    expect((await get(port, { 'x-release': 'rA' })).message.headers['set-cookie']).toBeUndefined();
    expect(cookieOf(await get(port, { 'x-release': 'rX' }))).toHaveLength(22);
    await put({ ...testers, weights: { rA: 90, rB: 10 }, ...{ sticky: undefined } as object });
    let arrived = 0;
    for (let index = 0; index < 200; index += 1) {
      if (index % 2 === 0) await get(port, { 'x-release': 'always' });
      else if ((await get(port)).body === 'rB') arrived += 1;
    }
    expect(arrived).toBe(10);
  });

  it('chooses on upgrades as well', async () => {
    const { port } = await split({ ...testers, ...warm });
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { headers: { 'X-Release': 'always' } });
    const [data] = await once(socket, 'message') as [Buffer];
    expect(String(data)).toBe('rB');
    socket.terminate();
  });

  it.each(['__proto__', 'constructor', 'toString'])('finds a release called %s', async (arriving) => {
    const { port, front } = await split({ testers: { header: 'X-Release', arriving }, weights: JSON.parse(`{"rA":100,"${arriving}":0}`) as Record<string, number> }, { arriving });
    expect([(await get(port, { 'x-release': arriving })).body, (await get(port, { 'x-release': 'always' })).body, (await get(port)).body]).toEqual([arriving, arriving, 'rA']);
    expect(front.totals('api').get(arriving)).toEqual({ requests: 2, errors: 0, ejected: 0 });
  });
});
