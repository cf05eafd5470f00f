/** One request and its answer on HTTP/1.1. */
import { request as httpRequest, type ClientRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { TLSSocket } from 'node:tls';
import type { Asking } from '../attempt.js';

export interface Sent {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Bytes of the body that are read; what comes after them is not waited for. */
  readonly bodyLimit: number;
  readonly tls?: TlsSettings;
  readonly body?: string;
}

export interface TlsSettings {
  /** PEM, beside the authorities that Node knows. */
  readonly ca?: readonly string[];
  /** `false`: any certificate will do. */
  readonly verify?: boolean;
}

export interface Answer {
  readonly code: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Did the body end within the limit? */
  readonly whole: boolean;
  /** Of the certificate, ms since 1970; with TLS alone. */
  readonly validTo?: number;
}

/** The words that `tls.connect` has for them. */
export function tlsOptions({ ca, verify = true }: TlsSettings = {}): { readonly ca?: string[]; readonly rejectUnauthorized: boolean } {
  return { rejectUnauthorized: verify, ...(ca === undefined ? {} : { ca: [...ca] }) };
}

/** Over a connection of its own, so that one kept open to a process that is gone cannot hide its end. Rejects with what the network did. */
export function exchange(url: URL, sent: Sent, { signal, waitingFor }: Asking): Promise<Answer> {
  const secure = url.protocol === 'https:';
  waitingFor('no connection');
  return new Promise<Answer>((resolve, reject) => {
    // An abort that has been is told to no listener.
    signal.throwIfAborted();
    const { method, headers, tls } = sent;
    const request = secure ? httpsRequest(url, { method, headers, agent: false, ...tlsOptions(tls) }) : httpRequest(url, { method, headers, agent: false });
    let waiting = 'no connection';
    const now = (text: string): void => waitingFor(waiting = text);
    signal.addEventListener('abort', () => request.destroy(), { once: true });
    request.on('socket', (socket) => { socket.once(secure ? 'secureConnect' : 'connect', () => now('connected, but no answer')); });
    request.on('response', (response) => {
      now(`HTTP ${response.statusCode ?? 0}, but the body did not end`);
      read(response, sent.bodyLimit, resolve, request);
    });
    // Without a listener of its own an upgrade would end as a bare "socket hang up".
    request.on('upgrade', (response, socket) => {
      socket.destroy();
      reject(new Error(`HTTP ${response.statusCode ?? 0}: the server switched protocols`));
    });
    request.on('error', reject);
    request.on('close', () => reject(new Error(`${waiting} before the connection closed`)));
    request.end(sent.body);
  });
}

/** Sends JSON by POST. Rejects with what the network did, or when the signal aborts. */
export function exchangeBody(url: URL, json: string, signal: AbortSignal): Promise<Answer> {
  const headers = { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(json)) };
  let waiting = '';
  const sent = exchange(url, { method: 'POST', headers, bodyLimit: 1_024, body: json }, { signal, timeoutMs: 0, waitingFor: (text) => { waiting = text; } });
  return Promise.race([sent, new Promise<never>((_, reject) => { signal.addEventListener('abort', () => { reject(new Error(`${waiting} in time`)); }, { once: true }); })]);
}

function read(response: IncomingMessage, limit: number, resolve: (answer: Answer) => void, request: ClientRequest): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Asked for now: a socket that has ended knows no certificate any more.
  const validTo = expiry(response.socket);
  const conclude = (whole: boolean): void => {
    resolve({ code: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).subarray(0, limit), whole, ...(validTo === undefined ? {} : { validTo }) });
    request.destroy();
  };
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    chunks.push(chunk);
    if (bytes > limit) conclude(false);
  });
  response.on('end', () => conclude(true));
  // A cut body shows as the request's close; without a listener here it would end the process.
  response.on('error', () => undefined);
}

/** When the certificate of the other side ends, ms since 1970; undefined without TLS. */
export function expiry(socket: unknown): number | undefined {
  const certificate = (socket as Partial<TLSSocket>).getPeerCertificate?.();
  return certificate?.valid_to === undefined ? undefined : Date.parse(certificate.valid_to);
}
