/** What walkers that are gone had asked for and what is still at work: the next holder of the lock does not begin before it has ended. */
import { setTimeout as sleep } from 'node:timers/promises';
import { DeployError } from '../../errors.js';
import type { Ms } from '../../model/index.js';
import type { Lock } from '../../releases/index.js';

/** On top of what such work may take by its nature. */
const PATIENCE: Ms = 60_000;

export interface LeftoverOptions {
  readonly service: string;
  /** How long draining and stopping may take. */
  readonly longest: () => Promise<Ms>;
  /** Default a minute. */
  readonly patience: Ms | undefined;
}

export class Leftover {
  private work: Promise<unknown> = Promise.resolve();
  /** Runs whose work is still going on. */
  private open = 0;

  constructor(private readonly options: LeftoverOptions) {}

  leave(work: readonly Promise<unknown>[]): void {
    this.open += 1;
    this.work = Promise.allSettled([this.work, ...work]).then(() => { this.open -= 1; });
  }

  /** The lock, which is given when all of it has ended; ND-LOCKED when it does not end. */
  settling(lock: Lock): Lock {
    return {
      ...lock,
      acquire: async (holder) => {
        const lease = await lock.acquire(holder);
        const limit = this.open === 0 ? 0 : await this.limit();
        if (this.open === 0 || await endsWithin(this.work, limit)) return lease;
        await lease.release();
        throw stillAtWork(this.options.service, limit);
      },
    };
  }

  private async limit(): Promise<Ms> {
    return (this.options.patience ?? PATIENCE) + await this.options.longest();
  }
}

async function endsWithin(work: Promise<unknown>, limit: Ms): Promise<boolean> {
  const over = new AbortController();
  const late = sleep(limit, false, { signal: over.signal }).catch(() => false);
  return Promise.race([work.then(() => true), late]).finally(() => { over.abort(); });
}

function stillAtWork(service: string, limit: Ms): DeployError {
  return new DeployError('ND-LOCKED', {
    what: `what an earlier run of ${service} had begun does not end`,
    why: `its process is gone, and a step that it had asked for is still at work after ${Math.ceil(limit / 1000)} s: a disk that does not answer, or a process that cannot be ended`,
    next: 'run the command again later; `npx nx-deploy agent restart` gives the step up, and the next command settles what it had begun',
  });
}
