import { HealthError } from '../errors.js';
import { unknown } from '../suggest.js';
import type { Check } from './check.js';

export interface Choice {
  /** Names of checks. */
  readonly only?: readonly string[];
  /** Those that have one of these. */
  readonly tags?: readonly string[];
}

/** Those that are named, and those with one of the tags; all when neither is given. @throws HealthError for names that there are not, or when nothing is left */
export function choose(checks: readonly Check[], { only = [], tags = [] }: Choice): readonly Check[] {
  const known = { check: checks.map(({ name }) => name), tag: [...new Set(checks.flatMap((check) => check.tags))] };
  const problems = [
    ...only.filter((name) => !known.check.includes(name)).map((name) => `only: ${JSON.stringify(name)} is an ${unknown('check', name, known.check)}`),
    ...tags.filter((tag) => !known.tag.includes(tag)).map((tag) => `tags: ${JSON.stringify(tag)} is an ${unknown('tag', tag, known.tag)}`),
  ];
  if (problems.length > 0) throw new HealthError({ what: 'what was chosen is not among the checks', problems });
  const chosen = only.length === 0 && tags.length === 0 ? checks : checks.filter(({ name, tags: own }) => only.includes(name) || own.some((tag) => tags.includes(tag)));
  if (chosen.length === 0) throw new HealthError({ what: 'there are no checks', next: 'add one to "checks" of the file' });
  return chosen;
}
