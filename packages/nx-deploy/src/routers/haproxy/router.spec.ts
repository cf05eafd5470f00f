import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { get as getSecurely } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NO_METRICS } from '../../model/index.js';
import { until } from '../../shell/programs.spec-support.js';
import { describeWith } from '../../../../../tools/images/needs.spec-support.js';
import { A, B, closeAll, freePort, haproxy, instance, placeIn, route, type RunningHaproxy } from './haproxy.spec-support.js';
import { HaproxyRouter } from './router.js';
import { script } from './scripts.js';

async function ask(url: string, init: { readonly headers?: Readonly<Record<string, string>> } = {}): Promise<{ readonly status: number; readonly release: string | null; readonly body: string; readonly headers: Headers }> {
  const response = await fetch(url, { headers: { connection: 'close', ...init.headers } });
  return { status: response.status, release: response.headers.get('x-release'), body: await response.text(), headers: response.headers };
}

/** How many of so many requests each release answered. */
async function shares(url: string, count: number): Promise<Record<string, number>> {
  const seen: Record<string, number> = {};
  for (let sent = 0; sent < count; sent += 1) {
    const { release } = await ask(url);
    seen[String(release)] = (seen[String(release)] ?? 0) + 1;
  }
  return seen;
}

describeWith(['haproxy', 'flock', 'perl', 'curl', 'openssl'], 'HAProxy as router', () => {
  let running: RunningHaproxy;
  let port: number;
  let url: string;
  beforeEach(async () => {
    running = await haproxy();
    port = await freePort();
    url = `http://127.0.0.1:${port}/`;
  });
  afterEach(closeAll);

  it('routes to what it is told, changes weights and targets without a reload, and forgets', async () => {
    const { router, log } = running;
    const [a, b] = [await instance(A), await instance(B)];
    expect(await router.running('api (test, acme)')).toBeUndefined();
    await router.set(route(port, [a.target], { [A]: 100 }));
    const loads = (): number => log().split('Loading success').length;
    const before = loads();
    expect((await ask(url)).release).toBe(A);
    await router.set(route(port, [a.target, b.target], { [A]: 100, [B]: 0 }));
    expect(await shares(url, 20)).toEqual({ [A]: 20 });
    await router.set(route(port, [a.target, b.target], { [A]: 75, [B]: 25 }));
    expect(await shares(url, 40)).toEqual({ [A]: 30, [B]: 10 });
    expect((await router.running('api (test, acme)'))?.weights).toEqual({ [A]: expect.closeTo(75, 0), [B]: expect.closeTo(25, 0) });
    await router.set(route(port, [b.target], { [B]: 100 }));
    expect(await shares(url, 20)).toEqual({ [B]: 20 });
    expect((await router.running('api (test, acme)'))?.servers.map(({ name }) => name)).toEqual([`${B}:1`]);
    expect(loads()).toBe(before);
    expect(await router.routes()).toEqual([route(port, [b.target], { [B]: 100 })]);
    await router.remove('api (test, acme)');
    await expect(ask(url)).rejects.toThrow();
    expect(await router.routes()).toEqual([]);
  });

  it('shares a port by host and path, the nearest first, and answers 404 for what nobody has', async () => {
    const { router } = running;
    const of = async (name: string, listen: { readonly host?: string; readonly path?: string }) => {
      const { target } = await instance(A, name);
      await router.set(route(port, [target], { [A]: 100 }, { key: name, listen }));
    };
    await of('host', { host: 'api.test' });
    await of('path', { path: '/v1' });
    await of('both', { host: 'api.test', path: '/v1' });
    const at = async (host: string, path: string): Promise<string> => {
      const { output } = await placeIn(tmpdir()).exec(['curl', '-s', '-m', '10', '-w', ' %{http_code}', '-H', `Host: ${host}`, `http://127.0.0.1:${port}${path}`], '');
      return output;
    };
    expect(await at('API.test:80', '/')).toBe('host 200');
    expect(await at('api.test', '/v1')).toBe('both 200');
    expect(await at('api.test', '/v1/users?x=1')).toBe('both 200');
    expect(await at('api.test', '/v10')).toBe('host 200');
    expect(await at('other.test', '/v1/')).toBe('path 200');
    expect(await at('other.test', '/v2')).toBe('no service has this address 404');
    await of('all', {});
    expect(await at('other.test', '/v2')).toBe('all 200');
    const { target } = await instance(A);
    await expect(router.set(route(port, [target], { [A]: 100 }, { key: 'second', listen: { host: 'api.test' } }))).rejects.toMatchObject({ code: 'ND-LISTEN-CONFLICT', parts: { what: expect.stringContaining('taken by host') } });
    expect(await at('api.test', '/')).toBe('host 200');
  });

  it('speaks TLS with the given certificates, and refuses one that is none', async () => {
    const { router, folder } = running;
    const scratch = mkdtempSync(join(tmpdir(), 'nxd-tls-'));
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=api.test', '-addext', 'subjectAltName=DNS:api.test', '-keyout', join(scratch, 'key'), '-out', join(scratch, 'crt')], { stdio: 'ignore' });
    const certificate = readFileSync(join(scratch, 'crt'), 'utf8');
    const name = await router.storeCertificate(`${certificate}${readFileSync(join(scratch, 'key'), 'utf8')}`);
    rmSync(scratch, { recursive: true });
    expect(execFileSync('stat', ['-c', '%a', join(folder, 'certs', `${name}.pem`)], { encoding: 'utf8' })).toBe('600\n');
    const { target } = await instance(A, '1', (request, response) => response.end(`${String(request.headers['x-forwarded-proto'])} ${String(request.headers['x-forwarded-for'])}`));
    await router.set(route(port, [target], { [A]: 100 }, { listen: { certificates: [name] } }));
    const text = await new Promise((resolve, reject) => {
      getSecurely({ host: '127.0.0.1', port, servername: 'api.test', ca: certificate, agent: false, headers: { host: 'api.test', 'x-forwarded-for': '9.9.9.9', 'x-forwarded-proto': 'http' } }, (answer) => {
        answer.setEncoding('utf8').once('data', resolve);
      }).once('error', reject);
    });
    expect(text).toBe('https 127.0.0.1');
    await expect(router.set(route(port, [target], { [A]: 100 }, { key: 'plain', listen: { host: 'plain.test' } }))).rejects.toMatchObject({ code: 'ND-LISTEN-CONFLICT' });
    const none = await router.storeCertificate('no certificate');
    await expect(router.set(route(port, [target], { [A]: 100 }, { listen: { certificates: [none] } }))).rejects.toMatchObject({ code: 'ND-ROUTER-FAILED', parts: { problems: expect.arrayContaining([expect.stringContaining(`certs/${none}.pem`)]) } });
    expect(await router.routes()).toMatchObject([{ listen: { certificates: [name] } }]);
  });

  it('keeps a client with its release by a cookie that the instance does not see, and only moves clients towards what grows', async () => {
    const { router } = running;
    const tells = (release: string) => instance(release, '1', (request, response) => response.setHeader('x-release', release).end(request.headers.cookie ?? 'none'));
    const [a, b] = [await tells(A), await tells(B)];
    const sticky = { cookie: 'nxd-api' };
    const shared = (weight: number) => route(port, [a.target, b.target], { [A]: 100 - weight, [B]: weight }, { sticky });
    await router.set(shared(20));
    const clients = await Promise.all(Array.from({ length: 100 }, async () => {
      const { headers, release, body } = await ask(url, { headers: { cookie: 'theme=dark' } });
      expect(body).toBe('theme=dark');
      const [cookie = ''] = headers.getSetCookie();
      expect(cookie).toMatch(/^nxd-api=[0-9a-f-]{36}; Path=\/; HttpOnly; SameSite=Lax$/);
      return { cookie: cookie.split(';')[0] ?? '', release };
    }));
    const of = async (weight: number): Promise<readonly (string | null)[]> => {
      await router.set(shared(weight));
      return Promise.all(clients.map(async ({ cookie }) => {
        const { release, body, headers } = await ask(url, { headers: { cookie: `theme=dark; ${cookie}; x=1` } });
        expect(body).toBe('theme=dark; x=1');
        expect(headers.getSetCookie()).toEqual([]);
        return release;
      }));
    };
    const count = (releases: readonly (string | null)[]): number => releases.filter((release) => release === B).length;
    expect(await of(20)).toEqual(clients.map(({ release }) => release));
    const [first, grown] = [await of(20), await of(60)];
    expect(count(first)).toBeGreaterThan(5);
    expect(count(first)).toBeLessThan(45);
    expect(count(grown)).toBeGreaterThan(40);
    expect(first.every((release, client) => release !== B || grown[client] === B)).toBe(true);
    expect(count(await of(0))).toBe(0);
    expect(await ask(url, { headers: { cookie: clients[0]?.cookie ?? '' } })).toMatchObject({ body: 'none' });
  });

  it('waits for what a target that left has in flight, also in a worker that a reload has replaced', async () => {
    const { router } = running;
    const [a, b] = [await instance(A), await instance(B)];
    await router.set(route(port, [a.target], { [A]: 100 }));
    const long = ask(`${url}?ms=5000`);
    await until('the request is there', async () => await router.inFlight('api (test, acme)', a.target) === 1);
    // Another service's listener is a change of structure.
    const otherPort = await freePort();
    await router.set(route(otherPort, [b.target], { [B]: 100 }, { key: 'web (test, acme)' }));
    await router.set(route(port, [b.target], { [B]: 100 }));
    expect((await ask(url)).release).toBe(B);
    expect(await router.inFlight('api (test, acme)', a.target)).toBe(1);
    expect(await router.drained('api (test, acme)', a.target, 100)).toBe(false);
    expect(await router.drained('api (test, acme)', a.target, 20_000)).toBe(true);
    expect((await long).release).toBe(A);
    // Of another worker, of the one that serves, of nobody.
    const second = ask(`${url}?ms=5000`);
    await until('the request is there', async () => await router.inFlight('api (test, acme)', b.target) === 1);
    await router.set(route(port, [a.target], { [A]: 100 }));
    expect((await router.running('api (test, acme)'))?.servers.find(({ name }) => name === `${B}:1`)).toMatchObject({ maintenance: true });
    expect(await router.drained('api (test, acme)', b.target, 20_000)).toBe(true);
    expect((await second).release).toBe(B);
    // What was left in maintenance comes back by its name.
    await router.set(route(port, [b.target], { [B]: 100 }));
    expect((await ask(url)).release).toBe(B);
  });

  it('changes workers that leave as well: a client that was idle when another service came meets the new release', async () => {
    const { router } = running;
    const [a, b] = [await instance(A), await instance(B)];
    await router.set(route(port, [a.target], { [A]: 100 }));
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const idle = (): Promise<string> => new Promise((resolve, reject) => {
      get({ host: '127.0.0.1', port, agent }, (answer) => {
        answer.resume().once('end', () => resolve(`${String(answer.statusCode)} ${String(answer.headers['x-release'])} ${String(answer.headers['connection'])}`));
      }).once('error', reject);
    });
    expect(await idle()).toBe(`200 ${A} undefined`);
    await router.set(route(await freePort(), [b.target], { [B]: 100 }, { key: 'web (test, acme)' }));
    await router.set(route(port, [a.target, b.target], { [A]: 50, [B]: 50 }));
    await router.set(route(port, [b.target], { [B]: 100 }));
    expect(await router.drained('api (test, acme)', a.target, 10_000)).toBe(true);
    await a.stop();
    // The worker that it is connected to says with its answer that it leaves.
    expect(await idle()).toBe(`200 ${B} close`);
    agent.destroy();
  });

  it('counts per release, takes a dead one out at once and its requests elsewhere, and counts anew after a reload', async () => {
    const { router } = running;
    const good = await instance(A);
    const bad = await instance(B, '1', (request, response) => { setTimeout(() => response.writeHead(request.url === '/bad' ? 503 : 200, { 'x-release': B }).end(), 150); });
    await router.set(route(port, [good.target, bad.target], { [A]: 50, [B]: 50 }));
    const key = 'api (test, acme)';
    await Promise.all(Array.from({ length: 40 }, () => ask(url)));
    expect(await router.metrics(key, A, 60_000)).toMatchObject({ requests: 20, errors: 0, ejected: 0 });
    await Promise.all(Array.from({ length: 20 }, () => ask(`${url}bad`)));
    const counted = await router.metrics(key, B, 60_000);
    expect(counted).toMatchObject({ requests: 30, errors: 10, ejected: 0 });
    expect(counted.latency.p50).toBeGreaterThanOrEqual(150);
    expect(counted.latency.p50).toBeLessThan(400);
    await bad.stop();
    for (let sent = 0; sent < 20; sent += 1) expect((await ask(url)).release).toBe(A);
    const after = await router.metrics(key, B, 60_000);
    expect(after.ejected).toBeGreaterThan(0);
    expect(after.errors).toBe(10 + after.ejected);
    // What was counted for a server is not lost with it.
    await router.set(route(port, [good.target], { [A]: 100 }));
    expect((await router.metrics(key, B, 60_000)).errors).toBeGreaterThanOrEqual(after.errors);
    await router.set(route(port, [good.target], { [A]: 100 }, { drain: 95_000 }));
    expect(await router.metrics(key, A, 60_000)).toEqual(NO_METRICS);
  });

  it('goes on as it was when the port is another program\'s, and comes back from its file after a kill', async () => {
    const { router, folder, kill } = running;
    const { target } = await instance(A);
    await router.set(route(port, [target], { [A]: 100 }));
    const other = createServer();
    await new Promise<void>((done) => { other.listen(0, '127.0.0.1', done); });
    const { port: taken } = other.address() as { port: number };
    await expect(router.set(route(taken, [target], { [A]: 100 }, { key: 'web' }))).rejects.toMatchObject({ code: 'ND-ROUTER-FAILED', parts: { why: expect.stringContaining('a port is taken') } });
    await new Promise((done) => other.close(done));
    expect(await router.routes()).toHaveLength(1);
    expect((await ask(url)).release).toBe(A);
    await router.set(route(taken, [target], { [A]: 100 }, { key: 'web' }));
    expect((await ask(`http://127.0.0.1:${taken}/`)).release).toBe(A);
    await kill();
    await expect(router.routes()).rejects.toMatchObject({ code: 'ND-ROUTER-FAILED', parts: { why: expect.stringContaining('does not answer') } });
    const again = await haproxy([], folder);
    expect(await again.router.routes()).toHaveLength(2);
    expect((await ask(url)).release).toBe(A);
  });

  it('brings HAProxy in line with the file when a command was killed in between, or somebody changed it by hand', async () => {
    const { router, folder } = running;
    const [a, b] = [await instance(A), await instance(B)];
    await router.set(route(port, [a.target], { [A]: 100 }));
    const mine = (await router.running('api (test, acme)'))?.servers[0]?.name ?? '';
    const said = await placeIn(folder).exec(['perl', '-MIO::Socket::UNIX', '-e', 'my $s = IO::Socket::UNIX->new(Peer => "$ARGV[0]/master.sock"); print $s "\\@1 set server $ARGV[1] state maint\n"; shutdown($s, 1); print <$s>', folder, `nxd_api-test-acme_e17209f8605c/${mine}`], '');
    expect(said.output.trim()).toBe('');
    expect((await ask(url)).status).toBe(503);
    expect((await router.running('api (test, acme)'))?.weights).toEqual({});
    await router.set(route(port, [a.target], { [A]: 100 }));
    expect((await ask(url)).release).toBe(A);
    // The instance was started again elsewhere.
    await router.set(route(port, [{ ...b.target, id: a.target.id, release: A }], { [A]: 100 }));
    expect((await ask(url)).release).toBe(B);
    // As after a kill between the rename and the reload.
    const text = readFileSync(join(folder, 'haproxy.cfg'), 'utf8');
    await router.remove('api (test, acme)');
    writeFileSync(join(folder, 'haproxy.cfg'), text);
    await expect(ask(url)).rejects.toThrow();
    await router.set(route(port, [a.target], { [A]: 100 }));
    expect((await ask(url)).release).toBe(A);
  });

  it('refuses a file that it did not write, or cannot read, and says what is missing beside HAProxy', async () => {
    const { router, folder } = running;
    const set = (): Promise<void> => router.set(route(port, [], {}));
    writeFileSync(join(folder, 'haproxy.cfg'), 'global\n');
    await expect(set()).rejects.toMatchObject({ code: 'ND-STATE-DAMAGED' });
    writeFileSync(join(folder, 'haproxy.cfg'), '# nx-deploy router, form 2, generation 7\n');
    await expect(set()).rejects.toMatchObject({ code: 'ND-STATE-NEWER' });
    writeFileSync(join(folder, 'haproxy.cfg'), '# nx-deploy router, form 1, generation 7\n#= W3t9XQ==\n');
    await expect(set()).rejects.toMatchObject({ code: 'ND-STATE-DAMAGED', parts: { why: 'its routes cannot be read' } });
    rmSync(join(folder, 'haproxy.cfg'));
    await expect(set()).rejects.toMatchObject({ code: 'ND-ROUTER-FAILED' });
    const bare = new HaproxyRouter({ ...placeIn(folder), exec: () => Promise.resolve({ exitCode: 15, output: '', complaints: 'the image has no flock\n' }) });
    await expect(bare.storeCertificate('x')).rejects.toMatchObject({ code: 'ND-ROUTER-FAILED', parts: { problems: ['the image has no flock'], next: expect.stringContaining('official haproxy image') } });
    await expect(bare.prepare()).rejects.toMatchObject({ code: 'ND-ROUTER-FAILED' });
    const odd = new HaproxyRouter({ ...placeIn(folder), exec: () => Promise.resolve({ exitCode: 137, output: '', complaints: '' }) });
    await expect(odd.routes()).rejects.toMatchObject({ code: 'ND-ROUTER-FAILED', parts: { why: 'its program ended with 137' } });
  });

  it('reloads when HAProxy does not take a command, and gives up when others always come in between', async () => {
    const { router, folder, log } = running;
    const [a, b] = [await instance(A), await instance(B)];
    await router.set(route(port, [a.target], { [A]: 100 }));
    const place = placeIn(folder);
    const deaf = new HaproxyRouter({ ...place, exec: async (argv, input) => {
      const ran = await place.exec(argv, argv.includes('run') ? input.replaceAll('@1 add server', '@1 add servant') : input);
      return ran;
    } });
    const loads = log().split('Loading success').length;
    await deaf.set(route(port, [b.target], { [B]: 100 }));
    expect(log().split('Loading success').length).toBe(loads + 1);
    expect(await shares(url, 10)).toEqual({ [B]: 10 });
    const seen = place.exec(script('read', folder), '@1 show env NXD_STRUCTURE\n');
    const late = new HaproxyRouter({ ...place, exec: (argv) => (argv.includes('nx-deploy-replace') ? Promise.resolve({ exitCode: 10, output: '', complaints: '' }) : seen) });
    await expect(late.set(route(port, [a.target], { [A]: 100 }))).rejects.toMatchObject({ code: 'ND-ROUTER-FAILED', parts: { why: expect.stringContaining('100 times') } });
    expect((await ask(url)).release).toBe(B);
  });

  it('closes a service that is there, keeps it closed through changes of it, and opens it as it then is', async () => {
    const { router } = running;
    const key = 'api (test, acme)';
    const [a, b] = [await instance(A), await instance(B)];
    const closing = { closure: { type: 'maintenance', page: '<p>soon</p>', contentType: 'text/html', retryAfter: 60 }, closed: { since: '2026-01-01T00:00:00.000Z', by: 'ann' } } as const;
    expect(await router.close(key, closing)).toBeUndefined();
    await router.set(route(port, [a.target], { [A]: 100 }));
    // One that is open is left as it is.
    expect(await router.close(key, undefined)).toEqual(route(port, [a.target], { [A]: 100 }));
    expect(await router.close(key, closing)).toEqual(route(port, [a.target], { [A]: 100 }));
    expect(await ask(url)).toMatchObject({ status: 503, body: '<p>soon</p>' });
    await router.setOpenOrClosed(route(port, [b.target], { [B]: 100 }));
    expect((await ask(url)).status).toBe(503);
    expect(await router.routes()).toEqual([{ ...route(port, [b.target], { [B]: 100 }), ...closing }]);
    expect(await router.close(key, undefined)).toMatchObject(closing);
    expect((await ask(url)).release).toBe(B);
    // What says not by whom, as an earlier version wrote it, stays closed too.
    await router.set({ ...route(port, [b.target], { [B]: 100 }), closure: closing.closure });
    await router.setOpenOrClosed(route(port, [a.target], { [A]: 100 }));
    expect((await ask(url)).status).toBe(503);
  });
});
