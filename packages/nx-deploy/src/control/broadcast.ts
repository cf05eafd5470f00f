/** What a run says, for more than one listener, also for those who come in the middle of it. */
import type { RunMessage, RunResult } from './protocol.js';

export type Told = RunMessage<RunResult>;

/** Enough for the steps of a long deploy; a run that says more is known from where this begins. */
const KEPT = 500;

export class Broadcast {
  private readonly kept: Told[] = [];
  private readonly listeners = new Set<(message: Told) => void>();
  private over = false;

  /** Nothing is told behind the result: a run that was given up may come to an end long after. */
  tell(message: Told): void {
    if (this.over) return;
    if (message.type === 'result') this.over = true;
    // Of the figures only the newest say anything.
    const stale = isTraffic(message) ? this.kept.findIndex(isTraffic) : -1;
    if (stale !== -1) this.kept.splice(stale, 1);
    this.kept.push(message);
    if (this.kept.length > KEPT) this.kept.shift();
    for (const listener of this.listeners) listener(message);
  }

  /** The result has been told. */
  get ended(): boolean {
    return this.over;
  }

  /** Calls back with what was said last and with all that follows, until the returned function is called. */
  follow(listener: (message: Told) => void): () => void {
    for (const message of this.kept) listener(message);
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

function isTraffic(message: Told): boolean {
  return message.type === 'event' && message.event.type === 'traffic';
}

/** Of the runs under way, by name. */
export class Broadcasts {
  private readonly current = new Map<string, Broadcast>();

  begin(run: string): Broadcast {
    const broadcast = new Broadcast();
    this.current.set(run, broadcast);
    return broadcast;
  }

  get(run: string): Broadcast | undefined {
    return this.current.get(run);
  }

  end(run: string): void {
    this.current.delete(run);
  }
}
