/** What every router does for platforms that have none of their own. It knows releases and addresses, nothing of how instances run. */
import type { Metrics, Ms, ReleaseId } from '../model/index.js';

/** Where the public reaches a service. Without `host` the route takes every request of its port that no other route's host matches. */
export interface Listen {
  /** Address to bind, `127.0.0.1` or `0.0.0.0`, say. */
  readonly address: string;
  readonly port: number;
  /** Lower-case host name without port. */
  readonly host?: string;
}

export interface Target {
  /** Unique within the route: the instance's id. */
  readonly id: string;
  readonly release: ReleaseId;
  readonly host: string;
  readonly port: number;
}

/** The whole truth of one service and environment; replaced as a whole, so that a change is atomic. */
export interface Route {
  /** Unique name of the route (the service key). */
  readonly key: string;
  readonly listen: Listen;
  /** Percent per release. A release with weight 0 or without targets gets nothing. */
  readonly weights: Readonly<Record<ReleaseId, number>>;
  readonly targets: readonly Target[];
  /** The same client stays with the same release: the router sets this cookie and hashes it with the releases. */
  readonly sticky?: { readonly cookie: string };
  /** Testers choose by this request header: `always` is `arriving` also at weight 0, `never` is any other, else the id of a release. */
  readonly testers?: { readonly header: string; readonly arriving?: ReleaseId };
  /** What is answered instead; undefined: requests go to the targets. */
  readonly closure?: Closure;
}

/** Requests get a page, or wait. */
export type Closure =
  /** 503 with this page. `retryAfter` in seconds. */
  | { readonly type: 'maintenance'; readonly page: string; readonly contentType: string; readonly retryAfter?: number }
  /** New requests wait until the closure is lifted, each at most `wait` ms, then they get 503; at most `most` wait at a time. */
  | { readonly type: 'paused'; readonly wait: Ms; readonly most: number };

/** Counters that only grow while the router runs. Requests and errors as in {@link Metrics}. */
export type Totals = Omit<Metrics, 'latency' | 'times'>;

export interface Router {
  /**
   * Puts the route in force, opening its listener first if it is new. One synchronous switch once the listener is open: requests that arrived before
   * finish where they began. Rejects, with the earlier route still in force, when the port is taken (ND-PORT-TAKEN) or when another route has
   * the same address, port and host (ND-LISTEN-CONFLICT), or a setting cannot be sent in HTTP (ND-INTERNAL).
   */
  set(route: Route): Promise<void>;
  /** Takes the route away; its listener closes when no other route uses it. Requests in flight finish. */
  remove(key: string): Promise<void>;
  route(key: string): Route | undefined;
  /** Requests, streams and upgraded connections that a target has not finished. */
  inFlight(key: string, targetId: string): number;
  /** Resolves true when the target, already out of the route, has nothing in flight; false when `deadline` ms passed first. */
  drained(key: string, targetId: string, deadline: Ms): Promise<boolean>;
  /** Cuts what a target still has in flight (after its drain deadline). */
  cut(key: string, targetId: string): void;
  /**
   * Counted since the router started, per release, over at most the last `window` ms, up to 24 h. By the second for ten minutes; a longer
   * window begins with the first whole minute in it.
   */
  metrics(key: string, release: ReleaseId, window: Ms): Metrics;
  /** Every release that the route has counted for, since the router started; one is forgotten 24 h after its last request once it left the route. */
  totals(key: string): ReadonlyMap<ReleaseId, Totals>;
  /** Stops accepting, turns away what waits at a paused route, answers what is in flight with `Connection: close`, and resolves when all is done or `deadline` ms passed. */
  close(deadline: Ms): Promise<void>;
}
