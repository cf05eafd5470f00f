import { Agent, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { cut, excerpt, Failure, noAnswer, NoAnswer } from './failure.js';
import type { Shot } from './shot.js';

export interface Sending {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** Whether it may go over a connection that earlier requests used. */
  readonly reuse: boolean;
  /** Sent in these pieces; more than one makes it a chunked body. */
  readonly body?: readonly Buffer[];
}

export interface WireOptions {
  readonly url: string;
  readonly service?: string | undefined;
  readonly host?: string | undefined;
}

/** The connections to the service, and what holds for every answer. */
export class Wire {
  readonly url: URL;
  readonly #kept = new Agent({ keepAlive: true, maxFreeSockets: 1024 });
  readonly #fresh = new Agent({ keepAlive: false });
  readonly #seen = new Set<string>();

  constructor(private readonly options: WireOptions) {
    this.url = new URL(options.url);
  }

  headersOf(shot: Shot): Record<string, string> {
    return { 'x-request-id': shot.id, ...(this.options.host === undefined ? {} : { host: this.options.host }) };
  }

  /**
   * Resolves when the headers of an answer with a status of 2xx are there.
   * @throws Failure
   */
  async send(shot: Shot, sending: Sending): Promise<IncomingMessage> {
    const response = await this.#exchange(shot, sending, sending.reuse ? this.#kept : this.#fresh).catch((error: unknown) => {
      const again = sending.method === 'GET' && error instanceof NoAnswer && error.staleConnection && !shot.signal.aborted;
      if (!again) throw error;
      shot.retried = true;
      return this.#exchange(shot, sending, this.#fresh);
    });
    try {
      await this.#status(shot, response);
      this.check(shot, response.headers);
    } catch (error) {
      // Either read to its end or of no more use: an answer left unread would keep its connection for good.
      if (!response.complete) response.destroy();
      throw error;
    }
    return response;
  }

  /** The whole body. @throws Failure (cut) */
  async read(response: IncomingMessage): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        chunks.push(chunk);
        bytes += chunk.length;
      }
    } catch (error) {
      throw cut(error, `${bytes} bytes`);
    }
    return Buffer.concat(chunks);
  }

  /** Whether the answer is this request's, and from the service that was asked. @throws Failure */
  check(shot: Shot, headers: IncomingHttpHeaders): void {
    const id = headers['x-request-id'];
    if (typeof id === 'string' && id !== shot.id) {
      throw new Failure(this.#seen.has(id) ? 'duplicated' : 'misrouted', `${shot.id} got the answer of ${id.slice(0, 60)}`);
    }
    const { service } = this.options;
    const from = headers['x-service'];
    if (service !== undefined && from !== service) throw new Failure('misrouted', `the answer comes from ${String(from)}, not from ${service}`);
    this.#seen.add(shot.id);
  }

  close(): void {
    this.#kept.destroy();
    this.#fresh.destroy();
  }

  #exchange(shot: Shot, { method, path, body = [] }: Sending, agent: Agent): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const length: Record<string, number> = body.length === 1 ? { 'content-length': body[0]?.length ?? 0 } : {};
      const request = httpRequest(new URL(path, this.url), { method, agent, signal: shot.signal, headers: { ...this.headersOf(shot), ...length } });
      request.once('response', (response) => {
        shot.answered(response.headers);
        resolve(response);
      });
      request.on('error', (error) => reject(noAnswer(error, request.reusedSocket)));
      for (const piece of body) request.write(piece);
      request.end();
    });
  }

  async #status(shot: Shot, response: IncomingMessage): Promise<void> {
    const { statusCode = 0 } = response;
    if (statusCode >= 200 && statusCode < 300) return;
    const body = await this.read(response).catch(() => Buffer.alloc(0));
    throw new Failure('wrong', `status ${statusCode} of ${shot.kind}: ${excerpt(body)}`);
  }
}
