/** A route that is closed: for maintenance, with a page; or paused, and its requests wait at the door until it is lifted. */
import type { Ms } from '../../model/index.js';
import type { Closure } from '../router.js';
import { LONGEST_TIMER } from './in-flight.js';
import type { Page } from './relay.js';

/** A request before a target is chosen. */
export interface Visit {
  /** Goes on as if it came now. */
  proceed(): void;
  turnAway(page: Page): void;
  /** From here on it waits. `gone` is to be called when the client leaves; the returned function stops watching for that. */
  wait(gone: () => void): () => void;
}

function plain(text: string): Page {
  return { status: 503, body: Buffer.from(`Service Unavailable: ${text}\n`), contentType: 'text/plain; charset=utf-8', retryAfter: 1, cacheControl: 'no-store' };
}

const TOO_MANY = plain('the service is paused, and too many requests wait already.');
const TOO_LONG = plain('the service is paused.');
const CLOSING = plain('the service moves.');

export class Door {
  private closure: Closure | undefined;
  private page: Page | undefined;
  /** In the order in which they came. */
  private readonly waiting = new Map<Visit, () => void>();
  private closed = false;

  /** Does every request pass? */
  get open(): boolean {
    return this.closure === undefined;
  }

  /** What is in force from now on; those that wait follow it, except that a pause goes on for them as it began. */
  put(closure: Closure | undefined): void {
    this.closure = closure;
    this.page = closure?.type === 'maintenance' ? pageOf(closure) : undefined;
    const { page } = this;
    if (closure === undefined) this.release((visit) => visit.proceed());
    else if (page !== undefined) this.release((visit) => visit.turnAway(page));
  }

  /** The route is gone. */
  end(): void {
    this.closure = this.page = undefined;
    this.release((visit) => visit.turnAway(CLOSING));
  }

  /** Nobody waits any more, now or later: nothing will be lifted. */
  close(): void {
    this.closed = true;
    this.release((visit) => visit.turnAway(CLOSING));
  }

  receive(visit: Visit): void {
    const { closure, page } = this;
    if (page !== undefined) visit.turnAway(page);
    else if (closure?.type !== 'paused') visit.proceed();
    else if (this.closed) visit.turnAway(CLOSING);
    else if (this.waiting.size >= closure.most) visit.turnAway(TOO_MANY);
    else this.admit(visit, closure.wait);
  }

  private admit(visit: Visit, wait: Ms): void {
    const stopWatching = visit.wait(() => this.take(visit));
    const timer = setTimeout(() => {
      if (this.take(visit)) visit.turnAway(TOO_LONG);
    }, Math.min(wait, LONGEST_TIMER));
    this.waiting.set(visit, () => {
      clearTimeout(timer);
      stopWatching();
    });
  }

  /** False when it does not wait any more. */
  private take(visit: Visit): boolean {
    const end = this.waiting.get(visit);
    if (end === undefined) return false;
    this.waiting.delete(visit);
    end();
    return true;
  }

  private release(then: (visit: Visit) => void): void {
    for (const visit of [...this.waiting.keys()]) {
      // Each in a task of its own: one that throws must not take the others along, nor the change of the route.
      if (this.take(visit)) queueMicrotask(() => then(visit));
    }
  }
}

function pageOf({ page, contentType, retryAfter }: Extract<Closure, { type: 'maintenance' }>): Page {
  return { status: 503, body: Buffer.from(page), contentType, cacheControl: 'no-store', ...(retryAfter === undefined ? {} : { retryAfter }) };
}
