/**
 * The engine's own API (HTTP): over the socket of this machine's engine, else by way of `docker system dial-stdio`, a client that copies its standard input and output to the engine
 * which it would talk to itself, so that contexts, ssh:// and TLS stay its business. A question takes a millisecond or two, where a client started for it takes thirty.
 * Docker Engine API reference, https://docs.docker.com/reference/api/engine/; the paths have no version, which every engine takes for its own.
 */
import { Agent, request, type ClientRequest, type IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';
import type { Ms } from '../../model/index.js';
import type { Streamed } from './stream.js';

export interface ApiAnswer {
  readonly status: number;
  readonly body: string;
}

/** `lost`: nothing, or half an answer, came; whether the engine did what it was asked is unknown. `late`: it did not answer in time. */
export type ApiResult = ApiAnswer | 'lost' | 'late';

/** A connection that is no longer HTTP, and what came on it already. */
export interface Upgraded {
  readonly connection: Duplex;
  readonly head: Buffer;
}

/** A path of a socket, or what starts a client that is connected to the engine. */
export type Way = { readonly socket: string } | { readonly dial: () => Promise<Streamed> };

/** An engine is asked for so much at once. */
const CONNECTIONS = 6;
const POOL = { keepAlive: true, maxSockets: CONNECTIONS, maxFreeSockets: CONNECTIONS } as const;
const LONGEST_ANSWER = 64 * 1024 * 1024;

export class EngineApi {
  private readonly agent: Agent;

  constructor(private readonly way: Way) {
    this.agent = 'dial' in way ? new DialAgent(way.dial) : new Agent(POOL);
  }

  /** Never rejects. `path` is encoded already; `body` is sent as JSON. */
  ask(method: 'GET' | 'POST' | 'DELETE', path: string, timeout: Ms, body?: object): Promise<ApiResult> {
    return new Promise((resolve) => {
      const { asked, done } = this.begin({ method, path, timeout, body, agent: this.agent, headers: {} }, resolve);
      asked.once('response', (response) => { gather(response, done); });
    });
  }

  /** POST with a body of JSON that asks the engine to leave HTTP behind. Never rejects. */
  upgrade(path: string, body: object, timeout: Ms): Promise<Upgraded | ApiResult> {
    return new Promise((resolve) => {
      const { asked, done } = this.begin({ method: 'POST', path, timeout, body, agent: false, headers: { connection: 'Upgrade', upgrade: 'tcp' } }, resolve);
      asked.once('upgrade', (_response, connection, head) => done({ connection, head }));
      asked.once('response', (response) => {
        // An engine that does not say that it leaves HTTP behind, and does: nothing would tell the end of its answer.
        if (/raw-stream|multiplexed-stream/.test(response.headers['content-type'] ?? '')) response.destroy();
        gather(response, done);
      });
    });
  }

  private begin<T>({ body, timeout, headers, ...options }: Begun, resolve: (result: T | ApiResult) => void): { readonly asked: ClientRequest; readonly done: (result: T | ApiResult) => void } {
    const content = body === undefined ? undefined : JSON.stringify(body);
    const length = content === undefined ? options.method === 'POST' ? { 'content-length': 0 } : {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(content) };
    const asked = request({ ...options, ...('socket' in this.way ? { socketPath: this.way.socket } : {}), headers: { host: 'docker', ...headers, ...length } });
    const timer = setTimeout(() => { resolve('late'); asked.destroy(); }, timeout);
    const done = (result: T | ApiResult): void => { clearTimeout(timer); resolve(result); };
    asked.once('error', () => done('lost'));
    asked.end(content);
    return { asked, done };
  }

  close(): void {
    this.agent.destroy();
  }
}

interface Begun {
  readonly method: string;
  readonly path: string;
  readonly timeout: Ms;
  readonly body: object | undefined;
  readonly agent: Agent | false;
  readonly headers: Readonly<Record<string, string>>;
}

function gather(response: IncomingMessage, done: (result: ApiResult) => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  response.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > LONGEST_ANSWER) response.destroy();
  });
  response.once('end', () => done({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }));
  // After `end` it changes nothing.
  response.once('close', () => done('lost'));
}

/** Each connection is a client of its own, and is used for one question after the other. */
class DialAgent extends Agent {
  constructor(private readonly dial: () => Promise<Streamed>) {
    super(POOL);
  }

  override createConnection(_options: object, connected: (error: Error | null, connection: Duplex) => void): undefined {
    this.dial().then((program) => {
      // Whoever waits for an answer has a timer.
      program.leave();
      connected(null, new Dialled(program));
    }, (error: unknown) => connected(error instanceof Error ? error : new Error('not dialled'), new Duplex()));
  }
}

/** What node:http takes for a socket. */
class Dialled extends Duplex {
  constructor(private readonly program: Streamed) {
    super();
    program.stdout.on('data', (chunk: Buffer) => { if (!this.push(chunk)) program.stdout.pause(); });
    program.stdout.once('end', () => this.push(null));
    program.stderr.resume();
    void program.ended.then(() => this.destroy());
  }

  override _read(): void {
    this.program.stdout.resume();
  }

  override _write(chunk: Uint8Array, _encoding: string, done: (error?: Error | null) => void): void {
    this.program.stdin.write(chunk, done);
  }

  override _final(done: () => void): void {
    this.program.stdin.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.program.end();
    done(error);
  }

  // A pipe has none of these. Nothing waits for a connection that is not in use: it ends with the client.
  setKeepAlive(): this { return this; }
  setNoDelay(): this { return this; }
  setTimeout(): this { return this; }
  ref(): this { return this; }
  unref(): this { return this; }
}
