import { formatProblem, type EnvProblem } from './problem.js';

/** Something that was not done, and why: nothing was changed. Neither the message nor a problem holds a value. */
export class EnvRefusal extends Error {
  readonly problems: readonly EnvProblem[];
  /** What to do about it, where that is known. */
  readonly next: string | undefined;

  constructor(what: string, { problems = [], next }: { readonly problems?: readonly EnvProblem[]; readonly next?: string } = {}) {
    super([what, ...problems.map((problem) => `  - ${formatProblem(problem)}`), ...(next === undefined ? [] : [`  next: ${next}`])].join('\n'));
    this.name = 'EnvRefusal';
    this.problems = problems;
    this.next = next;
  }
}
