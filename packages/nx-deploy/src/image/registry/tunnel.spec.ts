/** HTTPS through a proxy, with both ends in this process. */
import { readFileSync } from 'node:fs';
import { createServer as createHttpServer, type Server } from 'node:http';
import { createServer, request, type RequestOptions } from 'node:https';
import { connect, type AddressInfo, type Server as NetServer, type Socket } from 'node:net';
import { describeWith, makeCertificate, temporaryFolder } from './live.spec-support.js';
import { proxyAuthorization, TunnelAgent } from './tunnel.js';

const closing: (() => void)[] = [];
afterEach(() => closing.splice(0).forEach((close) => close()));

async function listening(server: NetServer): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket.on('error', () => undefined)));
  closing.push(() => { server.close(); sockets.forEach((socket) => socket.destroy()); });
  await new Promise<void>((ready) => { server.listen(0, '127.0.0.1', ready); });
  return (server.address() as AddressInfo).port;
}

interface Connects {
  readonly targets: readonly string[];
  readonly authorizations: readonly (string | undefined)[];
}

/** Knows every host as `target`; `status`: what it answers to CONNECT, nothing at all for 0. */
async function startProxy(target: number, status = 200): Promise<Connects & { readonly port: number }> {
  const seen = { targets: [] as string[], authorizations: [] as (string | undefined)[] };
  const server: Server = createHttpServer().on('connect', ({ url = '', headers }, socket: Socket) => {
    seen.targets.push(url);
    seen.authorizations.push(headers['proxy-authorization']);
    if (status === 0) return;
    socket.write(`HTTP/1.1 ${status} So\r\n\r\n`);
    if (status === 200) socket.pipe(connect(target, '127.0.0.1').on('error', () => socket.destroy())).pipe(socket);
    else socket.end();
  });
  return { ...seen, port: await listening(server) };
}

describeWith(['openssl'], 'a tunnel', () => {
  const { key, certificate } = makeCertificate(temporaryFolder('tunnel'), 'registry.spec');
  const ca = readFileSync(certificate);
  let origin: number;
  beforeEach(async () => { origin = await listening(createServer({ key: readFileSync(key), cert: ca }, (asked, answer) => answer.end(`${asked.headers.host ?? ''} ${asked.url ?? ''}`))); });

  function get(proxy: string, options: RequestOptions = {}, patience = 5_000): Promise<string> {
    const agent = new TunnelAgent(new URL(proxy), patience, { keepAlive: true, ...{ ca } });
    closing.push(() => agent.destroy());
    return new Promise((resolve, reject) => {
      request({ host: 'registry.spec', path: '/v2/', agent, ...options }, (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (part: string) => { text += part; }).on('end', () => resolve(text));
      }).on('error', reject).end();
    });
  }

  it('leads to the host and port that were asked for, with the password of the proxy', async () => {
    const proxy = await startProxy(origin);
    expect(await get(`http://me:p%40ss@127.0.0.1:${proxy.port}`)).toBe('registry.spec /v2/');
    expect(await get(`http://127.0.0.1:${proxy.port}`, { port: 8443 })).toBe('registry.spec:8443 /v2/');
    expect(proxy.targets).toEqual(['registry.spec:443', 'registry.spec:8443']);
    expect(proxy.authorizations).toEqual([`Basic ${Buffer.from('me:p@ss').toString('base64')}`, undefined]);
  });

  it('writes an IPv6 address in brackets, and trusts nobody in its place', async () => {
    const proxy = await startProxy(origin);
    await expect(get(`http://127.0.0.1:${proxy.port}`, { host: '::1' })).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    expect(proxy.targets).toEqual(['[::1]:443']);
  });

  it.each([403, 407, 502])('ends when the proxy answers %i', async (status) => {
    const proxy = await startProxy(origin, status);
    await expect(get(`http://127.0.0.1:${proxy.port}`)).rejects.toMatchObject({ status });
  });

  it('is given up when the proxy is silent, or not there', async () => {
    const proxy = await startProxy(origin, 0);
    await expect(get(`http://127.0.0.1:${proxy.port}`, {}, 100)).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    await expect(get('http://127.0.0.1:1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('speaks TLS with a proxy whose address says so', async () => {
    const port = await listening(createServer({ key: readFileSync(key), cert: ca }));
    await expect(get(`https://127.0.0.1:${port}`)).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  });
});

it.each([['http://proxy', {}], ['http://me@proxy', { 'proxy-authorization': 'Basic bWU6' }], ['http://:x@proxy', { 'proxy-authorization': 'Basic Ong=' }]])('the login of %s', (proxy, headers) => {
  expect(proxyAuthorization(new URL(proxy))).toEqual(headers);
});
