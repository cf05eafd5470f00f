/** What the load client is told and what it tells. */

export const KINDS = ['get', 'fresh', 'post', 'slow', 'events', 'socket'] as const;
/**
 * get: GET over kept-alive connections. fresh: GET over a connection of its own. post: a body of 1 to 256 KB whose digest comes back.
 * slow: an answer that takes `slowMs`. events: a stream of server-sent events. socket: a WebSocket that echoes.
 */
export type Kind = (typeof KINDS)[number];

export const FAULTS = ['failed', 'cut', 'wrong', 'duplicated', 'misrouted'] as const;
/**
 * failed: no answer (refused, reset, none in time). cut: an answer that stopped before its end. wrong: a status other than 2xx, or other content.
 * duplicated: something that had been answered or sent before. misrouted: the answer of another service, release or request.
 */
export type Fault = (typeof FAULTS)[number];

export interface LoadOptions {
  /** Base address, `http://127.0.0.1:8080`, say. */
  readonly url: string;
  /** Requests per second, all kinds together; default 200. */
  readonly rate?: number;
  /** Share of each kind; a kind left out gets nothing. Default: get 60, fresh 15, post 15, slow 4, events 3, socket 3. */
  readonly mix?: Partial<Readonly<Record<Kind, number>>>;
  /** ms after which no more requests are sent; default: until `stop()`. */
  readonly durationMs?: number;
  /** The `x-service` that every answer must carry. */
  readonly service?: string;
  /** Host header, for routes by host name. */
  readonly host?: string;
  /** ms until a request counts as failed, on top of the time that its kind takes by nature; default 10000. */
  readonly timeoutMs?: number;
  /** ms that a `slow` request asks for; default 2000. */
  readonly slowMs?: number;
  /** Events of a stream and ms between them; default 10 and 200. */
  readonly events?: { readonly count: number; readonly interval: number };
  /** Messages of a WebSocket and ms between them; default 10 and 100. */
  readonly messages?: { readonly count: number; readonly interval: number };
  /** ms that requests in flight get after the last one was sent; default 15000. */
  readonly drainMs?: number;
}

export type KindCounts = Readonly<Record<'sent' | 'ok' | Fault, number>>;

export interface FirstFailure {
  /** ISO time of the end of the request. */
  readonly at: string;
  /** ms since the load began. */
  readonly sinceStartMs: number;
  readonly kind: Kind;
  readonly fault: Fault;
  readonly message: string;
  readonly release?: string;
}

export interface LoadReport {
  readonly url: string;
  readonly rate: number;
  /** ms during which requests were sent. */
  readonly durationMs: number;
  readonly sent: number;
  readonly ok: number;
  /** Everything that was not ok. */
  readonly failures: number;
  /** GETs sent a second time because the server closed an idle connection just as they used it; they count as sent once. */
  readonly retried: number;
  readonly kinds: Readonly<Record<Kind, KindCounts>>;
  /** Answers that were ok, by their `x-release`. */
  readonly releases: Readonly<Record<string, number>>;
  /** Failures, by the `x-release` of the answer; `none` where there was none. */
  readonly failedBy: Readonly<Record<string, number>>;
  /** ms of `get` and `fresh`, from the moment a request was due, so that a stall of either side counts (no coordinated omission). */
  readonly latency: Readonly<Record<'p50' | 'p95' | 'p99' | 'max', number>>;
  /** Longest time in ms without a successful `get` or `fresh`, from the first due time to the end of sending. */
  readonly longestGapMs: number;
  /** ms by which the client's own event loop was late at worst: what the figures above are uncertain by. */
  readonly lagMs: number;
  readonly firstFailures: readonly FirstFailure[];
}
