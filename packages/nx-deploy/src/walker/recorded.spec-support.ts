/** A state store each write of whose journal, hook and ledger is seen before it happens. For tests only: the product has no switch for it. */
import { appendFileSync } from 'node:fs';
import type { StateStore } from '../releases/index.js';

/** Gets each write with what it is; does it, or not. */
export type Step = <T>(label: string, write: () => Promise<T>) => Promise<T>;

export function recorded(state: StateStore, step: Step): StateStore {
  const { journal, hook, ledger } = state;
  return {
    ...state,
    journal: {
      ...journal,
      write: (record) => step(`journal ${record.effect.kind} ${record.effect.key}`, () => journal.write(record)),
      clear: () => step('journal cleared', () => journal.clear()),
    },
    hook: { ...hook, write: (record) => step(`hook ${record.hook} ${record.ended === undefined ? record.process === undefined ? 'announced' : 'started' : 'ended'}`, () => hook.write(record)) },
    ledger: { ...ledger, append: (body) => step(`ledger ${body.kind}`, () => ledger.append(body)) },
  };
}

/** By SIGKILL. Never returns. */
export async function die(): Promise<never> {
  process.kill(process.pid, 'SIGKILL');
  return new Promise<never>(() => undefined);
}

export interface Kill {
  /** Counts writes of the journal and the ledger from 1. */
  readonly at: number;
  /** before: the write itself does not happen. after: what it announces does not happen. during: that much later, ms. */
  readonly when: 'before' | 'after' | number;
  /** Takes a line for each write. */
  readonly steps: string;
}

/** A state store whose process ends itself at that write. */
export function killing(state: StateStore, { at, when, steps }: Kill): StateStore {
  let count = 0;
  return recorded(state, async (label, write) => {
    count += 1;
    const now = count === at;
    appendFileSync(steps, `${count} ${label}\n`);
    if (now && when === 'before') await die();
    const written = await write();
    if (now && when === 'after') await die();
    if (now && typeof when === 'number') setTimeout(() => void die(), when);
    return written;
  });
}
