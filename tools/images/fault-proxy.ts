/** A registry's bad days: a proxy before a real one that passes everything on, writes down what it saw, and does harm where a test says so. Plain http, loopback. */
import { createServer, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Transform } from 'node:stream';

export interface Seen {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

/** Does harm to one request; `pass` sends it on to the registry, and `change` may alter the answer. */
export type Fault = (request: IncomingMessage, response: ServerResponse, pass: (change?: Change) => void) => void;

export interface Change {
  readonly status?: (status: number) => number;
  readonly headers?: (headers: IncomingHttpHeaders) => IncomingHttpHeaders;
  readonly body?: Transform;
}

export interface Rule {
  readonly method: string;
  readonly path: RegExp;
  /** How many requests it befalls; after them they are passed on. */
  readonly times: number;
  /** How many are passed on before. */
  readonly after?: number;
  readonly fault: Fault;
}

export interface FaultProxy {
  /** `127.0.0.1:port` */
  readonly host: string;
  readonly seen: readonly Seen[];
  inject(rule: Rule): void;
  /** Removes all rules and forgets what was seen. */
  reset(): void;
  close(): Promise<void>;
}

/** @param target `http://127.0.0.1:port` */
export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const seen: Seen[] = [];
  const rules: { rule: Rule; met: number }[] = [];
  const server = createServer((request, response) => {
    const { method = '', url: path = '', headers } = request;
    seen.push({ method, path, headers });
    const pass = (change: Change = {}): void => forward(target, request, response, change);
    const found = rules.filter(({ rule }) => rule.method === method && rule.path.test(path)).find((entry) => {
      entry.met += 1;
      const { after = 0, times } = entry.rule;
      return entry.met > after && entry.met <= after + times;
    });
    if (found === undefined) pass();
    else found.rule.fault(request, response, pass);
  });
  server.on('clientError', (_, socket) => socket.destroy());
  await new Promise<void>((ready) => { server.listen(0, '127.0.0.1', ready); });
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    inject: (rule) => rules.push({ rule, met: 0 }),
    reset: () => { rules.length = 0; seen.length = 0; },
    close: () => new Promise((done) => { server.close(() => done()); server.closeAllConnections(); }),
  };
}

/** With the host that the client wrote, so that the registry's addresses lead here again. */
function forward(target: string, request: IncomingMessage, response: ServerResponse, change: Change): void {
  const { method, url, headers } = request;
  const onward = httpRequest(new URL(url ?? '/', target), { method, headers, agent: false }, (answer) => {
    const status = answer.statusCode ?? 502;
    response.writeHead(change.status?.(status) ?? status, change.headers?.(answer.headers) ?? answer.headers);
    answer.on('error', () => response.destroy());
    if (change.body === undefined) answer.pipe(response);
    else answer.pipe(change.body.on('error', () => response.destroy())).pipe(response);
  });
  onward.on('error', () => response.destroy());
  response.on('close', () => onward.destroy());
  request.pipe(onward);
}

export const faults = {
  /** An answer of its own; the body of the request is not read. */
  answer: (status: number, headers: Record<string, string> = {}, body = ''): Fault => (_, response) => {
    response.writeHead(status, { 'content-length': Buffer.byteLength(body), ...headers });
    response.end(body);
  },
  /** The registry does it, and the client hears another status. */
  status: (from: number, to: number): Fault => (_request, _response, pass) => pass({ status: (status) => (status === from ? to : status) }),
  /** The connection breaks after so many bytes of the request, or at its end. */
  cutRequest: (bytes: number): Fault => (request) => {
    let seen = 0;
    const check = (): void => { if (seen >= bytes) request.socket.resetAndDestroy(); };
    request.on('data', (chunk: Buffer) => { seen += chunk.length; check(); });
    request.on('end', () => request.socket.resetAndDestroy());
    check();
  },
  /** The connection breaks after so many bytes of the answer, or at its end. */
  cutAnswer: (bytes: number): Fault => (_, response, pass) => pass({ body: limited(bytes, () => response.socket?.resetAndDestroy()) }),
  /** The answer is shorter and says so: nothing but the size tells. */
  truncate: (bytes: number): Fault => (_, response, pass) => pass({
    headers: (headers) => ({ ...headers, 'content-length': String(bytes) }), body: limited(bytes, () => response.end()),
  }),
  /** One bit of the answer is another. */
  garble: (): Fault => (_request, _response, pass) => {
    let first = true;
    pass({ body: new Transform({
      transform(chunk: Buffer, _encoding, done) {
        const copy = Buffer.from(chunk);
        if (first && copy.length > 0) copy[0] = (copy[0] ?? 0) ^ 1;
        first = false;
        done(null, copy);
      },
    }) });
  },
  /** Never an answer. */
  silence: (): Fault => (request) => { request.resume(); },
  /** The answer begins and then stops. */
  stall: (bytes: number): Fault => (_request, _response, pass) => pass({ body: limited(bytes, () => undefined) }),
  /** One byte now and then: never silent, never done. */
  drip: (every: number): Fault => (request, response) => {
    request.resume();
    response.writeHead(200, { 'content-length': '1000000' });
    const timer = setInterval(() => response.write('x'), every);
    response.on('close', () => clearInterval(timer));
  },
  redirect: (status: number, location: (path: string) => string): Fault => (request, response) => {
    request.resume();
    response.writeHead(status, { location: location(request.url ?? '/'), 'content-length': 0 });
    response.end();
  },
};

/** Lets so many bytes through, then calls `end` once and holds the rest. */
function limited(bytes: number, end: () => void): Transform {
  let left = bytes;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const part = chunk.subarray(0, left);
      left -= part.length;
      if (part.length > 0) this.push(part);
      if (left > 0) done();
      else setTimeout(end, 30);
    },
    flush: () => { end(); },
  });
}
