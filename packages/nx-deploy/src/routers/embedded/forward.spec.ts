import http, { type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { answerOf, ask, closeAll, connect, drained, exchange, freePort, open, rawUpstream, received, route, router, serving, target, until, upstream } from './router.spec-support.js';

afterEach(closeAll);

/** Answers with what it got, as JSON. */
const mirror = () => upstream((request, response) => {
  void drained(request).then((body) => {
    response.setHeader('X-Method', request.method ?? '');
    response.end(JSON.stringify({ method: request.method, url: request.url, headers: request.rawHeaders, body, trailers: request.rawTrailers }));
  });
}, { maxHeaderSize: 65_536 });

interface Seen { readonly method: string; readonly url: string; readonly headers: string[]; readonly body: string; readonly trailers: string[] }
const seen = (answer: string): Seen => JSON.parse(answer.slice(answer.indexOf('{'), answer.lastIndexOf('}') + 1)) as Seen;

/** Answers every request on a connection with these bytes. */
const canned = (bytes: string) => rawUpstream((socket) => { socket.on('data', () => socket.write(bytes, 'latin1')); });
const through = async (bytes: string, request = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'): Promise<string> => {
  const { port } = await canned(bytes);
  const front = await serving(target(port));
  return exchange(front.port, request);
};

describe('requests', () => {
  it('keeps raw query, header case, duplicates and latin1 bytes', async () => {
    const a = await mirror();
    const { port } = await serving(target(a.port));
    const answer = await exchange(port, 'GET /p%20q/?a=1&&b=%2f;c HTTP/1.1\r\nhOST: x.example:99\r\nX-Caf: caf\xe9\r\nx-dup: 1\r\nX-DUP: 2\r\nConnection: close\r\n\r\n');
    const { url, headers } = seen(answer);
    expect(url).toBe('/p%20q/?a=1&&b=%2f;c');
    expect(headers.slice(0, 8)).toEqual(['hOST', 'x.example:99', 'X-Caf', 'caf\xc3\xa9', 'x-dup', '1', 'X-DUP', '2']);
    expect(headers.slice(8)).toEqual(['X-Forwarded-For', '127.0.0.1', 'X-Forwarded-Proto', 'http', 'X-Forwarded-Host', 'x.example:99', 'Connection', 'keep-alive']);
  });

  it('keeps latin1 bytes when the head leaves before the content, both ways', async () => {
    let finish = (): void => {};
    const heads: string[] = [];
    const { port } = await rawUpstream((socket) => {
      socket.setEncoding('latin1').on('data', (chunk) => {
        heads.push(String(chunk));
        finish = () => socket.write('4\r\ndone\r\n0\r\n\r\n');
        if (heads.length === 1) socket.write('HTTP/1.1 200 OK\r\nX-Caf: caf\xe9\r\nTransfer-Encoding: chunked\r\n\r\n', 'latin1');
      });
    });
    const { port: at } = await serving(target(port));
    const client = connect(at);
    client.write('POST / HTTP/1.1\r\nHost: x\r\nX-Caf: caf\xe9\r\nTransfer-Encoding: chunked\r\n\r\n', 'latin1');
    expect(await received(client, '\r\n\r\n')).toContain('X-Caf: caf\xe9\r\n');
    expect(heads[0]).toContain('X-Caf: caf\xe9\r\n');
    client.write('0\r\n\r\n');
    finish();
    expect(await received(client, '0\r\n\r\n')).toContain('done');
  });

  it('says 100 itself when Node would send the header values of a request with Expect as UTF-8', async () => {
    const a = await mirror();
    const { port } = await serving(target(a.port));
    const client = connect(port);
    client.write('POST / HTTP/1.1\r\nHost: x\r\nX-Caf: caf\xe9\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n', 'latin1');
    expect(await received(client, '\r\n\r\n')).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    client.write('ab');
    const { headers, body } = seen(await received(client));
    expect([headers[headers.indexOf('X-Caf') + 1], body]).toEqual(['caf\xc3\xa9', 'ab']);
    expect(headers).not.toContain('Expect');
  });

  it('believes X-Forwarded-For of trusted peers', async () => {
    const a = await mirror();
    const front = router({ trustedProxies: ['loopback'] });
    const port = await freePort();
    await front.set(route(port, [target(a.port)]));
    const answer = await ask(port, { headers: { 'X-Forwarded-For': '192.0.2.1', 'X-Forwarded-Proto': 'https' } });
    const { headers } = seen(answer.body);
    expect(headers[headers.indexOf('X-Forwarded-For') + 1]).toBe('192.0.2.1, 127.0.0.1');
    expect(headers[headers.indexOf('X-Forwarded-Proto') + 1]).toBe('https');
  });

  it('passes uncommon methods, with and without content', async () => {
    const a = await mirror();
    const { port } = await serving(target(a.port));
    for (const method of ['PROPFIND', 'M-SEARCH', 'PURGE', 'MKCALENDAR', 'QUERY', 'TRACE', 'PATCH', 'DELETE', 'OPTIONS']) {
      if (!http.METHODS.includes(method)) continue;
      expect(seen((await ask(port, { method })).body)).toMatchObject({ method, body: '' });
    }
    for (const method of ['DELETE', 'GET', 'SEARCH']) {
      expect(seen((await ask(port, { method, body: 'content', headers: { 'Transfer-Encoding': 'chunked' } })).body)).toMatchObject({ method, body: 'content' });
      expect(seen((await ask(port, { method, body: 'content', headers: { 'Content-Length': 7 } })).body)).toMatchObject({ method, body: 'content' });
    }
    expect(seen(await exchange(port, 'POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')).headers).toContain('Content-Length');
  });

  it('takes absolute-form and asterisk-form targets', async () => {
    const a = await mirror();
    const { port } = await serving(target(a.port));
    const { url, headers } = seen(await exchange(port, 'GET http://other.example/p?q HTTP/1.1\r\nHost: ignored\r\nConnection: close\r\n\r\n'));
    expect([url, headers[1]]).toEqual(['/p?q', 'other.example']);
    expect(seen(await exchange(port, 'OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')).url).toBe('*');
  });

  it('serves HTTP/1.0 without Host', async () => {
    const a = await mirror();
    const { port } = await serving(target(a.port));
    const answer = await exchange(port, 'GET / HTTP/1.0\r\n\r\n');
    expect(seen(answer).headers.slice(-2 - 8, -8)).toEqual(['Host', `127.0.0.1:${port}`]);
    expect(answer).not.toMatch(/transfer-encoding/i);
  });

  it('passes hundreds of headers both ways', async () => {
    const a = await upstream((request, response) => {
      response.writeHead(200, request.rawHeaders.filter((_name, index) => request.rawHeaders[index - index % 2]!.startsWith('X-Many')));
      response.end();
    }, { maxHeaderSize: 65_536 });
    a.server.maxHeadersCount = 0;
    const { port } = await serving(target(a.port));
    const many = Array.from({ length: 2_100 }, (_, index) => `X-Many-${index}: ${index}\r\n`).join('');
    const answer = await exchange(port, `GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${many}\r\n`);
    expect(answer.match(/X-Many-\d+: \d+\r\n/g)).toHaveLength(2_100);
  });

  it('passes trailers both ways', async () => {
    const a = await upstream((request, response) => {
      void drained(request).then(() => {
        response.writeHead(200, { Trailer: 'X-Sum' });
        response.write('body');
        response.addTrailers([['X-Sum', request.rawTrailers.join('=')], ['X-Te', `${String(request.headers.te)}/${String(request.headers.connection)}`]]);
        response.end();
      });
    });
    const { port } = await serving(target(a.port));
    const answer = await exchange(port, 'POST / HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\nTrailer: X-In\r\nConnection: close\r\n\r\n4\r\nbody\r\n0\r\nX-In: 7\r\n\r\n');
    expect(answer).toContain('Trailer: X-Sum\r\n');
    expect(answer).toContain('0\r\nX-Sum: X-In=7\r\nX-Te: trailers/keep-alive, TE\r\n\r\n');
    expect(await exchange(port, 'GET / HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nConnection: close\r\n\r\n')).toContain('X-Te: trailers/keep-alive, TE');
    const old = await exchange(port, 'GET / HTTP/1.0\r\nHost: x\r\n\r\n');
    expect(old).toMatch(/body$/);
    expect(old).not.toContain('Trailer');
  });
});

describe('interim answers', () => {
  it('waits with the content until the service says 100', async () => {
    const a = await upstream((_request, response) => response.end('unasked'));
    a.server.on('checkContinue', (request: IncomingMessage, response: http.ServerResponse) => {
      if (request.url === '/no') {
        response.writeHead(417).end('no');
        return;
      }
      response.writeContinue();
      void drained(request).then((body) => response.end(`got ${body}`));
    });
    const { port } = await serving(target(a.port));
    const yes = open(port, { method: 'POST', headers: { Expect: '100-continue', 'Content-Length': 4 } });
    yes.flushHeaders();
    await new Promise((resolve) => { yes.once('continue', resolve); });
    yes.end('data');
    expect((await drained(await answerOf(yes)))).toBe('got data');
    // The client may or may not send its content now, so the connection cannot go on.
    const no = await exchange(port, 'POST /no HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n');
    expect(no).toMatch(/^HTTP\/1\.1 417 .*Connection: close/s);
    expect(await exchange(port, 'POST / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\nContent-Length: 4\r\nConnection: close\r\n\r\n')).toMatch(/^HTTP\/1\.1 417 /);
  });

  it('passes 102 and 103, and drops what nobody waits for', async () => {
    const interim = 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nLINK: </b.css>\r\nConnection: X-Gone\r\nX-Gone: 1\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n';
    const bytes = `${interim}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`;
    const answer = await through(bytes);
    expect(answer).toMatch(/^HTTP\/1\.1 103 Early Hints\r\nLink: <\/a\.css>\r\nLINK: <\/b\.css>\r\n\r\nHTTP\/1\.1 102 Processing\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
    expect(await through(bytes, 'GET / HTTP/1.0\r\nHost: x\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  });
});

describe('answers', () => {
  it('keeps status text, header case, duplicates and latin1 bytes, without what belongs to the connection', async () => {
    const answer = await through('HTTP/1.1 299 Fa\xe7on\r\nSet-Cookie: a=\xe9\r\nset-cookie: b\r\nX-UPPER: 1\r\nKeep-Alive: timeout=9\r\nConnection: X-Gone\r\nX-Gone: 1\r\nDate: then\r\nContent-Length: 2\r\n\r\nok');
    expect(answer).toBe('HTTP/1.1 299 Fa\xe7on\r\nSet-Cookie: a=\xe9\r\nset-cookie: b\r\nX-UPPER: 1\r\nDate: then\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok');
  });

  it('passes HEAD, 204, 304 and an answer that ends with the connection', async () => {
    const head = await through('HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n', 'HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    expect(head).toMatch(/Content-Length: 500\r\n[^]*\r\n\r\n$/);
    expect(await through('HTTP/1.1 204 No Content\r\n\r\n')).not.toMatch(/chunked|content-length/i);
    expect(await through('HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 12\r\n\r\n')).toMatch(/ETag: "x"\r\nContent-Length: 12\r\n/);
    const { port } = await rawUpstream((socket) => { socket.on('data', () => socket.end('HTTP/1.0 200 OK\r\n\r\nall of it')); });
    const front = await serving(target(port));
    expect(await exchange(front.port, 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')).toMatch(/Transfer-Encoding: chunked[^]*all of it/);
  });

  it('never holds back server-sent events, nor the headers before the first', async () => {
    let send = (_text: string): void => {};
    const a = await upstream((_request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' }).flushHeaders();
      send = (text) => { response.write(text); };
    });
    const { front, port } = await serving(target(a.port));
    const message = await answerOf(open(port).end());
    expect(message.headers['content-type']).toBe('text/event-stream');
    for (const event of ['data: 1\n\n', 'data: 2\n\n']) {
      const next = new Promise((resolve) => { message.once('data', resolve); });
      send(event);
      expect(String(await next)).toBe(event);
    }
    expect(front.inFlight('api', `rA-${a.port}`)).toBe(1);
    message.destroy();
    await until(() => front.inFlight('api', `rA-${a.port}`) === 0);
  });

  it.each([
    ['what is no HTTP', 'SSH-2.0-x\r\n'],
    ['both framings', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['an unknown transfer coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'],
    ['a protocol switch that nobody asked for', 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'],
    ['a status text that cannot be passed on', 'HTTP/1.1 200 O\x01K\r\nContent-Length: 0\r\n\r\n'],
    ['a status that does not exist', 'HTTP/1.1 099 No\r\nContent-Length: 0\r\n\r\n'],
  ])('answers 502 to %s', async (_name, bytes) => {
    expect(await through(bytes)).toMatch(/^HTTP\/1\.1 502 Bad Gateway\r\nContent-Type: text\/plain/);
  });

  it('ends the connection when the instance dies in the middle of an answer, whatever the framing', async () => {
    for (const [head, request] of [
      ['Content-Length: 100\r\n\r\nhalf', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'],
      ['Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'],
    ]) {
      const { port } = await rawUpstream((socket) => {
        socket.on('data', () => { socket.write(`HTTP/1.1 200 OK\r\n${head}`, () => setTimeout(() => socket.destroy(), 20)); });
      });
      const { front, port: at } = await serving(target(port));
      const answer = await exchange(at, request!);
      expect(answer).toMatch(/half/);
      expect(answer).not.toMatch(/0\r\n\r\n$/);
      expect(front.metrics('api', 'rA', 60_000)).toMatchObject({ requests: 1, errors: 1 });
      await until(() => front.inFlight('api', `rA-${port}`) === 0);
    }
  });

  it('resets an HTTP/1.0 client whose answer breaks off: nothing else would tell it', async () => {
    const { port } = await rawUpstream((socket) => {
      socket.on('data', () => { socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n', () => setTimeout(() => socket.destroy(), 20)); });
    });
    const { port: at } = await serving(target(port));
    await expect(exchange(at, 'GET / HTTP/1.0\r\n\r\n')).rejects.toMatchObject({ code: 'ECONNRESET' });
  });
});

describe('clients that leave', () => {
  it('ends the request at the instance, and counts no error', async () => {
    const ended: string[] = [];
    const a = await upstream((request, response) => {
      response.once('close', () => ended.push(request.url ?? ''));
      if (request.url === '/stream') response.write('begin');
    });
    const { front, port } = await serving(target(a.port));
    const waiting = connect(port);
    waiting.write('GET /wait HTTP/1.1\r\nHost: x\r\n\r\n');
    const stream = connect(port);
    stream.write('GET /stream HTTP/1.1\r\nHost: x\r\n\r\n');
    await received(stream, 'begin');
    const upload = connect(port);
    upload.write('POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf');
    await until(() => front.inFlight('api', `rA-${a.port}`) === 3);
    await sleep(20);
    for (const socket of [waiting, stream, upload]) socket.destroy();
    await until(() => ended.length === 3);
    await until(() => front.inFlight('api', `rA-${a.port}`) === 0);
    expect(front.metrics('api', 'rA', 60_000)).toMatchObject({ requests: 3, errors: 0 });
  });

  it('ends an upload whose answer was given already', async () => {
    let gone = false;
    const { port } = await rawUpstream((socket) => {
      socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly'));
      socket.once('close', () => { gone = true; });
    });
    const { front, port: at } = await serving(target(port));
    const client = connect(at);
    client.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nsome');
    await received(client, 'early');
    client.destroy();
    await until(() => gone && front.inFlight('api', `rA-${port}`) === 0);
  });

  it.each([['reads it all the same', {}], ['closes its connection', { Connection: 'close' }]])('goes on with a connection whose upload the instance did not want and %s', async (_name, headers) => {
    const a = await upstream((request, response) => {
      if (request.method === 'POST') response.writeHead(413, headers).end('too much');
      else response.end('fine');
    });
    const { front, port } = await serving(target(a.port));
    const client = connect(port);
    const size = 8 << 20;
    client.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${size}\r\n\r\n`);
    expect(await received(client, '0\r\n\r\n')).toMatch(/^HTTP\/1\.1 413 [^]*too much/);
    const fine = received(client, 'fine');
    client.write(Buffer.alloc(size));
    client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await fine).toMatch(/^HTTP\/1\.1 200 /);
    await until(() => front.inFlight('api', `rA-${a.port}`) === 0);
    // Sooner than the instance would end an idle connection, which would set a stuck upload free.
  }, 4_000);
});

describe('instances that do not answer', () => {
  it('asks the others when a connection is refused, and counts an error only for a release that did not take it', async () => {
    const [a, b] = [await mirror(), await mirror()];
    const front = router();
    const port = await freePort();
    const dead = [await freePort(), await freePort()];
    await front.set(route(port, [target(dead[0]!, 'rA'), target(a.port, 'rA')]));
    for (let index = 0; index < 4; index += 1) expect((await ask(port, { method: 'POST', body: 'content' })).status).toBe(200);
    expect(front.metrics('api', 'rA', 60_000)).toMatchObject({ requests: 4, errors: 0 });
    await front.set(route(port, [target(dead[0]!, 'rC', 'c0'), target(dead[1]!, 'rC', 'c1'), target(b.port, 'rB')], { weights: { rC: 50, rB: 50 } }));
    for (let index = 0; index < 4; index += 1) expect(seen((await ask(port, { method: 'POST', body: 'content' })).body).body).toBe('content');
    expect((await ask(port)).status).toBe(200);
    expect(front.metrics('api', 'rC', 60_000)).toMatchObject({ requests: 3, errors: 3 });
    expect(front.metrics('api', 'rB', 60_000)).toMatchObject({ requests: 5, errors: 0 });
    expect(front.inFlight('api', 'c0') + front.inFlight('api', 'c1')).toBe(0);
  });

  it('answers 502 when all refuse, also by name', async () => {
    const { front, port } = await serving(target(await freePort()), { ...target(await freePort()), host: 'localhost' });
    const answer = await ask(port, { method: 'POST', body: 'content' });
    expect(answer).toMatchObject({ status: 502, body: 'Bad Gateway: no instance takes connections.\n' });
    expect((await ask(port)).status).toBe(502);
    expect(front.metrics('api', 'rA', 60_000)).toMatchObject({ requests: 2, errors: 2 });
  });

  it('repeats a GET on a kept connection that the instance closed just then, once and on a fresh one', async () => {
    let connections = 0;
    const { port } = await rawUpstream((socket) => {
      connections += 1;
      let requests = 0;
      socket.on('data', () => {
        requests += 1;
        if (requests === 1) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
        else socket.resetAndDestroy();
      });
    });
    const { front, port: at } = await serving(target(port));
    for (let index = 0; index < 4; index += 1) expect((await ask(at)).status).toBe(200);
    // 1st fresh, 2nd reused and repeated; the repeated one is not kept.
    expect(connections).toBe(4);
    expect(front.metrics('api', 'rA', 60_000)).toMatchObject({ requests: 4, errors: 0 });
  });

  it('does not repeat on a fresh connection, after the first byte of an answer, nor anything but safe requests', async () => {
    const seenRequests: string[] = [];
    let dying: (socket: Socket) => void = (socket) => socket.resetAndDestroy();
    const { port } = await rawUpstream((socket) => {
      let requests = 0;
      socket.on('data', (data) => {
        requests += 1;
        seenRequests.push(String(data).split(' ')[0]!);
        if (String(data).includes('/ok')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
        else dying(socket);
        return requests;
      });
    });
    const { port: at } = await serving(target(port));
    expect((await ask(at, { path: '/' })).status).toBe(502);
    expect((await ask(at, { path: '/ok' })).status).toBe(200);
    expect((await ask(at, { method: 'PUT', path: '/' })).status).toBe(502);
    expect((await ask(at, { method: 'POST', path: '/', body: 'x' })).status).toBe(502);
    dying = (socket) => { socket.write('HTTP/1.1 2', () => socket.resetAndDestroy()); };
    expect((await ask(at, { path: '/' })).status).toBe(502);
    expect(seenRequests.filter((method) => method === 'GET')).toHaveLength(3);
    expect(seenRequests.filter((method) => method !== 'GET')).toEqual(['PUT', 'POST']);
  });

  it('counts 5xx as errors and leaves them as they are', async () => {
    const a = await upstream((request, response) => response.writeHead(request.url === '/bad' ? 503 : 404).end('mine'));
    const { front, port } = await serving(target(a.port));
    expect(await ask(port, { path: '/bad' })).toMatchObject({ status: 503, body: 'mine' });
    expect((await ask(port)).status).toBe(404);
    const { requests, errors, latency } = front.metrics('api', 'rA', 60_000);
    expect({ requests, errors }).toEqual({ requests: 2, errors: 1 });
    expect(latency.p50).toBeGreaterThan(0);
    expect(latency.p99).toBeLessThan(1_000);
    expect(front.metrics('api', 'rZ', 60_000).requests + front.metrics('none', 'rA', 60_000).requests).toBe(0);
  });
});

it('answers pipelined requests in order', async () => {
  const a = await upstream((request, response) => { setTimeout(() => response.end(`[${request.url}]`), request.url === '/1' ? 40 : 1); });
  const { port } = await serving(target(a.port));
  const one = (path: string, last = ''): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n${last}\r\n`;
  const answer = await exchange(port, one('/1') + one('/2') + one('/3', 'Connection: close\r\n'));
  expect(answer.match(/\[[^\]]*\]/g)).toEqual(['[/1]', '[/2]', '[/3]']);
});
