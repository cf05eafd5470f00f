import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket, WebSocketServer } from 'ws';
import type { Router } from '../router.js';
import { closeAll, connect, exchange, freePort, rawUpstream, received, route, serving, target, until, upstream } from './router.spec-support.js';

afterEach(closeAll);

const handshake = (rest = ''): string => `GET /raw?a&b HTTP/1.1\r\nHost: x.example\r\nX-Case: caf\xe9\r\nConnection: Upgrade\r\nUpgrade: raw\r\n${rest}\r\n`;

/** An instance that agrees to any upgrade and then does as told. */
const agreeing = (then: (socket: Socket, request: IncomingMessage, head: Buffer) => void, first = '') => upstream(() => {}).then((made) => {
  made.server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    socket.on('error', () => {});
    socket.write(`HTTP/1.1 101 Sure\r\nx-Own: caf\xe9\r\nConnection: upgrade\r\nUpgrade: RAW\r\n\r\n${first}`, 'latin1');
    then(socket, request, head);
  });
  return made;
});
const idle = (front: Router, port: number): Promise<void> => until(() => front.inFlight('api', `rA-${port}`) === 0, 'nothing in flight');

describe('WebSockets', () => {
  async function chat(name: string): Promise<{ port: number }> {
    const made = await upstream((_request, response) => response.end(name));
    const sockets = new WebSocketServer({ server: made.server });
    sockets.on('connection', (socket) => {
      socket.on('message', (data: Buffer, binary) => socket.send(binary ? data : `${name}: ${String(data)}`));
    });
    return made;
  }
  const say = async (socket: WebSocket, text: string | Buffer): Promise<string> => {
    const answer = once(socket, 'message');
    socket.send(text);
    return String((await answer)[0]);
  };

  it('pass, survive a switch, and are in flight until either side closes', async () => {
    const [a, b] = [await chat('a'), await chat('b')];
    const { front, port } = await serving(target(a.port));
    const first = new WebSocket(`ws://127.0.0.1:${port}/chat`);
    await once(first, 'open');
    expect(await say(first, 'hello')).toBe('a: hello');
    await front.set(route(port, [target(b.port, 'rB')]));
    const second = new WebSocket(`ws://127.0.0.1:${port}/chat`);
    await once(second, 'open');
    expect(await say(second, 'hello')).toBe('b: hello');
    expect(await say(first, 'still here')).toBe('a: still here');
    expect(await say(first, Buffer.alloc(4 << 20, 'x'))).toHaveLength(4 << 20);
    expect(front.inFlight('api', `rA-${a.port}`)).toBe(1);
    const drained = front.drained('api', `rA-${a.port}`, 5_000);
    first.close();
    expect(await drained).toBe(true);
    expect(front.metrics('api', 'rA', 60_000)).toMatchObject({ requests: 1, errors: 0 });
    const ended = once(second, 'close');
    front.cut('api', `rB-${b.port}`);
    expect((await ended)[0]).toBe(1006);
    expect(front.metrics('api', 'rB', 60_000)).toMatchObject({ requests: 1, errors: 0 });
  });

  it('keep a closing router open until they end, or its deadline', async () => {
    const a = await chat('a');
    const { front, port } = await serving(target(a.port));
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
    await once(socket, 'open');
    const ended = once(socket, 'close');
    const closed = front.close(300);
    await sleep(100);
    expect(await say(socket, 'late')).toBe('a: late');
    await closed;
    await ended;
  });
});

