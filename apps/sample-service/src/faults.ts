import { setTimeout as delay } from 'node:timers/promises';

/** What goes wrong on purpose, so that people can see how a deploy meets a bad release. */
export interface Faults {
  /** Of a hundred answers so many are 500, evenly spread. */
  readonly errors: number;
  /** ms that each answer is held back. */
  readonly latency: number;
  /** ms after which the process ends with exit code 70; 0: never. */
  readonly crashAfter: number;
}

/** They stay well, as they do with most mistakes that only traffic shows. */
const SPARED: ReadonlySet<string> = new Set(['/health', '/ready', '/live']);

export class FaultSwitch {
  #owed = 0;

  constructor(private readonly faults: Faults) {}

  /** Resolves, after the latency, with whether the request for this path is to fail. */
  async hits(path: string): Promise<boolean> {
    if (SPARED.has(path)) return false;
    // A body is not read meanwhile, so nothing of it is lost.
    if (this.faults.latency > 0) await delay(this.faults.latency);
    this.#owed += this.faults.errors;
    if (this.#owed < 100) return false;
    this.#owed -= 100;
    return true;
  }
}
