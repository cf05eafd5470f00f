/** Carrying one message on: body with backpressure and trailers, answer, interim answers, and the router's own few words. */
import type { EventEmitter } from 'node:events';
import { ServerResponse, STATUS_CODES, type ClientRequest, type IncomingMessage, type InformationEvent } from 'node:http';
import type { Socket } from 'node:net';
import { headBytes, plainHeaders, responseHeaders, trailerPairs } from './headers.js';

/** ms */
const LINGER = 1_000;

/**
 * `pipeline` without its teardown, which would take the kept connection along. `drains` says when more can be written.
 * Returns a function that stops passing and lets the rest run dry.
 */
export function passBody(from: IncomingMessage, to: ClientRequest | ServerResponse, drains: EventEmitter = to): () => void {
  let begun = false;
  const onData = (chunk: Buffer): void => {
    begun = true;
    if (!to.write(chunk)) from.pause();
  };
  const onEnd = (): void => {
    begun = true;
    if (from.rawTrailers.length > 0) to.addTrailers(trailerPairs(from.rawTrailers));
    to.end();
  };
  const onDrain = (): void => { from.resume(); };
  from.on('data', onData).once('end', onEnd);
  drains.on('drain', onDrain);
  // A tick later than the first data that came along with the head, so that both leave in one packet; streams without data yet start at once.
  process.nextTick(() => {
    const endsNow = from.complete && from.readableLength === 0;
    // flushHeaders() would send header values as UTF-8.
    if (!begun && !endsNow && !to.destroyed) to.write('', 'latin1');
  });
  return () => {
    from.off('data', onData).off('end', onEnd).resume();
    drains.off('drain', onDrain);
  };
}

/**
 * Throws what node:http throws when the head has a form that cannot be sent on. `cookie` is set besides those of the instance.
 * `broken` is called when the answer breaks off.
 */
export function relayAnswer(from: IncomingMessage, to: ServerResponse, options: { readonly close: boolean; readonly cookie: string | undefined }, broken: () => void): void {
  const { method, httpVersionMinor } = to.req;
  const trailers = httpVersionMinor > 0 && method !== 'HEAD' && from.statusCode !== 204 && from.statusCode !== 304;
  const headers = responseHeaders(from, { trailers, close: options.close });
  if (options.cookie !== undefined) headers.push('Set-Cookie', options.cookie);
  to.writeHead(from.statusCode ?? 502, from.statusMessage, headers);
  passBody(from, to);
  from.once('close', () => {
    if (!from.complete) broken();
  });
}

/** Ends the connection so that the client sees that the answer is not whole; without framing (HTTP/1.0) only a reset tells. */
export function breakOff(response: ServerResponse): void {
  if (response.req.httpVersionMinor === 0) response.socket?.resetAndDestroy();
  response.destroy();
}

/** 1xx. Dropped where it cannot go: to HTTP/1.0, and behind an answer of the same connection that is not finished. */
export function relayInterim(information: InformationEvent, to: ServerResponse): void {
  if (to.headersSent || to.req.httpVersionMinor === 0) return;
  if (information.statusCode === 100) {
    if (to.req.headers.expect !== undefined) to.writeContinue();
    return;
  }
  to.socket?.write(headBytes(`HTTP/1.1 ${information.statusCode} ${information.statusMessage}`, plainHeaders(information)));
}

/** An answer of the router's own. */
export interface Page {
  readonly status: number;
  readonly body: Buffer;
  readonly contentType: string;
  /** s */
  readonly retryAfter?: number;
  readonly cacheControl?: string;
}

/** What the client still sends of its request is read and dropped. `close`: the connection ends with the answer. */
export function answerPage(response: ServerResponse, page: Page, close: boolean): void {
  // With the reason said: an answer that could not be sent on may have left its own.
  response.writeHead(page.status, STATUS_CODES[page.status], {
    'Content-Type': page.contentType,
    'Content-Length': page.body.length,
    ...(page.retryAfter === undefined ? {} : { 'Retry-After': String(page.retryAfter) }),
    ...(page.cacheControl === undefined ? {} : { 'Cache-Control': page.cacheControl }),
    ...(close ? { Connection: 'close' } : {}),
  });
  response.end(page.body);
}

export function answerPlainly(response: ServerResponse, status: number, text: string, options: { readonly close: boolean; readonly retryAfter?: number }): void {
  const { close, ...rest } = options;
  answerPage(response, { status, body: Buffer.from(`${text}\n`), contentType: 'text/plain; charset=utf-8', ...rest }, close);
}

/** An answer on a connection that node:http has handed over; the connection ends with it. */
export function responseOn(socket: Socket, request: IncomingMessage): ServerResponse {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  const onDrain = (): void => { response.emit('drain'); };
  socket.on('drain', onDrain);
  response.once('finish', () => {
    socket.off('drain', onDrain);
    response.detachSocket(socket);
    // Unread input would turn the end into a reset that can overtake the answer; so what comes is read for a while.
    socket.resume().end();
    const timer = setTimeout(() => socket.destroy(), LINGER);
    socket.once('close', () => clearTimeout(timer));
  });
  return response;
}
