import type { RequestListener } from 'node:http';
import type { Kind, LoadOptions } from './report.js';
import { allBad, faulty, good, loaded, type Faulty } from './faulty.spec-support.js';

let server: Faulty | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

const identity = { 'x-release': 'r1', 'x-service': 'api' };

/** Everything is counted as the one fault, and nothing else. */
async function expectAll(kind: Kind, fault: Parameters<typeof allBad>[1], message: RegExp, listener: RequestListener, options?: Partial<LoadOptions>): Promise<void> {
  server = await faulty(listener);
  const report = await loaded(server.url, kind, options);
  expect(report.sent).toBeGreaterThan(2);
  expect(report).toMatchObject(allBad(kind, fault, message) as object);
  expect(report.kinds[kind][fault]).toBe(report.sent);
  expect(report.failures).toBe(report.sent);
}

describe.each(['get', 'fresh', 'post', 'slow', 'events'] as const)('%s counts', (kind) => {
  it('a refused connection as failed', async () => {
    const { url, close } = await faulty(good);
    await close();
    const report = await loaded(url, kind);
    expect(report).toMatchObject(allBad(kind, 'failed', /ECONNREFUSED/) as object);
    expect(report.failures).toBe(report.sent);
    expect(report.releases).toEqual({});
  });

  it('a reset as failed', () => expectAll(kind, 'failed', /ECONNRESET/, (request) => request.socket.resetAndDestroy()));

  it('no answer in time as failed', () => expectAll(kind, 'failed', /not finished \d+ ms after/, (request) => void request.resume(), { timeoutMs: 100 }));

  it('an error status as wrong, with what the answer says', () =>
    expectAll(kind, 'wrong', /^status 503 of \w+: no target answers$/, (request, response) => {
      request.resume();
      response.writeHead(503, identity).end('no target\nanswers');
    }));

  it('a redirect as wrong', () => expectAll(kind, 'wrong', /status 302/, (_request, response) => void response.writeHead(302, { location: '/' }).end()));

  it('another service as misrouted', () =>
    expectAll(kind, 'misrouted', /comes from web, not from api/, (request, response) => good(request, response, { 'x-service': 'web' }), { service: 'api' }));

  it('no service at all as misrouted', () =>
    expectAll(kind, 'misrouted', /comes from undefined, not from api/, (_request, response) => void response.end('{}'), { service: 'api' }));

  it('a body shorter than announced as cut', () =>
    expectAll(kind, 'cut', /after (event 0|\d+ bytes)/, (_request, response) => {
      response.writeHead(200, { ...identity, 'content-length': 1000 });
      response.write('{"release"');
      setTimeout(() => response.socket?.end(), 10);
    }));

  it('a chunked body without its end as cut', () =>
    expectAll(kind, 'cut', /aborted|reset/i, (_request, response) => {
      response.writeHead(200, identity).write('{');
      setTimeout(() => response.socket?.resetAndDestroy(), 10);
    }));

  it('a body that stalls as cut', () =>
    expectAll(kind, 'cut', /not finished/, (request, response) => {
      request.resume();
      response.writeHead(200, identity).write('{');
    }, { timeoutMs: 100 }));
});

describe('an answer that belongs to another request', () => {
  it('is duplicated when that one had its answer', async () => {
    let first: string | undefined;
    server = await faulty((request, response) => {
      first ??= String(request.headers['x-request-id']);
      response.writeHead(200, { ...identity, 'x-request-id': first }).end('{"release":"r1"}');
    });
    const report = await loaded(server.url, 'get');
    expect(report.ok).toBe(1);
    expect(report.kinds.get.duplicated).toBe(report.sent - 1);
    expect(report.firstFailures[0]?.message).toMatch(/^\w+-2 got the answer of \w+-1$/);
  });

  it('is misrouted when that one had none', () =>
    expectAll('get', 'misrouted', /got the answer of someone-else/, (_request, response) => void response.writeHead(200, { 'x-request-id': 'someone-else' }).end('{}')));

  it('is misrouted when headers and body disagree on the release', () =>
    expectAll('fresh', 'misrouted', /headers are of release r1, the body is of r2/, (_request, response) => void response.writeHead(200, identity).end('{"release":"r2"}')));
});

