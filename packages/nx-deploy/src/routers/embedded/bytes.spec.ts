import { closeAll, exchange, rawUpstream, serving, target, upstream } from './router.spec-support.js';

afterEach(closeAll);

/** Every byte in turn; at most a few dozen at once. An exception in the router would fail the run. */
async function answers(ask: (byte: string) => Promise<string>): Promise<Set<string>> {
  const seen = new Set<string>();
  for (let first = 0; first < 256; first += 64) {
    await Promise.all(Array.from({ length: 64 }, async (_, index) => {
      seen.add((await ask(String.fromCharCode(first + index))).slice(9, 12));
    }));
  }
  return seen;
}

const rest = 'Connection: close\r\n\r\n';
const upgrade = 'Connection: upgrade\r\n\r\n';
it.each<[string, (byte: string) => string]>([
  ['a header value', (byte) => `GET / HTTP/1.1\r\nHost: x\r\nA: a${byte}b\r\n${rest}`],
  ['a header name', (byte) => `GET / HTTP/1.1\r\nHost: x\r\nA${byte}: b\r\n${rest}`],
  ['the path', (byte) => `GET /a${byte}b HTTP/1.1\r\nHost: x\r\n${rest}`],
  ['Host', (byte) => `GET / HTTP/1.1\r\nHost: a${byte}b\r\n${rest}`],
  ['an absolute target', (byte) => `GET http://a${byte}b/ HTTP/1.1\r\nHost: x\r\n${rest}`],
  ['the upgrade', (byte) => `GET / HTTP/1.1\r\nHost: x\r\nUpgrade: a${byte}b\r\n${upgrade}`],
  ['a trailer', (byte) => `POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n${rest}0\r\nA: a${byte}b\r\n\r\n`],
])('takes or refuses every byte in %s of a request', async (_name, request) => {
  const a = await upstream((_request, response) => response.end('ok'));
  const { front, port } = await serving(target(a.port));
  const seen = await answers((byte) => exchange(port, request(byte)));
  expect([...seen].sort()).toEqual(['200', '400']);
  expect(front.inFlight('api', `rA-${a.port}`)).toBe(0);
});

it.each<[string, (byte: string) => string, string]>([
  ['a header value', (byte) => `HTTP/1.1 200 OK\r\nA: a${byte}b\r\nContent-Length: 0\r\n\r\n`, rest],
  ['a header name', (byte) => `HTTP/1.1 200 OK\r\nA${byte}: b\r\nContent-Length: 0\r\n\r\n`, rest],
  ['the status text', (byte) => `HTTP/1.1 200 O${byte}K\r\nContent-Length: 0\r\n\r\n`, rest],
  ['the status text of a declined upgrade', (byte) => `HTTP/1.1 200 O${byte}K\r\nContent-Length: 0\r\n\r\n`, `Upgrade: x\r\n${upgrade}`],
])('takes every byte in %s of an answer, or says 502', async (_name, answer, request) => {
  const byByte = new Map<string, string>();
  const { port: at } = await rawUpstream((socket) => {
    socket.setEncoding('latin1').once('data', (head) => {
      const code = Number(/X-Byte: (\d+)/.exec(String(head))?.[1]);
      socket.end(answer(String.fromCharCode(code)), 'latin1');
    });
  });
  const { port } = await serving(target(at));
  const seen = await answers(async (byte) => {
    const got = await exchange(port, `GET / HTTP/1.1\r\nHost: x\r\nX-Byte: ${byte.charCodeAt(0)}\r\n${request}`);
    byByte.set(byte, got);
    return got;
  });
  expect([...seen].sort()).toEqual(['200', '502']);
  expect(byByte.get('a')).toContain('HTTP/1.1 200');
});
