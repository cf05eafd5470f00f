import { request as startRequest, type ClientRequest, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Head } from './admit.js';
import type { Choice } from './choose.js';
import { framingOf, headBytes, plainHeaders } from './headers.js';
import type { Cuttable, TargetState } from './in-flight.js';
import { Journey } from './journey.js';
import { answerPlainly, relayAnswer, responseOn } from './relay.js';
import type { Service } from './service.js';
import { MAX_HEADER_SIZE, neverConnected, onConnection, tunnelConnections } from './upstream.js';

/** What a client may send before the handshake is done; then it has to wait. */
export const EARLY_BYTES = 65_536;
/** ms */
const TCP_KEEP_ALIVE = 60_000;
/** ms. From the end of one direction nobody can tell whether the other side is still there, except by what it sends. */
const HALF_OPEN_SILENCE = 300_000;

/** One request for another protocol (RFC 9110 section 7.8), and the tunnel that comes of it. */
export class Tunnel implements Cuttable {
  private readonly journey: Journey;
  private readonly early: Buffer[];
  private upstream: ClientRequest | undefined;
  private other: Socket | undefined;
  private settled = false;

  constructor(
    service: Service,
    private readonly head: Head,
    private readonly choice: Choice | undefined,
    private readonly request: IncomingMessage,
    private readonly client: Socket,
    early: Buffer,
  ) {
    this.journey = new Journey(service, this, choice?.wish);
    this.early = early.length > 0 ? [early] : [];
  }

  start(): void {
    const target = this.journey.begin();
    if (target === undefined) {
      answerPlainly(responseOn(this.client, this.request), 503, 'Service Unavailable: no instance is ready.', { close: true, retryAfter: 1 });
      return;
    }
    this.client.setNoDelay(true).setKeepAlive(true, TCP_KEEP_ALIVE);
    // Reading is the only way to see that the client goes; nothing of it reaches the instance before that has agreed.
    this.client.on('data', this.keepEarly).once('end', this.clientLeft).once('close', this.clientLeft);
    this.send(target);
  }

  cut(): void {
    if (this.settled || this.client.destroyed) {
      this.client.destroy();
      this.other?.destroy();
      this.upstream?.destroy();
    } else this.fail('Bad Gateway: the instance was stopped before it answered.');
  }

  private readonly keepEarly = (chunk: Buffer): void => {
    this.early.push(chunk);
    if (this.early.reduce((sum, part) => sum + part.length, 0) > EARLY_BYTES) this.client.pause();
  };

  private readonly clientLeft = (): void => {
    this.settle();
    this.journey.left();
    this.client.destroy();
    this.upstream?.destroy();
  };

  /** The handshake has an outcome. */
  private settle(): void {
    this.settled = true;
    this.client.off('data', this.keepEarly).off('end', this.clientLeft).off('close', this.clientLeft);
  }

  private send(target: TargetState): void {
    const headers = [...this.choice?.headers ?? this.head.headers, 'Connection', 'Upgrade', 'Upgrade', this.request.headers.upgrade ?? ''];
    const upstream = startRequest({
      host: target.host, port: target.port, method: this.request.method, path: this.head.path, headers, agent: tunnelConnections,
      maxHeaderSize: MAX_HEADER_SIZE, insecureHTTPParser: false,
    });
    upstream.maxHeadersCount = 0;
    this.upstream = upstream;
    upstream.once('upgrade', (answer, socket, first) => this.onAgreed(answer, socket, first));
    upstream.once('response', (answer) => this.onDeclined(answer));
    upstream.on('error', (error) => this.onError(upstream, error));
    upstream.once('close', () => {
      if (upstream === this.upstream && this.other === undefined) this.journey.finish();
    });
    if (this.journey.trying) onConnection(upstream, () => this.journey.connected());
    upstream.end();
  }

  private onAgreed(answer: IncomingMessage, other: Socket, first: Buffer): void {
    // From here on the tunnel holds the claim, not the request.
    this.other = other;
    other.once('close', () => this.journey.finish());
    other.setNoDelay(true).setKeepAlive(true, TCP_KEEP_ALIVE);
    this.settle();
    this.journey.answered(101);
    const headers = [...plainHeaders(answer), 'Connection', 'Upgrade', 'Upgrade', answer.headers.upgrade ?? ''];
    if (this.choice?.cookie !== undefined) headers.push('Set-Cookie', this.choice.cookie);
    this.client.write(headBytes(`HTTP/1.1 101 ${answer.statusMessage ?? ''}`, headers));
    if (first.length > 0) this.client.write(first);
    for (const chunk of this.early) other.write(chunk);
    join(this.client, other);
  }

  private onDeclined(answer: IncomingMessage): void {
    if (framingOf(answer) === undefined) {
      this.fail('Bad Gateway: the instance answered in a transfer coding that was not asked for.');
      return;
    }
    this.settle();
    this.journey.answered(answer.statusCode ?? 0);
    this.client.once('close', () => this.upstream?.destroy());
    const response = responseOn(this.client, this.request);
    try {
      relayAnswer(answer, response, { close: true, cookie: this.choice?.cookie }, () => {
        this.journey.failed();
        this.client.destroy();
      });
    } catch {
      this.journey.failed();
      this.upstream?.destroy();
      answerPlainly(response, 502, 'Bad Gateway: the answer of the instance has no valid form.', { close: true });
    }
  }

  private onError(upstream: ClientRequest, error: Error): void {
    if (upstream !== this.upstream || this.settled) return;
    const next = neverConnected(error) ? this.journey.refused() : undefined;
    if (next === undefined) this.fail('Bad Gateway: no instance agreed to the upgrade.');
    else this.send(next);
  }

  private fail(text: string): void {
    this.settle();
    this.journey.failed();
    this.upstream?.destroy();
    answerPlainly(responseOn(this.client, this.request), 502, text, { close: true });
  }
}

/** Each direction ends by itself; when one connection is gone, the other goes once it has what is left. */
function join(a: Socket, b: Socket): void {
  for (const [from, to] of [[a, b], [b, a]] as const) {
    from.on('error', () => {});
    from.once('end', () => to.setTimeout(HALF_OPEN_SILENCE, () => to.destroy()));
    from.once('close', (hadError) => {
      if (hadError) to.resetAndDestroy();
      else to.destroySoon();
    });
    from.pipe(to);
  }
}

/**
 * Serves a request that asks for an upgrade and has content as if it had not asked, as any server may (RFC 9110 section 7.8): where
 * the content ends, and the next protocol begins, would otherwise be for the instance alone to say.
 */
export function serveWithoutUpgrade(server: Server, request: IncomingMessage, socket: Socket, head: Buffer): void {
  const kept: string[] = [];
  request.rawHeaders.forEach((text, index) => {
    if (index % 2 === 1 || text.toLowerCase() === 'upgrade') return;
    const value = request.rawHeaders[index + 1] ?? '';
    kept.push(text, text.toLowerCase() === 'connection' ? value.split(',').filter((option) => option.trim().toLowerCase() !== 'upgrade').join(',') : value);
  });
  const line = `${request.method ?? ''} ${request.url ?? ''} HTTP/${request.httpVersion}`;
  socket.unshift(Buffer.concat([headBytes(line, kept), head]));
  server.emit('connection', socket);
}
