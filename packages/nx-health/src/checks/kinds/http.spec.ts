import { createServer, type RequestListener } from 'node:http';
import { constants, createServer as createHttp2, createSecureServer, type Http2ServerResponse } from 'node:http2';
import { createServer as createHttps } from 'node:https';
import { mkdtempSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeWith } from '../../../../../tools/images/needs.spec-support.js';
import { exchange } from '../../http/exchange.js';
import { exchangeHttp2 } from '../../http/exchange-http2.js';
import type { CheckResult } from '../../result.js';
import { identity, type Identity } from './certificates.spec-support.js';
import { peer, type Peer } from './peers.spec-support.js';
import { checkOf, noOthers } from './suite.spec-support.js';

const peers: Peer[] = [];
async function serve(listener: RequestListener): Promise<string> {
  const one = await peer(createServer(listener));
  peers.push(one);
  return `http://127.0.0.1:${one.port}`;
}
afterEach(async () => { for (const one of peers.splice(0)) await one.close(); });

const check = async (url: string, settings: object = {}): Promise<CheckResult> => (await checkOf('http', { url, ...settings })).run({ result: noOthers });
const answers = (body: string, headers: Record<string, string> = {}): RequestListener => (_request, response) => { response.writeHead(200, headers).end(body); };

describe('what must be in the answer', () => {
  const json = '{"status":"ok","checks":[{"name":"db-1","up":true}],"a b":null}';

  it.each<[object, string | undefined]>([
    [{ expectJson: { '$.status': 'ok', 'checks[0].up': true, "$['a b']": null, '$.checks[0].name': { matches: '^db-\\d$' }, '$.error': { exists: false } } }, undefined],
    [{ expectJson: { '$.status': 'fine' } }, '$.status must be "fine", got "ok"'],
    [{ expectJson: { '$.checks[1].up': true } }, '$.checks[1].up must be true, got nothing'],
    [{ expectJson: { '$.status.x': { exists: true } } }, '$.status.x must be there, got nothing'],
    [{ expectJson: { '$.__proto__.x': { exists: true } } }, '$.__proto__.x must be there, got nothing'],
    [{ expectJson: { '$.status': { exists: false } } }, '$.status must not be there, got "ok"'],
    [{ expectJson: { '$.checks': { matches: 'x' } } }, '$.checks must match "x", got [{"name":"db-1","up":true}]'],
    [{ expectBody: '"status":"ok"', expectHeaders: { 'Content-Type': '^application/json' } }, undefined],
    [{ expectBody: 'ready' }, `the body does not match "ready", got ${JSON.stringify(json)}`],
    [{ expectHeaders: { 'content-type': 'xml$' } }, 'the header content-type does not match "xml$", got "application/json"'],
    [{ expectHeaders: { 'x-version': '.' } }, 'the header x-version is missing'],
  ])('%j', async (settings, reason) => {
    const url = await serve(answers(json, { 'content-type': 'application/json' }));
    const result = await check(url, settings);
    expect([result.status, result.reason]).toEqual([reason === undefined ? 'healthy' : 'unhealthy', reason]);
  });

  it('says when the body is no JSON', async () => {
    expect((await check(await serve(answers('<html>')), { expectJson: { '$.a': 1 } })).reason).toBe('the body is no JSON, got "<html>"');
  });

  it('blots out a secret that would be cut, or is quoted', async () => {
    const secret = 'k\u00e4y"-0123456789-0123456789-0123456789';
    const url = await serve((request, response) => { response.writeHead(request.url === '/no' ? 503 : 200).end(`${'x'.repeat(60)} ${secret}`); });
    const asked = async (address: string, settings: object): Promise<string | undefined> => (await (await checkOf('http', { url: address, ...settings }, { secrets: [secret] })).run({ result: noOthers })).reason;
    expect(await asked(url, { expectBody: 'ready' })).toBe(`the body does not match "ready", got "${'x'.repeat(60)} ***"`);
    expect(await asked(`${url}/no`, {})).toBe(`HTTP 503: ${'x'.repeat(60)} ***`);
  });

  it('ends a pattern that backtracks for ever', async () => {
    const result = await check(await serve(answers(`${'a'.repeat(5_000)}!`)), { expectBody: '^(a+)+$', timeout: '50s' });
    expect(result.reason).toBe('the pattern "^(a+)+$" took longer than 100 ms');
  });

  it('takes the statuses that it is told, and prefers their reason', async () => {
    const url = await serve((_request, response) => { response.writeHead(401).end('who?'); });
    expect((await check(url, { healthy: '200,401' })).status).toBe('healthy');
    expect(await check(url, { healthy: 'none', degraded: '400-499' })).toMatchObject({ status: 'degraded', reason: 'HTTP 401: who?' });
    expect((await check(url, { expectBody: 'x' })).reason).toBe('HTTP 401: who?');
  });
});

