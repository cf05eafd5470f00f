/**
 * The engine's own API (HTTP), by way of `docker system dial-stdio`: a client that copies its standard input and output to the engine which it would talk to itself, so that
 * contexts, ssh:// and TLS stay its business. A question takes a millisecond or two, where a client started for it takes thirty.
 * Docker Engine API reference, https://docs.docker.com/reference/api/engine/; the paths have no version, which every engine takes for its own.
 */
import { Agent, request } from 'node:http';
import { Duplex } from 'node:stream';
import type { Ms } from '../../model/index.js';
import type { Streamed } from './stream.js';

export interface ApiAnswer {
  readonly status: number;
  readonly body: string;
}

/** `lost`: nothing, or half an answer, came; whether the engine did what it was asked is unknown. `late`: it did not answer in time. */
export type ApiResult = ApiAnswer | 'lost' | 'late';

/** An engine is asked for so much at once. */
const CONNECTIONS = 6;
const LONGEST_ANSWER = 64 * 1024 * 1024;

export class EngineApi {
  private readonly agent: DialAgent;

  /** `dial` starts a client that is connected to the engine. */
  constructor(dial: () => Promise<Streamed>) {
    this.agent = new DialAgent(dial);
  }

  /** Never rejects. `path` is encoded already. */
  ask(method: 'GET' | 'POST' | 'DELETE', path: string, timeout: Ms): Promise<ApiResult> {
    return new Promise((resolve) => {
      const asked = request({ agent: this.agent, method, path, headers: { host: 'docker', ...(method === 'POST' ? { 'content-length': 0 } : {}) } });
      const timer = setTimeout(() => { resolve('late'); asked.destroy(); }, timeout);
      const done = (result: ApiResult): void => { clearTimeout(timer); resolve(result); };
      asked.once('error', () => done('lost'));
      asked.once('response', (response) => {
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
      });
      asked.end();
    });
  }

  close(): void {
    this.agent.destroy();
  }
}

/** Each connection is a client of its own, and is used for one question after the other. */
class DialAgent extends Agent {
  constructor(private readonly dial: () => Promise<Streamed>) {
    super({ keepAlive: true, maxSockets: CONNECTIONS, maxFreeSockets: CONNECTIONS });
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
