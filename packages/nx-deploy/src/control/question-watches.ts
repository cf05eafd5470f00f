/** The agent's watch over releases that have traffic while their change waits for a person. The question is on record, so the next agent begins again. */
import { watchPause } from '../engine/watch-pause.js';
import { localPlatform } from '../platforms/local/platform.js';
import type { LocalService } from '../platforms/local/service.js';
import { agentActor } from './recovery.js';

interface Watching {
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

export class QuestionWatches {
  private readonly current = new Map<LocalService, Watching>();
  private leaving = false;

  constructor(private readonly log: (message: string, facts?: object) => void) {}

  /** Begins where something waits that has traffic and is not watched; to be called again from time to time. */
  see(service: LocalService): void {
    if (this.leaving || service.forsaken || this.current.has(service)) return;
    const stop = new AbortController();
    const ended = this.watch(service, stop.signal).finally(() => this.current.delete(service));
    this.current.set(service, { stop, ended });
  }

  /** Resolves when every watch is over; one that takes a change back just now finishes first. */
  async stop(): Promise<void> {
    this.leaving = true;
    const all = [...this.current.values()];
    for (const { stop } of all) stop.abort();
    await Promise.all(all.map(({ ended }) => ended));
  }

  private async watch(service: LocalService, signal: AbortSignal): Promise<void> {
    const facts = { service: service.routeKey };
    try {
      const platform = localPlatform(service, service.record.listen ?? { address: '127.0.0.1' });
      const taken = await watchPause({ platform, actor: agentActor(), emit: (event) => this.log('watch of a question', { ...facts, event }), signal });
      if (taken) this.log('a change that waited was taken back', facts);
    } catch (error) {
      this.log(`the watch of a question of ${service.routeKey} failed`, { ...facts, error: error instanceof Error ? error.message : String(error) });
    }
  }
}