describe('bodies', () => {
  it.each([[{ bodyLimit: 1_000 }, 'the body is larger than 1000 bytes'], [{ expectBody: 'x' }, 'the body is larger than 65536 bytes'], [{}, undefined]])('without end: %j', async (settings, reason) => {
    let sent = 0;
    const url = await serve((_request, response) => {
      const pump = (): void => {
        while (!response.destroyed && sent < 64_000_000) {
          sent += 65_536;
          if (!response.write(Buffer.alloc(65_536, 'x'))) { response.once('drain', pump); return; }
        }
      };
      pump();
    });
    expect((await check(url, settings)).reason).toBe(reason);
    expect(sent).toBeLessThan(64_000_000);
  });

  it('that come a byte at a time end with its time', async () => {
    const url = await serve((_request, response) => {
      const timer = setInterval(() => response.write('.'), 10);
      response.on('close', () => clearInterval(timer));
    });
    expect((await check(url, { timeout: '200ms' })).reason).toBe('HTTP 200, but the body did not end within 200 ms');
  });

  it('may have exactly so many bytes', async () => {
    expect((await check(await serve(answers('x'.repeat(1_000))), { bodyLimit: 1_000 })).status).toBe('healthy');
  });
});

describe('redirects', () => {
  const chain: RequestListener = (request, response) => {
    const step = Number(/\d+/.exec(request.url ?? '')?.[0] ?? 0);
    if (step === 0) response.end(JSON.stringify({ authorization: request.headers.authorization ?? 'none', cookie: request.headers.cookie ?? 'none', 'x-own': request.headers['x-own'] ?? 'none', 'user-agent': request.headers['user-agent'] ?? 'none' }));
    else response.writeHead([301, 302, 303, 307, 308][step % 5] ?? 302, { location: `/${step - 1}` }).end();
  };

  it.each<[string, number, string | undefined]>([
    ['/3', 0, 'HTTP 307'], ['/3', 3, undefined], ['/4', 3, 'more than 3 redirects, the last to HOST/0'], ['/0', 1, undefined],
  ])('%s with %i of them', async (path, redirects, reason) => {
    const url = await serve(chain);
    expect((await check(`${url}${path}`, { redirects })).reason?.replace(url, 'HOST')).toBe(reason);
  });

  it.each([
    ['/', 'redirect loop: / leads back to itself'], ['/b', 'redirect loop: / leads back to itself'], ['ftp://x/', 'redirect to ftp:, which is not followed'], ['http://[', 'redirect to what is no address'],
  ])('to %s', async (location, reason) => {
    const url = await serve((request, response) => { response.writeHead(302, { location: request.url === '/b' ? '/' : location }).end(); });
    expect((await check(url, { redirects: 10 })).reason).toBe(reason);
  });

  it('take credentials to no other origin', async () => {
    const end = await serve(chain);
    const url = await serve((_request, response) => { response.writeHead(302, { location: `${end}/0` }).end(); });
    expect(await check(url, { redirects: 1, headers: { authorization: 'Bearer abcdef', Cookie: 'a=b', 'x-own': '1', 'User-Agent': 'me' }, expectJson: { authorization: 'none', cookie: 'none', 'x-own': 'none', 'user-agent': 'me' } })).toMatchObject({ status: 'healthy' });
    expect(await check(`${end}/1`, { redirects: 1, headers: { authorization: 'Bearer abcdef', 'x-own': '1' }, expectJson: { authorization: 'Bearer abcdef', 'x-own': '1' } })).toMatchObject({ status: 'healthy' });
  });

  it('are left where they do not say where to', async () => {
    expect((await check(await serve((_request, response) => { response.writeHead(302).end(); }), { redirects: 5 })).reason).toBe('HTTP 302');
  });
});

it('names a host that there is not', async () => {
  expect((await check('http://nothing-here.invalid/')).reason).toMatch(/^getaddrinfo (?:ENOTFOUND|EAI_AGAIN) nothing-here\.invalid$/);
});

