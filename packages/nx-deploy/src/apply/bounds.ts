import { DeployError } from '../errors.js';
import { formatDuration, type Ms } from '../model/index.js';

export interface BoundsOptions {
  /** What is bounded, for the message: `the deploy`. */
  readonly task: string;
  readonly whole: Ms;
  /** How long a change under way may take to finish once the time is up. */
  readonly grace: Ms;
  /** Monotonic, ms. */
  readonly clock: () => Ms;
  /** Aborted: the task is cancelled. */
  readonly signal?: AbortSignal;
}

/** Keeps a task within its deadline and lets it be cancelled, also while a call hangs that never returns. */
export interface Bounds {
  /** Throws ND-DEADLINE or ND-CANCELLED once the time is up. */
  check(): void;
  /** ms until the deadline, at least 0. */
  remaining(): Ms;
  /** Waits for an answer; given up at once when the time is up. */
  ask<T>(call: () => Promise<T>): Promise<T>;
  /** Waits for a change; when the time is up it gets `grace` ms to finish first, so that it does not meet what undoes it. */
  change(call: () => Promise<void>): Promise<void>;
  /** Waits `ms`, or throws earlier. */
  pause(ms: Ms): Promise<void>;
  /** Takes timers and listeners away. */
  close(): void;
}

/** setTimeout takes 31 bits. */
const LONGEST_TIMER: Ms = 2 ** 31 - 1;

export function bounds({ task, whole, grace, clock, signal }: BoundsOptions): Bounds {
  const start = clock();
  const stop = new AbortController();
  const late = () => new DeployError('ND-DEADLINE', {
    what: `${task} was not finished within ${formatDuration(whole)}`,
    next: 'look at what it waited for last; raise the deadline if the service needs longer',
  });
  const cancel = () => stop.abort(new DeployError('ND-CANCELLED', { what: `${task} was cancelled`, next: 'deploy again when ready' }));
  const timer = setTimeout(() => stop.abort(late()), Math.min(whole, LONGEST_TIMER));
  if (signal?.aborted === true) cancel();
  signal?.addEventListener('abort', cancel, { once: true });

  const remaining = () => Math.max(0, whole - (clock() - start));
  const check = () => {
    stop.signal.throwIfAborted();
    if (remaining() === 0) throw late();
  };
  return {
    check,
    remaining,
    async ask(call) {
      check();
      const answer = await untilAborted(call(), stop.signal);
      check();
      return answer;
    },
    async change(call) {
      check();
      const under = call();
      try {
        await untilAborted(under, stop.signal);
      } catch (thrown) {
        if (stop.signal.aborted) await settled(under, grace);
        throw thrown;
      }
      check();
    },
    pause: (ms) => new Promise((resolve, reject) => {
      const wake = setTimeout(() => finish(resolve), Math.min(ms, LONGEST_TIMER));
      const abort = () => finish(() => reject(stop.signal.reason));
      const finish = (end: () => void) => {
        clearTimeout(wake);
        stop.signal.removeEventListener('abort', abort);
        end();
      };
      if (stop.signal.aborted) abort();
      else stop.signal.addEventListener('abort', abort, { once: true });
    }),
    close() {
      clearTimeout(timer);
      signal?.removeEventListener('abort', cancel);
    },
  };
}

function untilAborted<T>(call: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    const quiet = () => signal.removeEventListener('abort', abort);
    call.then((value) => { quiet(); resolve(value); }, (thrown: unknown) => { quiet(); reject(thrown); });
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}

/** Resolves when the call has ended, well or not, or after `ms`. */
function settled(call: Promise<void>, ms: Ms): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, Math.min(ms, LONGEST_TIMER));
    const end = () => { clearTimeout(timer); resolve(); };
    call.then(end, end);
  });
}
