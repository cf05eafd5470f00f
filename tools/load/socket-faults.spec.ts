import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { WebSocket } from 'ws';
import { allBad, faulty, loaded, type Faulty } from './faulty.spec-support.js';
import type { Fault, LoadOptions } from './report.js';

let server: Faulty | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

/** On top of the second and a bit that a WebSocket may take by nature: a fifth of a second in all. */
const SHORT = -800;

type Echo = (client: WebSocket, message: unknown, sequence: number) => void;
const tell = (client: WebSocket, body: unknown): void => client.send(JSON.stringify(body));

async function withEcho(echo: Echo): Promise<string> {
  server = await faulty((_request, response) => void response.writeHead(404).end(), (client) => {
    let sequence = 0;
    client.on('message', (data: Buffer) => echo(client, JSON.parse(data.toString()), (sequence += 1)));
  });
  return server.url;
}

async function expectAll(fault: Fault, message: RegExp, echo: Echo, options?: Partial<LoadOptions>): Promise<void> {
  const report = await loaded(await withEcho(echo), 'socket', options);
  expect(report).toMatchObject(allBad('socket', fault, message) as object);
  expect(report.kinds.socket[fault]).toBe(report.sent);
}

const right: Echo = (client, echo, sequence) => tell(client, { sequence, echo });

describe('a WebSocket', () => {
  it('is ok when every echo comes in order', async () => {
    expect(await loaded(await withEcho(right), 'socket')).toMatchObject({ failures: 0 });
  });

  it.each<[string, Fault, RegExp, Echo]>([
    ['with an echo twice', 'duplicated', /echo 1 came again/, (client, echo, sequence) => { right(client, echo, sequence); right(client, echo, sequence); }],
    ['with the last echo again', 'duplicated', /echo 3 came again/, (client, echo, sequence) => { right(client, echo, sequence); if (sequence === 3) right(client, echo, sequence); }],
    ['with a sequence that jumps', 'wrong', /echo 2 came where 1 had to/, (client, echo, sequence) => right(client, echo, sequence + 1)],
    ['with the echo of another', 'misrouted', /echo 1 holds the message of another/, (client, _echo, sequence) => tell(client, { sequence, echo: { id: 'x', n: sequence } })],
    ['without a sequence', 'wrong', /without a sequence/, (client, echo) => tell(client, { echo })],
    ['that talks no JSON', 'wrong', /not a JSON object: hello/, (client) => client.send('hello')],
    ['that says goodbye too early', 'cut', /closed with 1001 after echo 1 of 3/, (client, echo, sequence) => (sequence === 1 ? right(client, echo, 1) : client.close(1001))],
    ['that breaks', 'cut', /closed with 1006 after echo 0 of 3/, (client) => client.terminate()],
    ['that ends with another code', 'cut', /closed with 1011 instead of 1000/, (client, echo, sequence) => { right(client, echo, sequence); if (sequence === 3) client.close(1011); }],
    ['that sends a broken frame', 'cut', /Invalid WebSocket frame/, (client) => (client as unknown as { _socket: { write(bytes: Buffer): void } })._socket.write(Buffer.from([0xff, 0xff]))],
  ])('%s is %s', (_name, fault, message, echo) => expectAll(fault, message, echo));

  it('that falls silent is cut', () => expectAll('cut', /not finished/, () => undefined, { timeoutMs: SHORT }));

  it('that is not let in is wrong', async () => {
    server = await faulty((_request, response) => void response.end());
    server.server.on('upgrade', (_request, socket) => socket.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'));
    const report = await loaded(server.url, 'socket');
    expect(report).toMatchObject(allBad('socket', 'wrong', /status 502 of socket/) as object);
    expect(report.failures).toBe(report.sent);
  });

  it('of another service is misrouted', async () => {
    const report = await loaded(await withEcho(right), 'socket', { service: 'api' });
    expect(report).toMatchObject(allBad('socket', 'misrouted', /comes from undefined, not from api/) as object);
    expect(report.failures).toBe(report.sent);
  });

  it('that is refused is failed', async () => {
    const { url, close } = await faulty(() => undefined);
    await close();
    expect(await loaded(url, 'socket')).toMatchObject(allBad('socket', 'failed', /ECONNREFUSED/) as object);
  });

  it('whose handshake gets no answer is failed', async () => {
    const silent = createServer((socket) => void socket.resume());
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    try {
      const report = await loaded(`http://127.0.0.1:${(silent.address() as AddressInfo).port}`, 'socket', { timeoutMs: SHORT });
      expect(report).toMatchObject(allBad('socket', 'failed', /not finished/) as object);
    } finally {
      silent.close();
    }
  });
});
