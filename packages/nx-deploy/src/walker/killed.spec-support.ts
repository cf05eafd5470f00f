/** A walker's program that ends itself by SIGKILL at a given write of its record. A program of its own: bundled by the tests, never shipped. */
import { appendFileSync } from 'node:fs';
import { localTask, type LocalOrder } from '../control/local-task.js';
import type { Platform } from '../platforms/platform.js';
import { walkerProgram } from './program.js';
import { die, recorded, type Step } from './recorded.spec-support.js';

export interface Kill {
  /** Counts writes of the journal and the ledger from 1. */
  readonly at: number;
  /** before: the write itself does not happen. after: what it announces does not happen. during: that much later, ms. */
  readonly when: 'before' | 'after' | number;
  /** Takes a line for each write. */
  readonly steps: string;
}

export type KilledOrder = LocalOrder & { readonly kill: Kill };

function killing(platform: Platform, { at, when, steps }: Kill): Platform {
  let count = 0;
  const step: Step = async (label, write) => {
    count += 1;
    const now = count === at;
    appendFileSync(steps, `${count} ${label}\n`);
    if (now && when === 'before') await die();
    const written = await write();
    if (now && when === 'after') await die();
    if (now && typeof when === 'number') setTimeout(() => void die(), when);
    return written;
  };
  return { ...platform, state: recorded(platform.state, step) };
}

walkerProgram((value) => {
  const { kill, ...order } = value as KilledOrder;
  const task = localTask(order);
  return {
    request: task.request,
    async open(cancel) {
      const opened = await task.open(cancel);
      return { ...opened, platform: killing(opened.platform, kill) };
    },
  };
});
