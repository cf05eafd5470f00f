/** One HTTP request and its answer, on connections that are kept. No redirect, no retry, no authorization: those are in session.ts. */
import { Agent, request as httpRequest, type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, type RequestOptions } from 'node:http';
import { Agent as SecureAgent, request as httpsRequest } from 'node:https';
import { Readable } from 'node:stream';
import type { Ms } from '../../model/index.js';
import { bareHost, proxyFor } from './proxy.js';
import { proxyAuthorization, TunnelAgent } from './tunnel.js';

/** What is sent. It is opened anew for each attempt. */
export interface Content {
  /** Bytes. */
  readonly size: number;
  open(): AsyncIterable<Uint8Array> | Promise<AsyncIterable<Uint8Array>>;
}

export interface Outgoing {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly content?: Content;
  /** How long the other side may be silent. */
  readonly quiet: Ms;
  readonly signal?: AbortSignal;
}

export interface Incoming {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Must be read to its end, or destroyed. */
  readonly body: Readable;
}

export interface Transport {
  /** Rejects with the system's error, {@link SourceError}, {@link Silence} or ProxyRefusal. */
  send(outgoing: Outgoing): Promise<Incoming>;
  close(): void;
}

/** What was to be sent could not be read, or has another size: no fault of the network. */
export class SourceError extends Error {
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** Nothing came, or nearly nothing, for too long. */
export class Silence extends Error {
  readonly code = 'ETIMEDOUT';
  constructor(readonly after: Ms) {
    super(`no answer for ${Number((after / 1_000).toFixed(1))} s`);
  }
}

/** Fewer bytes in one period of `quiet` count as silence: one byte now and then keeps no connection. */
const LEAST_BYTES = 256;
const SOCKETS = 16;

export function openTransport(env: NodeJS.ProcessEnv): Transport {
  const agents = new Map<string, Agent>();
  const options = { keepAlive: true, maxSockets: SOCKETS };
  const agentFor = (url: URL, proxy: URL | undefined, quiet: Ms): Agent => {
    const tunnel = url.protocol === 'https:' ? proxy : undefined;
    const key = `${url.protocol}${tunnel?.href ?? ''}`;
    const make = (): Agent => (tunnel !== undefined ? new TunnelAgent(tunnel, quiet, options) : url.protocol === 'https:' ? new SecureAgent(options) : new Agent(options));
    const agent = agents.get(key) ?? make();
    agents.set(key, agent);
    return agent;
  };
  return {
    async send(outgoing) {
      outgoing.signal?.throwIfAborted();
      const proxy = proxyFor(outgoing.url, env);
      return exchange(outgoing, start(outgoing, proxy, agentFor(outgoing.url, proxy, outgoing.quiet)));
    },
    close: () => agents.forEach((agent) => agent.destroy()),
  };
}

function start({ method, url, headers, content, quiet, signal }: Outgoing, proxy: URL | undefined, agent: Agent): ClientRequest {
  const secure = url.protocol === 'https:';
  // Without TLS a proxy gets the whole address instead of a tunnel.
  const via = secure ? undefined : proxy;
  const at = via ?? url;
  const options: RequestOptions = {
    method, agent, host: bareHost(at), path: via === undefined ? `${url.pathname}${url.search}` : `${url.origin}${url.pathname}${url.search}`,
    ...(at.port === '' ? {} : { port: Number(at.port) }),
    timeout: quiet,
    headers: {
      host: url.host, 'user-agent': 'nx-deploy', 'accept-encoding': 'identity', ...headers,
      ...(content === undefined ? (['GET', 'HEAD'].includes(method) ? {} : { 'content-length': '0' }) : { 'content-length': String(content.size) }),
      ...(via === undefined ? {} : proxyAuthorization(via)),
    },
    ...(signal === undefined ? {} : { signal }),
  };
  return (secure || via?.protocol === 'https:' ? httpsRequest : httpRequest)(options);
}

function exchange(outgoing: Outgoing, request: ClientRequest): Promise<Incoming> {
  const { quiet, content } = outgoing;
  let waiting: NodeJS.Timeout | undefined;
  return new Promise<Incoming>((resolve, reject) => {
    let sourceError: SourceError | undefined;
    const source = content === undefined ? undefined : Readable.from(exactly(content), { objectMode: false });
    const silent = (): void => { request.destroy(new Silence(quiet)); };
    request.on('timeout', silent);
    // Everything is sent: from now on the headers must come, drop by drop or not.
    request.on('finish', () => { waiting = setTimeout(silent, quiet); });
    request.on('close', () => { clearTimeout(waiting); source?.destroy(); });
    request.on('error', (error) => { reject(sourceError ?? error); });
    request.on('response', (reply: IncomingMessage) => {
      clearTimeout(waiting);
      request.off('timeout', silent);
      if (source !== undefined && !request.writableFinished) stopSending(request, source, reply);
      watch(reply, request, quiet);
      resolve({ status: reply.statusCode ?? 0, headers: reply.headers, body: reply });
    });
    if (source === undefined) {
      request.end();
      return;
    }
    source.on('error', (error) => { sourceError = new SourceError(error); request.destroy(sourceError); });
    source.pipe(request);
  });
}

/** The answer came before everything was sent: what is left is not wanted, and the connection cannot be used again. */
function stopSending(request: ClientRequest, source: Readable, reply: IncomingMessage): void {
  source.unpipe(request);
  source.destroy();
  const end = (): void => { request.destroy(); };
  reply.once('end', end);
  reply.once('error', end);
}

function watch(reply: IncomingMessage, request: ClientRequest, quiet: Ms): void {
  const { socket } = reply;
  let mark = { bytes: socket.bytesRead, at: performance.now() };
  const timer = setInterval(() => {
    const now = performance.now();
    // A consumer that is slow itself has left bytes in the buffer.
    if (socket.bytesRead - mark.bytes >= LEAST_BYTES || reply.readableLength > 0) mark = { bytes: socket.bytesRead, at: now };
    else if (now - mark.at >= quiet) request.destroy(new Silence(quiet));
  }, Math.max(1, Math.floor(quiet / 8)));
  reply.on('close', () => clearInterval(timer));
}

/** Passes on what is to be sent; never more or less than its length says. */
async function* exactly(content: Content): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of await content.open()) {
    bytes += chunk.length;
    if (bytes > content.size) break;
    yield chunk;
  }
  if (bytes !== content.size) throw new Error(`it has ${bytes > content.size ? 'more than' : 'only'} ${Math.min(bytes, content.size)} of ${content.size} bytes`);
}

/** The whole body; undefined when it has more bytes than that. */
export async function readBody(incoming: Incoming, limit: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming.body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > limit) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