describe('content', () => {
  it.each(['<html>', '', '[1', '7', 'null'])('that is not a JSON object is wrong: %j', (text) =>
    expectAll('get', 'wrong', /not a JSON object/, (_request, response) => void response.end(text)));

  it('of a slow answer that did not wait is wrong', () =>
    expectAll('slow', 'wrong', /asked for 20 ms, the answer says 0/, (_request, response) => void response.end('{"waited":0}')));

  it('with too few bytes read is wrong', () =>
    expectAll('post', 'wrong', /sent \d+ bytes, the service read 1$/, (request, response) => void request.resume().once('end', () => response.end('{"bytes":1}'))));

  it('with another digest is wrong', () =>
    expectAll('post', 'wrong', /digest mismatch/, (request, response) => {
      let bytes = 0;
      request.on('data', (chunk: Buffer) => (bytes += chunk.length)).once('end', () => response.end(JSON.stringify({ bytes, sha256: '0'.repeat(64) })));
    }));
});

describe('a stream of events', () => {
  const tick = (id: number): string => `id: ${id}\nevent: tick\ndata: {}\n\n`;
  const end = 'event: end\ndata: {}\n\n';
  const sends = (text: string): RequestListener => (_request, response) => void response.writeHead(200, { ...identity, 'content-type': 'text/event-stream' }).end(text);

  it.each([
    ['that misses one', 'wrong', tick(1) + tick(3) + end, /event 3 came where 2 had to/],
    ['in the wrong order', 'wrong', tick(2) + tick(1) + tick(3) + end, /event 2 came where 1 had to/],
    ['with one twice', 'duplicated', tick(1) + tick(2) + tick(2) + tick(3) + end, /event 2 came again before event 3/],
    ['without ids', 'wrong', 'data: {}\n\n', /event undefined came where 1 had to/],
    ['that ends early', 'cut', tick(1) + tick(2) + end, /event end came after event 2 of 3/],
    ['that stops without its end', 'cut', tick(1) + tick(2) + tick(3), /ended after event 3 of 3, without event end/],
    ['that stops at once', 'cut', '', /ended after event 0 of 3/],
    ['that ends twice', 'duplicated', tick(1) + tick(2) + tick(3) + end + end, /event end came twice/],
    ['that goes on after its end', 'wrong', tick(1) + tick(2) + tick(3) + end + tick(4), /event 4 came where none had to/],
    ['with half an event behind its end', 'cut', tick(1) + tick(2) + tick(3) + end + 'id: 4\nda', /within an event/],
  ] as const)('%s is %s', (_name, fault, text, message) => expectAll('events', fault, message, sends(text)));

  it('is ok in pieces and with comments', async () => {
    server = await faulty((_request, response) => {
      response.writeHead(200, identity);
      const pieces = [...(`: hello\n\n${tick(1)}${tick(2)}`.match(/[^]{1,7}/g) ?? []), tick(3), ': bye\n\n', end];
      const next = (): void => {
        const piece = pieces.shift();
        if (piece === undefined) response.end();
        else response.write(piece, () => setImmediate(next));
      };
      next();
    });
    expect(await loaded(server.url, 'events')).toMatchObject({ failures: 0, releases: { r1: expect.any(Number) } });
  });
});

describe('a connection that the server closes while it is idle', () => {
  /** Resets a connection at its second request, as a server does whose idle timeout ends just then. */
  const stale: RequestListener = (request, response) => {
    if (server !== undefined && server.sockets.indexOf(request.socket) < server.sockets.length - 1) request.socket.resetAndDestroy();
    else request.resume().once('end', () => good(request, response));
  };

  it('is tried once more for a GET, and told', async () => {
    server = await faulty(stale);
    const report = await loaded(server.url, 'get', {}, 200);
    expect(report.failures).toBe(0);
    expect(report.retried).toBeGreaterThan(2);
    expect(report.ok).toBe(report.sent);
  });

  it('is a failure for a POST: it could have been done already', async () => {
    server = await faulty(stale);
    const report = await loaded(server.url, 'post', {}, 200);
    expect(report).toMatchObject({ retried: 0 });
    expect(report.kinds.post.failed).toBeGreaterThan(0);
  });

  it('is tried once only', async () => {
    let requests = 0;
    server = await faulty((request, response) => {
      requests += 1;
      if (requests === 1) good(request, response);
      else request.socket.resetAndDestroy();
    });
    const report = await loaded(server.url, 'get', {}, 90);
    expect(report).toMatchObject({ ok: 1, retried: 1 });
    expect(report.kinds.get.failed).toBe(report.sent - 1);
  });
});