describe('any upgrade', () => {
  it('has its handshake rebuilt, and both heads passed', async () => {
    const seen: string[][] = [];
    const a = await agreeing((socket, request) => {
      seen.push([request.url ?? '', ...request.rawHeaders]);
      socket.on('data', (chunk: Buffer) => socket.write(`[${chunk.toString('latin1')}]`, 'latin1')).on('end', () => socket.end());
    }, 'first words');
    const { front, port } = await serving(target(a.port));
    const client = connect(port);
    client.write(`${handshake('Keep-Alive: x\r\n')}early`, 'latin1');
    expect(await received(client, '[early]')).toBe('HTTP/1.1 101 Sure\r\nx-Own: caf\xe9\r\nConnection: Upgrade\r\nUpgrade: RAW\r\n\r\nfirst words[early]');
    expect(seen).toEqual([['/raw?a&b', 'Host', 'x.example', 'X-Case', 'caf\xe9', 'X-Forwarded-For', '127.0.0.1', 'X-Forwarded-Proto', 'http', 'X-Forwarded-Host', 'x.example', 'Connection', 'Upgrade', 'Upgrade', 'raw']]);
    client.destroy();
    await idle(front, a.port);
  });

  it('ends each direction by itself', async () => {
    const a = await agreeing((socket) => {
      let all = '';
      socket.on('data', (chunk: Buffer) => { all += String(chunk); });
      socket.on('end', () => setTimeout(() => socket.end(`got ${all}`), 50));
    });
    const { front, port } = await serving(target(a.port));
    const client = connect(port);
    client.write(handshake(), 'latin1');
    await received(client, '\r\n\r\n');
    client.end('all of it');
    expect(await received(client)).toBe('got all of it');
    await idle(front, a.port);
  });

  it('hands over what is left when the instance ends, and its reset as a reset', async () => {
    const [plain, reset] = [await agreeing((socket) => socket.end('x'.repeat(1 << 20))), await agreeing((socket) => { setTimeout(() => socket.resetAndDestroy(), 30); })];
    const one = await serving(target(plain.port));
    const client = connect(one.port);
    client.write(handshake(), 'latin1');
    expect((await received(client)).length).toBeGreaterThan(1 << 20);
    client.end();
    await idle(one.front, plain.port);
    const two = await serving(target(reset.port));
    await expect(exchange(two.port, handshake())).rejects.toMatchObject({ code: 'ECONNRESET' });
    await idle(two.front, reset.port);
  });

  it('relays an answer that does not agree, of any size, and ends the connection', async () => {
    const body = 'n'.repeat(3 << 20);
    const a = await upstream((_request, response) => response.writeHead(426, { 'X-Why': 'no' }).end(body));
    const { front, port } = await serving(target(a.port));
    // What the client sends meanwhile must not turn the end into a reset that overtakes the answer.
    const answer = await exchange(port, `${handshake()}${'e'.repeat(1 << 20)}`);
    expect(answer).toMatch(/^HTTP\/1\.1 426 Upgrade Required\r\nX-Why: no\r\n[^]*Connection: close\r\n/);
    expect(answer.match(/n{1000}/g)!.length).toBeGreaterThan(3_000);
    expect(front.metrics('api', 'rA', 60_000)).toMatchObject({ requests: 1, errors: 0 });
    await idle(front, a.port);
  });

  it('ends the connection when a declining answer breaks off', async () => {
    const { port: at } = await rawUpstream((socket) => {
      socket.once('data', () => socket.write('HTTP/1.1 400 No\r\nContent-Length: 100\r\n\r\nhalf', () => setTimeout(() => socket.destroy(), 20)));
    });
    const { front, port } = await serving(target(at));
    expect(await exchange(port, handshake())).toMatch(/half$/);
    expect(front.metrics('api', 'rA', 60_000)).toMatchObject({ requests: 1, errors: 1 });
    await idle(front, at);
  });

  it.each([
    ['what is no HTTP', 'no\r\n\r\n', 502],
    ['an unknown transfer coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n', 502],
    ['a status text that cannot be passed on', 'HTTP/1.1 200 O\x01K\r\nContent-Length: 0\r\n\r\n', 502],
  ])('answers 502 to %s', async (_name, bytes, status) => {
    const { port: at } = await rawUpstream((socket) => { socket.once('data', () => socket.write(bytes)); });
    const { front, port } = await serving(target(at));
    expect(await exchange(port, handshake())).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(front.metrics('api', 'rA', 60_000)).toMatchObject({ requests: 1, errors: 1 });
    await idle(front, at);
  });

  it('asks another instance when a connection is refused; 502, 503, 404 when there is none', async () => {
    const a = await agreeing(() => {});
    const dead = await freePort();
    const { front, port } = await serving(target(dead), target(a.port));
    for (let index = 0; index < 2; index += 1) {
      const client = connect(port);
      client.write(handshake(), 'latin1');
      expect(await received(client, '\r\n\r\n')).toContain('101 Sure');
      client.destroy();
    }
    await front.set(route(port, [target(dead)]));
    expect(await exchange(port, handshake())).toMatch(/^HTTP\/1\.1 502 /);
    await front.set(route(port, []));
    expect(await exchange(port, handshake())).toMatch(/^HTTP\/1\.1 503 [^]*Retry-After: 1/);
    await front.set(route(port, [], { listen: { address: '127.0.0.1', port, host: 'only.example' } }));
    expect(await exchange(port, handshake())).toMatch(/^HTTP\/1\.1 404 /);
  });

  it('ends at the instance when the client goes before the handshake is done, which is no error', async () => {
    let ended = 0;
    const { port: at } = await rawUpstream((socket) => { socket.resume().on('close', () => { ended += 1; }); });
    const { front, port } = await serving(target(at));
    const [politely, abruptly] = [connect(port), connect(port)];
    for (const client of [politely, abruptly]) client.write(handshake(), 'latin1');
    await until(() => front.inFlight('api', `rA-${at}`) === 2);
    politely.end();
    abruptly.resetAndDestroy();
    await until(() => ended === 2, 'both ended at the instance');
    await idle(front, at);
    expect(front.metrics('api', 'rA', 60_000)).toMatchObject({ requests: 2, errors: 0 });
  });

  it('can be cut before the handshake is done', async () => {
    const { port: at } = await rawUpstream((socket) => socket.resume());
    const { front, port } = await serving(target(at));
    const answer = exchange(port, handshake());
    await until(() => front.inFlight('api', `rA-${at}`) === 1);
    front.cut('api', `rA-${at}`);
    expect(await answer).toMatch(/^HTTP\/1\.1 502 /);
    await idle(front, at);
  });

  it('keeps a client waiting that sends much before the handshake is done', async () => {
    let agree = (): void => {};
    let got = 0;
    const { port: at } = await rawUpstream((socket) => {
      let handshaken = false;
      socket.on('data', (chunk) => {
        if (handshaken) got += chunk.length;
        handshaken = true;
        agree = () => { socket.write('HTTP/1.1 101 OK\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\n'); };
      });
    });
    const { port } = await serving(target(at));
    const client = connect(port);
    const size = 8 << 20;
    client.write(handshake(), 'latin1');
    client.write(Buffer.alloc(size));
    await sleep(100);
    expect(got).toBe(0);
    expect(client.writableLength).toBeGreaterThan(0);
    agree();
    await until(() => got === size, 'all has arrived');
  });

  it('is served without when the request has content', async () => {
    const seen: string[] = [];
    const a = await upstream((request, response) => {
      void request.toArray().then((chunks) => {
        const body = Buffer.concat(chunks as Buffer[]).toString();
        seen.push(`${String(request.headers.upgrade)} ${String(request.headers['x-case'])}`);
        response.end(`<${body}>`);
      });
    });
    const { front, port } = await serving(target(a.port));
    const request = (framing: string): string => handshake(framing).replace('GET', 'POST').replace('Connection: Upgrade', 'Connection: keep-alive, Upgrade, HTTP2-Settings');
    const client = connect(port);
    client.write(`${request('Content-Length: 4\r\n')}data`, 'latin1');
    expect(await received(client, '<data>')).toMatch(/^HTTP\/1\.1 200 /);
    client.write(request('Transfer-Encoding: chunked\r\n'), 'latin1');
    await sleep(20);
    client.write('4\r\nmore\r\n0\r\n\r\n');
    expect(await received(client, '<more>')).toMatch(/^HTTP\/1\.1 200 /);
    client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await received(client, '<>')).toMatch(/^HTTP\/1\.1 200 /);
    expect(seen).toEqual(['undefined caf\xe9', 'undefined caf\xe9', 'undefined undefined']);
    client.destroy();
    await front.close(2_000);
  });
});
