import type { Ms } from '../../model/index.js';
import type { Output } from '../output.js';

export interface Steps {
  /** Shows that a part of the work is under way and how long it took. */
  readonly step: <T>(name: string, work: () => Promise<T>) => Promise<T>;
  /** How long each took, in ms; also those that failed. */
  readonly took: Readonly<Record<string, Ms>>;
}

export function steps(output: Pick<Output, 'phase'>): Steps {
  const took: Record<string, Ms> = {};
  return {
    took,
    step: async (name, work) => {
      const began = performance.now();
      output.phase(name, 'start');
      const ended = (): Ms => (took[name] = Math.round(performance.now() - began));
      try {
        const result = await work();
        output.phase(name, 'done', ended());
        return result;
      } catch (thrown) {
        output.phase(name, 'failed', ended());
        throw thrown;
      }
    },
  };
}