it('sends what it is told', async () => {
  const seen: unknown[] = [];
  const url = await serve((request, response) => { seen.push([request.method, request.url, request.headers['x-a'], request.headers.authorization]); response.end(); });
  await check(url.replace('//', '//u:p%40w@').concat('/health?deep=1'), { method: 'OPTIONS', headers: { 'x-a': '1' } });
  expect(seen).toEqual([['OPTIONS', '/health?deep=1', '1', `Basic ${Buffer.from('u:p@w').toString('base64')}`]]);
});

it('is degraded when it is slow', async () => {
  const result = await check(await serve((_request, response) => { setTimeout(() => response.end(), 120); }), { slow: '50ms' });
  expect(result).toMatchObject({ status: 'degraded', reason: expect.stringMatching(/^it took \d+ ms, more than 50 ms$/) as string });
});

describe.each([
  [{ headers: { 'a b': 'x' } }, 'must be the name of a header'], [{ headers: { a: 'x\ny' } }, 'must be a value that a header can have'], [{ url: 'ftp://x/' }, 'must be an address that starts with http:// or https://'],
  [{ url: 'hunter2' }, 'must be an address'], [{ expectBody: '(' }, 'must be a regular expression'], [{ expectJson: { '$..a': 1 } }, 'must be a place in JSON'], [{ expectJson: { a: [] } }, 'must be a value, or an object'],
  [{ expectJson: { a: { matches: 'x', y: 1 } } }, 'matches'], [{ healthy: '99' }, 'must be statuses'], [{ redirects: -1 }, 'must be a whole number from 0 to 20'], [{ method: 'POST' }, 'must be \\"GET\\", \\"HEAD\\" or \\"OPTIONS\\"'], [{ timeout: '25d' }, 'must be a duration of at most 24 days'],
])('of %j', (settings, problem) => {
  it('says what is wrong', async () => {
    await expect(checkOf('http', { url: 'http://h/', ...settings })).rejects.toThrow(problem);
  });
});

