/** Who gets which release by asking for it, and what a closed route answers, by the real HAProxy. */
import { writeFileSync, utimesSync, existsSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describeWith } from '../../../../../tools/images/needs.spec-support.js';
import { until } from '../../shell/programs.spec-support.js';
import { A, B, closeAll, freePort, haproxy, instance, route, type RouteParts, type RunningHaproxy } from './haproxy.spec-support.js';

const C = `r${'c'.repeat(12)}`;

describeWith(['haproxy', 'flock', 'perl'], 'HAProxy with testers and closures', () => {
  let running: RunningHaproxy;
  let port: number;
  let url: string;
  beforeEach(async () => {
    running = await haproxy();
    port = await freePort();
    url = `http://127.0.0.1:${port}/`;
  });
  afterEach(closeAll);
  const ask = async (headers: Readonly<Record<string, string>> = {}, init: RequestInit = {}) => {
    const response = await fetch(url, { headers: { connection: 'close', ...headers }, ...init });
    return { status: response.status, release: response.headers.get('x-release'), body: await response.text(), headers: response.headers };
  };
  const loads = (): number => running.log().split('Loading success').length;
  const served = async (word: string, count = 6): Promise<string> => {
    const releases = new Set<string>();
    for (let sent = 0; sent < count; sent += 1) releases.add(String((await ask({ 'x-release': word })).release));
    return [...releases].map((release) => release.charAt(1)).sort().join('');
  };

  it('gives testers the release that they name, at whatever weight, and follows what arrives and goes without a reload', async () => {
    const { router } = running;
    const [a, a2, b, c] = [await instance(A), await instance(A, '2'), await instance(B), await instance(C)];
    const set = (targets: readonly { readonly target: typeof a.target }[], weights: Readonly<Record<string, number>>, arriving?: string, rest: RouteParts = {}) =>
      router.set(route(port, targets.map(({ target }) => target), weights, { testers: { header: 'X-Release', ...(arriving === undefined ? {} : { arriving }) }, ...rest }));
    await set([a, a2], { [A]: 100 });
    const before = loads();
    for (const word of ['always', 'never', A, C, 'nonsense', 'x"\\']) expect(await served(word, 2)).toBe('a');
    await set([a, a2, b], { [A]: 100, [B]: 0 }, B);
    for (const [word, wanted] of [['always', 'b'], ['never', 'a'], [A, 'a'], [B, 'b'], [C, 'a'], ['other', 'a']] as const) expect([word, await served(word)]).toEqual([word, wanted]);
    expect((await ask({ 'X-RELEASE': 'always' })).release).toBe(B);
    await set([a, a2, b], { [A]: 0, [B]: 100 }, B);
    for (const [word, wanted] of [['always', 'b'], ['never', 'a'], ['other', 'b']] as const) expect([word, await served(word)]).toEqual([word, wanted]);
    // Both instances of a release are used, and the other one when one is down.
    const both = new Set<string>();
    await until('both answer', async () => both.add((await ask({ 'x-release': A })).body).size === 2);
    await a2.stop();
    // The request that finds out may go to another release, as one does whose release takes no connection.
    const found: (string | null)[] = [];
    for (let sent = 0; sent < 16; sent += 1) found.push((await ask({ 'x-release': A })).release);
    expect(found.filter((release) => release !== A).length).toBeLessThan(2);
    await set([a, b, c], { [A]: 50, [C]: 50, [B]: 0 }, B);
    expect(await served('never', 30)).toBe('ac');
    await set([c], { [C]: 100 });
    for (const word of ['always', 'never', A, B]) expect(await served(word, 2)).toBe('c');
    expect(loads()).toBe(before);
    // After a reload, and a kill, it stands in the file.
    await set([c, b], { [C]: 100, [B]: 0 }, B, { drain: 40_000 });
    expect(await served('always')).toBe('b');
    await running.kill();
    running = await haproxy([], running.folder);
    expect(await served('always')).toBe('b');
    await b.stop();
    await until('the one that is down is no tester\'s', async () => (await ask({ 'x-release': 'always' })).release === C);
    // Sticky as well: who chooses gets no cookie.
    await running.router.set(route(port, [a.target, c.target], { [A]: 50, [C]: 50 }, { sticky: { cookie: 'nxd' }, testers: { header: 'X-Release', arriving: C } }));
    const tester = await ask({ 'x-release': 'always' });
    expect([tester.release, tester.headers.getSetCookie()]).toEqual([C, []]);
    expect((await ask()).headers.getSetCookie()).toHaveLength(1);
  }, 60_000);

  it('answers with the page of a maintenance, every byte of it, to clients that were connected before as well, and opens again', async () => {
    const { router } = running;
    const slow = await instance(A);
    const parts = (closure: RouteParts['closure']): RouteParts => (closure === undefined ? {} : { closure });
    const set = (closure?: RouteParts['closure']): Promise<void> => router.set(route(port, [slow.target], { [A]: 100 }, parts(closure)));
    await set();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const idle = (): Promise<number | undefined> => new Promise((resolve, reject) => { get({ host: '127.0.0.1', port, agent }, (answer) => { answer.resume().once('end', () => resolve(answer.statusCode)); }).once('error', reject); });
    expect(await idle()).toBe(200);
    const inFlight = fetch(`${url}?ms=1500`);
    await until('it is there', async () => await router.inFlight('api (test, acme)', slow.target) === 1);
    const page = `<h1 class='x'>"Back" at noon</h1> # $HOME \${PATH} %[src] \\ \\x41\n\t{ } \u00e4\u20ac ${'lorem ipsum '.repeat(1_150)}`;
    await set({ type: 'maintenance', page, contentType: 'text/html; charset=utf-8', retryAfter: 600 });
    expect(await idle()).toBe(503);
    const closed = await ask();
    expect(closed).toMatchObject({ status: 503, release: null });
    expect(closed.body).toBe(page);
    expect(['content-type', 'cache-control', 'retry-after'].map((name) => closed.headers.get(name))).toEqual(['text/html; charset=utf-8', 'no-store', '600']);
    expect(await ask({}, { method: 'HEAD' })).toMatchObject({ status: 503, body: '' });
    expect((await ask({}, { method: 'POST', body: 'x' })).status).toBe(503);
    expect((await inFlight).status).toBe(200);
    const next = await instance(B);
    await router.set(route(port, [next.target], { [B]: 100 }, parts({ type: 'maintenance', page: 'soon', contentType: 'text/plain' })));
    expect(await ask()).toMatchObject({ status: 503, body: 'soon' });
    await router.set(route(port, [next.target], { [B]: 100 }));
    expect(await ask()).toMatchObject({ status: 200, release: B });
    await expect(set({ type: 'maintenance', page: 'x'.repeat(15_001), contentType: 'text/html' })).rejects.toMatchObject({ code: 'ND-OPTION-INVALID' });
    for (const bad of [{ page: 'a\0b' }, { contentType: 'text/html\r\nx: y' }, { contentType: 'a"b/c' }, { retryAfter: -1 }]) await expect(set({ type: 'maintenance', page: 'x', contentType: 'text/html', ...bad })).rejects.toMatchObject({ code: 'ND-OPTION-INVALID' });
    agent.destroy();
  }, 60_000);

  it('has new requests wait while it is paused, all of which go on when it ends, and turns away those that wait too long or are too many', async () => {
    const { router } = running;
    const [a, b] = [await instance(A, '1', (request, response) => { response.setHeader('x-release', A).end(String(request.headers['x-nxd-waited'])); }), await instance(B, '1', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => response.setHeader('x-release', B).end(`${String(request.headers['x-nxd-waited'])} ${String(request.headers['x-forwarded-for'])} ${Buffer.concat(chunks).length}`));
    })];
    await router.set(route(port, [a.target], { [A]: 100 }));
    expect(await ask({ 'x-nxd-waited': '5' })).toMatchObject({ release: A, body: 'undefined' });
    const closure = { type: 'paused', wait: 20_000, most: 5 } as const;
    await router.set(route(port, [a.target], { [A]: 100 }, { closure }));
    const began = performance.now();
    const waiting = [ask(), ask(), ask({}, { method: 'POST', body: 'x'.repeat(100_000) }), ask({ 'x-nxd-waited': '19999' })].map(async (answer) => ({ ...await answer, after: performance.now() - began }));
    await sleep(500);
    // A reload for somebody else takes those that wait along.
    await router.set(route(await freePort(), [b.target], { [B]: 100 }, { key: 'web (test, acme)' }));
    const more = [ask(), ask(), ask()];
    const first = await Promise.race(more);
    expect(first).toMatchObject({ status: 503, release: null, body: 'Service Unavailable: the service is paused, and too many requests wait already.\n' });
    expect(first.headers.get('retry-after')).toBe('1');
    await router.set(route(port, [b.target], { [B]: 100 }));
    const lifted = performance.now() - began;
    const answers = await Promise.all(waiting);
    expect(answers.map(({ status, release, body }) => [status, release, body])).toEqual([0, 0, 100_000, 0].map((length) => [200, B, `undefined 127.0.0.1 ${length}`]));
    for (const { after } of answers) expect(after).toBeGreaterThan(lifted - 2_000);
    await Promise.all(more);
    await router.set(route(port, [b.target], { [B]: 100 }, { closure: { ...closure, wait: 700 } }));
    const late = performance.now();
    expect(await ask()).toMatchObject({ status: 503, body: 'Service Unavailable: the service is paused.\n' });
    expect(performance.now() - late).toBeGreaterThan(600);
    // Its instances are still known, and come and go meanwhile.
    expect((await router.running('api (test, acme)'))?.weights).toEqual({ [B]: 100 });
    const before = loads();
    await router.set(route(port, [a.target], { [A]: 100 }, { closure: { ...closure, wait: 700 } }));
    expect(loads()).toBe(before);
    expect((await router.running('api (test, acme)'))?.servers.map(({ name }) => name)).toEqual([`${A}:1`]);
    await router.set(route(port, [a.target], { [A]: 100 }));
    expect((await ask()).release).toBe(A);
  }, 60_000);

  it('forgets certificates that no route names, after a while, and starts without the routes whose own are gone', async () => {
    const { router, folder } = running;
    const kept = await router.storeCertificate('of a command that is under way');
    const old = await router.storeCertificate('of a service that is gone');
    const file = (name: string): string => join(folder, 'certs', `${name}.pem`);
    utimesSync(file(old), 1, 1);
    writeFileSync(join(folder, 'wait-0.lua'), '');
    utimesSync(join(folder, 'wait-0.lua'), 1, 1);
    const { target } = await instance(A);
    await router.set(route(port, [target], { [A]: 100 }));
    expect([kept, old].map((name) => existsSync(file(name)))).toEqual([true, false]);
    expect(existsSync(join(folder, 'wait-0.lua'))).toBe(false);
    await running.kill();
    const routes = [route(port, [target], { [A]: 100 }), route(await freePort(), [target], { [A]: 100 }, { key: 'secure', listen: { certificates: [old] } }), route(await freePort(), [target], { [A]: 100 }, { key: 'paused', closure: { type: 'paused', wait: 1, most: 1 } })];
    const { folder: fresh, router: again, without } = await haproxy(routes);
    expect(without).toEqual(['secure']);
    expect((await again.routes()).map(({ key }) => key)).toEqual(['api (test, acme)', 'paused']);
    expect(fresh).not.toBe(folder);
    expect((await ask()).release).toBe(A);
  }, 60_000);
});
