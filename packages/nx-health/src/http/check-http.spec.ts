import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { BODY_LIMIT, checkHttp } from './check-http.js';

const open: { server: Server; sockets: Set<Socket> }[] = [];

async function listen(server: Server): Promise<string> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    socket.on('error', () => undefined);
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  open.push({ server, sockets });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const http = (listener: RequestListener): Promise<string> => listen(createHttpServer(listener));
const raw = (onConnection: (socket: Socket) => void): Promise<string> => listen(createServer(onConnection));

afterEach(async () => {
  for (const { server, sockets } of open.splice(0)) {
    sockets.forEach((socket) => socket.destroy());
    await new Promise((resolve) => server.close(resolve));
  }
});

async function untilClosed(): Promise<void> {
  const until = Date.now() + 2_000;
  while (open.some(({ sockets }) => sockets.size > 0) && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(open.map(({ sockets }) => sockets.size)).toEqual(open.map(() => 0));
}

describe('checkHttp', () => {
  it.each([[200, 'healthy'], [204, 'healthy'], [206, 'degraded'], [301, 'unhealthy'], [404, 'unhealthy'], [503, 'unhealthy']])('judges %i as %s', async (code, status) => {
    const url = await http((_request, response) => { response.writeHead(code, { location: '/elsewhere' }).end(); });
    const result = await checkHttp({ url, timeoutMs: 2_000 });
    expect(result.status).toBe(status);
    expect(result.reason).toBe(status === 'healthy' ? undefined : `HTTP ${code}`);
    expect(result.ms).toBeGreaterThanOrEqual(0);
  });

  it('takes another map of statuses', async () => {
    const url = await http((_request, response) => { response.writeHead(401).end(); });
    expect((await checkHttp({ url, timeoutMs: 2_000, expectStatus: { healthy: [401], degraded: [] } })).status).toBe('healthy');
    expect((await checkHttp({ url, timeoutMs: 2_000, expectStatus: { healthy: [[400, 499]], degraded: [401] } })).status).toBe('degraded');
  });

  it('sends the method and the headers, and closes its connection', async () => {
    const seen: unknown[] = [];
    const url = await http((request, response) => {
      seen.push([request.method, request.url, request.headers['x-check'], request.headers.connection]);
      response.end();
    });
    await checkHttp({ url: new URL('/health?deep=1', url), method: 'HEAD', headers: { 'x-check': 'yes' }, timeoutMs: 2_000 });
    expect(seen).toEqual([['HEAD', '/health?deep=1', 'yes', 'close']]);
    await untilClosed();
  });

  it('uses a fresh connection each time', async () => {
    let connections = 0;
    const server = createHttpServer((_request, response) => { response.end('ok'); });
    server.on('connection', () => { connections += 1; });
    const url = await listen(server);
    await checkHttp({ url, timeoutMs: 2_000 });
    await checkHttp({ url, timeoutMs: 2_000 });
    expect(connections).toBe(2);
  });

  it('follows no redirect', async () => {
    const paths: (string | undefined)[] = [];
    const url = await http((request, response) => { paths.push(request.url); response.writeHead(302, { location: '/other' }).end(); });
    expect((await checkHttp({ url, timeoutMs: 2_000 })).status).toBe('unhealthy');
    expect(paths).toEqual(['/']);
  });

  it('waits for a slow answer within its time', async () => {
    const url = await http((_request, response) => { setTimeout(() => response.end('ok'), 150); });
    const result = await checkHttp({ url, timeoutMs: 5_000 });
    expect(result.status).toBe('healthy');
    expect(result.ms).toBeGreaterThanOrEqual(140);
  });

  it('gives up on a server that never answers', async () => {
    const url = await http(() => undefined);
    const result = await checkHttp({ url, timeoutMs: 150 });
    expect(result).toMatchObject({ status: 'unhealthy', reason: 'connected, but no answer within 150 ms' });
    expect(result.ms).toBeLessThan(2_000);
    await untilClosed();
  });

  it('gives up on headers without the end of a body', async () => {
    const url = await http((_request, response) => { response.writeHead(200, { 'content-length': '10' }); response.write('half'); });
    expect(await checkHttp({ url, timeoutMs: 150 })).toMatchObject({ status: 'unhealthy', reason: 'HTTP 200, but the body did not end within 150 ms' });
    await untilClosed();
  });

  it('reads no more than the limit of a body that never ends', async () => {
    let sent = 0;
    const url = await http((_request, response) => {
      const pump = (): void => {
        while (!response.destroyed && sent < 200 * BODY_LIMIT) {
          sent += 16_384;
          if (!response.write(Buffer.alloc(16_384, 'x'))) { response.once('drain', pump); return; }
        }
      };
      pump();
    });
    expect((await checkHttp({ url, timeoutMs: 5_000 })).status).toBe('healthy');
    await untilClosed();
    expect(sent).toBeLessThan(200 * BODY_LIMIT);
  });

  it('reports a body that was cut', async () => {
    const url = await raw((socket) => { socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort'); });
    const result = await checkHttp({ url, timeoutMs: 2_000 });
    expect(result.status).toBe('unhealthy');
    expect(result.reason).toBe('HTTP 200, but the body did not end before the connection closed');
  });

  it('reports a reset', async () => {
    const url = await raw((socket) => { socket.once('data', () => socket.resetAndDestroy()); });
    expect(await checkHttp({ url, timeoutMs: 2_000 })).toMatchObject({ status: 'unhealthy', reason: expect.stringContaining('ECONNRESET') as string });
  });

  it('reports a connection that closes without an answer', async () => {
    const url = await raw((socket) => { socket.once('data', () => socket.end()); });
    expect(await checkHttp({ url, timeoutMs: 2_000 })).toMatchObject({ status: 'unhealthy', reason: 'socket hang up (ECONNRESET)' });
  });

  it.each(['\0\x01\xff garbage \x1b[31m\r\n\r\n', 'SSH-2.0-OpenSSH_9.2\r\n', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(40_000)}\r\n\r\n`])('reports what is no HTTP answer', async (text) => {
    const url = await raw((socket) => { socket.end(text); });
    const result = await checkHttp({ url, timeoutMs: 2_000 });
    expect(result.status).toBe('unhealthy');
    expect(result.reason).toMatch(/^Parse Error: [\x20-\x7e]+\(HPE_\w+\)$/);
  });

  it('reports a switch of protocols', async () => {
    const url = await raw((socket) => { socket.resume().write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'); });
    expect(await checkHttp({ url, timeoutMs: 2_000 })).toMatchObject({ status: 'unhealthy', reason: 'HTTP 101: the server switched protocols' });
    await untilClosed();
  });

  it('ignores 1xx before the answer', async () => {
    const url = await raw((socket) => { socket.end('HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'); });
    expect((await checkHttp({ url, timeoutMs: 2_000 })).status).toBe('healthy');
  });

  it('quotes at most 200 printable characters of the body', async () => {
    const url = await http((_request, response) => { response.writeHead(503).end(`{"db":\r\n\x1b[31m "d\u00f6wn" }${'z'.repeat(5_000)}`); });
    const { reason = '' } = await checkHttp({ url, timeoutMs: 2_000 });
    expect(reason).toMatch(/^HTTP 503: \{"db": \?\[31m "d\?wn" \}z+\.\.\.$/);
    expect(reason.length).toBeLessThanOrEqual('HTTP 503: '.length + 200);
  });

  it('speaks TLS to https', async () => {
    const firstBytes: number[] = [];
    const url = await raw((socket) => { socket.once('data', (data: Buffer) => { firstBytes.push(data[0] ?? -1); socket.end('HTTP/1.1 200 OK\r\n\r\n'); }); });
    const result = await checkHttp({ url: url.replace('http:', 'https:'), timeoutMs: 2_000 });
    expect(result.status).toBe('unhealthy');
    expect(firstBytes).toEqual([0x16]);
  });

  it('names the timeout of a TLS handshake as no connection', async () => {
    const url = await raw(() => undefined);
    expect(await checkHttp({ url: url.replace('http:', 'https:'), timeoutMs: 120 })).toMatchObject({ status: 'unhealthy', reason: 'no connection within 120 ms' });
  });

  it('reports a refused connection, on IPv4 and on IPv6', async () => {
    const url = await http((_request, response) => { response.end(); });
    const { port } = new URL(url);
    expect((await checkHttp({ url: `http://[::1]:${port}/`, timeoutMs: 2_000 })).reason).toMatch(/ECONNREFUSED|EADDRNOTAVAIL/);
    const gone = await raw(() => undefined);
    await new Promise((resolve) => open.at(-1)?.server.close(resolve));
    expect((await checkHttp({ url: gone, timeoutMs: 2_000 })).reason).toContain('ECONNREFUSED');
    expect((await checkHttp({ url: gone.replace('127.0.0.1', 'localhost'), timeoutMs: 2_000 })).reason).toContain('ECONNREFUSED');
  });

  it('ends when it is cancelled, before and during the check', async () => {
    const url = await http(() => undefined);
    const controller = new AbortController();
    setTimeout(() => { controller.abort(); }, 50);
    expect(await checkHttp({ url, timeoutMs: 10_000, signal: controller.signal })).toMatchObject({ status: 'unhealthy', reason: 'the check was cancelled' });
    expect(await checkHttp({ url, timeoutMs: 10_000, signal: controller.signal })).toMatchObject({ status: 'unhealthy', reason: 'the check was cancelled' });
    await untilClosed();
  });

  it('rejects what can never work', async () => {
    await expect(checkHttp({ url: 'ftp://127.0.0.1/', timeoutMs: 10 })).rejects.toThrow('must start with http:// or https://, got ftp:');
    await expect(checkHttp({ url: 'nonsense', timeoutMs: 10 })).rejects.toThrow('Invalid URL');
    await expect(checkHttp({ url: 'http://127.0.0.1/', timeoutMs: 0 })).rejects.toThrow(RangeError);
    await expect(checkHttp({ url: 'http://127.0.0.1/', timeoutMs: 2 ** 31 })).rejects.toThrow(RangeError);
    await expect(checkHttp({ url: 'http://127.0.0.1/', method: 'NOT A METHOD', timeoutMs: 100 })).rejects.toThrow('Method');
    await expect(checkHttp({ url: 'http://127.0.0.1/', headers: { 'bad header': 'x' }, timeoutMs: 100 })).rejects.toThrow('bad header');
  });
});