describeWith(['openssl'], 'TLS and HTTP/2', () => {
  const folder = mkdtempSync(join(tmpdir(), 'nx-health-tls-'));
  let good: Identity;
  beforeAll(() => { good = identity(folder, 90); });
  afterAll(() => { rmSync(folder, { recursive: true }); });

  async function secure(of: Identity, body = 'ok'): Promise<string> {
    const one = await peer(createHttps({ key: of.key, cert: of.cert }, answers(body)));
    peers.push(one);
    return `https://localhost:${one.port}`;
  }

  it('judges the certificate', async () => {
    const url = await secure(good);
    const trusted = { ca: good.file };
    expect((await check(url)).reason).toBe('self-signed certificate (DEPTH_ZERO_SELF_SIGNED_CERT)');
    expect((await check(url, trusted)).status).toBe('healthy');
    expect((await check(url, { verify: false })).status).toBe('healthy');
    expect((await check(url, { ...trusted, certificate: {} })).status).toBe('healthy');
    expect(await check(url, { ...trusted, certificate: { degraded: '100d' } })).toMatchObject({ status: 'degraded', reason: expect.stringMatching(/^the certificate ends in 89 d/) as string, unit: 'days' });
    expect(await check(url, { ...trusted, certificate: { unhealthy: '100d' } })).toMatchObject({ status: 'unhealthy', observed: 89 });
    expect((await check(url, { ca: 'nowhere.pem' })).reason).toContain('ENOENT');
    const ended = identity(folder, -5);
    const old = await secure(ended);
    expect((await check(old, { ca: ended.file })).reason).toBe('certificate has expired (CERT_HAS_EXPIRED)');
    expect((await check(old, { verify: false, certificate: {} })).reason).toMatch(/^the certificate ended 5 d/);
    const other = identity(folder, 90, 'shop.example');
    expect((await check(await secure(other), { ca: other.file })).reason).toMatch(/^Hostname\/IP does not match certificate's altnames.*ERR_TLS_CERT_ALTNAME_INVALID\)$/);
    expect((await check(await serve(answers('')), { certificate: {} })).reason).toBe('the answer came without a certificate');
  });

  it('names what is no TLS', async () => {
    const url = await serve(answers('x'));
    expect((await check(url.replace('http:', 'https:'))).reason).toMatch(/EPROTO|wrong version number/);
  });

  it('does not follow from https to http', async () => {
    const one = await peer(createHttps({ key: good.key, cert: good.cert }, (_request, response) => { response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(); }));
    peers.push(one);
    expect((await check(`https://localhost:${one.port}`, { ca: good.file, redirects: 3 })).reason).toBe('redirect from https to http, which is not followed');
  });

  it.each<[string, (response: Http2ServerResponse, socket: Socket | undefined) => void, RegExp]>([
    ['stream', ({ stream }) => { stream.close(constants.NGHTTP2_CANCEL); }, /^HTTP 200, but the stream was reset before the body ended$/],
    ['stream, as an error', ({ stream }) => { stream.close(constants.NGHTTP2_INTERNAL_ERROR); }, /^HTTP 200, but the stream was reset before the body ended$|NGHTTP2_INTERNAL_ERROR/],
    ['session', ({ stream }) => { stream.session?.destroy(); }, /^HTTP 200, but the stream was reset before the body ended$|^the HTTP\/2 connection closed before its answer ended$|NGHTTP2/],
    ['connection', (_response, socket) => { socket?.destroy(); }, /^HTTP 200, but the stream was reset before the body ended$|^the HTTP\/2 connection closed before its answer ended$|ECONNRESET/],
  ])('takes no HTTP/2 answer for whole whose %s is cut', async (_what, cut, reason) => {
    let socket: Socket | undefined;
    const server = createHttp2((_request, response) => {
      response.writeHead(200);
      response.write('half', () => { setTimeout(() => cut(response, socket), 20); });
    });
    server.on('connection', (opened: Socket) => { socket = opened; });
    const one = await peer(server);
    peers.push(one);
    const result = await check(`http://127.0.0.1:${one.port}/`, { http2: true });
    expect([result.status, result.reason]).toEqual(['unhealthy', expect.stringMatching(reason)]);
  });

  it('speaks HTTP/2, with TLS and without', async () => {
    const versions: string[] = [];
    const one = await peer(createSecureServer({ key: good.key, cert: good.cert }, (request, response) => { versions.push(`${request.httpVersion} ${request.url} ${request.headers.authorization ?? ''}`); response.writeHead(request.url === '/no' ? 503 : 200, { 'x-a': 'b' }); response.end('{"up":true}'); }));
    peers.push(one);
    const settings = { http2: true, ca: good.file, certificate: {}, expectJson: { '$.up': true }, expectHeaders: { 'X-A': 'b' } };
    expect(await check(`https://localhost:${one.port}/a?b=c`, settings)).toMatchObject({ status: 'healthy' });
    expect(await check(`https://u:p@localhost:${one.port}/no`, settings)).toMatchObject({ status: 'unhealthy', reason: 'HTTP 503: {"up":true}' });
    expect(versions).toEqual(['2.0 /a?b=c ', `2.0 /no Basic ${Buffer.from('u:p').toString('base64')}`]);
    const plain = await peer(createHttp2((_request, response) => { response.end('x'.repeat(100)); }));
    peers.push(plain);
    const clear = `http://127.0.0.1:${plain.port}/`;
    expect((await check(clear, { http2: true })).status).toBe('healthy');
    expect((await check(clear, { http2: true, bodyLimit: 10 })).reason).toBe('the body is larger than 10 bytes');
    expect((await check(await serve(answers('')), { http2: true })).reason).toMatch(/Protocol error|HTTP\/2 connection closed|ERR_HTTP2/);
    expect((await check(`https://localhost:${one.port}`, { http2: true })).reason).toContain('DEPTH_ZERO_SELF_SIGNED_CERT');
    const silentOne = await peer(createHttp2(() => undefined));
    peers.push(silentOne);
    expect((await check(`http://127.0.0.1:${silentOne.port}/`, { http2: true, timeout: '150ms' })).reason).toBe('connected, but no answer within 150 ms');
  });
});

it('opens no connection when it was cancelled before', async () => {
  const one = await peer(createServer(answers('ok')));
  peers.push(one);
  const asking = { signal: AbortSignal.abort(), timeoutMs: 1_000, waitingFor: () => undefined };
  const sent = { method: 'GET', headers: {}, bodyLimit: 10 };
  for (const ask of [exchange, exchangeHttp2]) await expect(ask(new URL(`http://127.0.0.1:${one.port}/`), sent, asking)).rejects.toThrow('aborted');
  expect(one.open()).toBe(0);
});
