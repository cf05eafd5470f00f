/** The watch of the agent over what was deployed last: one for each service. It ends with the agent. */
import type { Ms, ReleaseId } from '../model/index.js';
import { watch, watchTime, type WatchContext } from '../engine/watch.js';
import type { ChangeResult } from '../engine/request.js';
import type { LocalService } from '../platforms/local/service.js';

export interface WatchStatus {
  readonly release: ReleaseId;
  /** ISO time. */
  readonly until: string;
}

interface Watching extends WatchStatus {
  readonly stop: AbortController;
  readonly ended: Promise<ChangeResult>;
}

export class Watches {
  private readonly current = new Map<LocalService, Watching>();

  of(service: LocalService): WatchStatus | undefined {
    const watching = this.current.get(service);
    return watching === undefined ? undefined : { release: watching.release, until: watching.until };
  }

  /**
   * Begins the watch over what was just deployed, in place of an earlier one. Resolves with what the deploy came to: at once where nobody waits for
   * the watch, else when it is over, or when `context.signal` says that nobody waits any more; then it goes on.
   */
  async after(service: LocalService, context: Omit<WatchContext, 'signal'> & { readonly signal: AbortSignal }): Promise<ChangeResult> {
    const { request, result, signal } = context;
    const time: Ms = watchTime(request, result);
    if (time === 0 || result.release === undefined) return result;
    this.current.get(service)?.stop.abort();
    const stop = new AbortController();
    const ended = watch({ ...context, signal: stop.signal });
    const watching: Watching = { release: result.release, until: new Date(Date.now() + time).toISOString(), stop, ended };
    this.current.set(service, watching);
    void ended.then(() => {
      if (this.current.get(service) === watching) this.current.delete(service);
    });
    if (request.watch?.attached !== true) return result;
    return Promise.race([ended, left(signal).then(() => result)]);
  }

  /** Resolves when every watch is over; one that takes a release back just now finishes first. */
  async stop(): Promise<void> {
    const all = [...this.current.values()];
    for (const { stop } of all) stop.abort();
    await Promise.all(all.map(({ ended }) => ended));
  }
}

function left(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
