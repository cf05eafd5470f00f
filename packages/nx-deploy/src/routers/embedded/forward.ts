import { request as startRequest, type Agent, type ClientRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Head } from './admit.js';
import { framingOf } from './headers.js';
import type { Cuttable, TargetState } from './in-flight.js';
import { Journey } from './journey.js';
import type { Choice } from './choose.js';
import { answerPlainly, breakOff, passBody, relayAnswer, relayInterim } from './relay.js';
import type { Service } from './service.js';
import { closedByPeer, freshConnections, MAX_HEADER_SIZE, neverConnected, onConnection, uploadConnections } from './upstream.js';

/** Safe methods (RFC 9110 section 9.2.1) without content: repeating one does no harm. */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Bytes of content that leave in one piece with the head, so that no early answer can come in between. */
const ONE_PIECE = 16_384;

/** One request and its answer. */
export class Exchange implements Cuttable {
  private readonly journey: Journey;
  private upstream: ClientRequest | undefined;
  private stopUpload: (() => void) | undefined;
  private left = false;
  /** Bytes that the upstream connection had received before this request. */
  private received = 0;

  /** `closing`: is the client's connection to end with the answer? */
  constructor(
    service: Service,
    private readonly head: Head,
    private readonly choice: Choice | undefined,
    private readonly request: IncomingMessage,
    private readonly response: ServerResponse,
    private readonly closing: () => boolean,
  ) {
    this.journey = new Journey(service, this, choice?.wish);
  }

  start(): void {
    const target = this.journey.begin();
    if (target === undefined) {
      answerPlainly(this.response, 503, 'Service Unavailable: no instance is ready.', { close: this.closing(), retryAfter: 1 });
      return;
    }
    if (this.head.continues) this.response.writeContinue();
    this.response.once('close', () => {
      if (!this.response.writableEnded) this.clientLeft();
    });
    this.send(target, this.agentFor(target));
  }

  cut(): void {
    this.fail('Bad Gateway: the instance was stopped before it answered.');
    // What breaks off from here on is our doing, no error of the release.
    this.left = true;
    this.upstream?.destroy();
  }

  private get repeatable(): boolean {
    return this.head.framing === 'none' && SAFE.has(this.request.method ?? '');
  }

  private agentFor(target: TargetState): Agent {
    if (this.repeatable) return target.kept;
    const { framing } = this.head;
    const large = framing === 'chunked' || (framing === 'length' && Number(this.request.headers['content-length']) > ONE_PIECE);
    return large ? uploadConnections : freshConnections;
  }

  private send(target: TargetState, agent: Agent): void {
    const { path, framing } = this.head;
    const { method } = this.request;
    const own = this.choice?.headers ?? this.head.headers;
    const headers = this.head.trailers ? [...own, 'TE', 'trailers', 'Connection', agent === freshConnections ? 'close, TE' : 'keep-alive, TE'] : own;
    const upstream = startRequest({ host: target.host, port: target.port, method, path, headers, agent, maxHeaderSize: MAX_HEADER_SIZE, insecureHTTPParser: false });
    upstream.maxHeadersCount = 0;
    this.upstream = upstream;
    upstream.once('response', (answer) => this.onAnswer(answer));
    upstream.on('information', (information) => relayInterim(information, this.response));
    upstream.on('error', (error) => this.onError(upstream, target, error));
    upstream.once('close', () => this.onClose(upstream));
    if (this.journey.trying) onConnection(upstream, () => this.journey.connected());
    if (framing !== 'none') this.uploadWhenConnected(upstream);
    else {
      if (agent !== freshConnections) upstream.once('socket', (socket) => { this.received = socket.bytesRead; });
      upstream.end();
    }
  }

  /** Not before: a body that nobody has read can still go to another target. */
  private uploadWhenConnected(upstream: ClientRequest): void {
    // Once it is answered, a request is not told that its connection is gone.
    this.request.socket.off('close', this.uploadLost).once('close', this.uploadLost);
    upstream.once('socket', (socket) => {
      // ClientRequest emits no `drain` once its answer is complete, which may be long before its content is.
      const begin = (): void => { this.stopUpload = passBody(this.request, upstream, socket); };
      if (socket.connecting) socket.once('connect', begin);
      else begin();
    });
  }

  private onAnswer(answer: IncomingMessage): void {
    if (framingOf(answer) === undefined) {
      this.fail('Bad Gateway: the instance answered in a transfer coding that was not asked for.');
      this.upstream?.destroy();
      return;
    }
    this.journey.answered(answer.statusCode ?? 0);
    try {
      relayAnswer(answer, this.response, { close: this.closing(), cookie: this.choice?.cookie }, () => this.onBroken());
    } catch {
      this.fail('Bad Gateway: the answer of the instance has no valid form.');
      this.upstream?.destroy();
    }
  }

  private onBroken(): void {
    if (this.left) return;
    this.journey.failed();
    breakOff(this.response);
  }

  private onError(upstream: ClientRequest, target: TargetState, error: Error): void {
    // After the head, the end of the answer itself tells whether it is whole.
    if (upstream !== this.upstream || this.left || this.response.headersSent) return;
    if (neverConnected(error)) {
      const next = this.journey.refused();
      if (next === undefined) this.fail('Bad Gateway: no instance takes connections.');
      else this.send(next, this.agentFor(next));
    } else if (this.repeatable && upstream.reusedSocket && closedByPeer(error) && upstream.socket?.bytesRead === this.received) {
      this.send(target, freshConnections);
    } else {
      this.fail('Bad Gateway: the instance gave no valid answer.');
    }
  }

  private onClose(upstream: ClientRequest): void {
    if (upstream !== this.upstream) return;
    this.request.socket.off('close', this.uploadLost);
    this.stopUpload?.();
    this.journey.finish();
    // A protocol switch that nobody asked for ends the connection without an error.
    if (!this.response.headersSent) this.fail('Bad Gateway: the instance gave no answer.');
  }

  private fail(text: string): void {
    if (this.left) return;
    if (this.response.headersSent) {
      if (!this.response.writableEnded) breakOff(this.response);
      return;
    }
    this.journey.failed();
    answerPlainly(this.response, 502, text, { close: this.closing() });
  }

  private readonly uploadLost = (): void => {
    if (!this.request.complete) this.clientLeft();
  };

  private clientLeft(): void {
    this.left = true;
    this.journey.left();
    this.upstream?.destroy();
  }
}
