/** Checks that are made of others: those must be there, be enough, and must not lead back. */
import type { Check } from '../checks/check.js';
import { unknown } from '../suggest.js';
import type { Document } from './document.js';
import { problem } from './problems.js';

/** `names`: of all checks of the file, also of those that are not valid. */
export function compositeProblems(checks: readonly Check[], names: readonly string[], document: Document): readonly string[] {
  const byName = new Map(checks.map((check) => [check.name, check]));
  return checks.flatMap(({ name, uses }) => {
    const need = document.at(['checks', name, 'need']);
    const noTimeout = uses.length > 0 && document.at(['checks', name, 'timeout']) !== undefined;
    return [
      ...(noTimeout ? [problem(['checks', name, 'timeout'], 'goes with the checks that it is made of, each of which has its own', document, 'key')] : []),
      ...uses.flatMap((other, index) => (names.includes(other) ? [] : [problem(['checks', name, 'of', index], unknown('check', other, names.filter((each) => each !== name)), document)])),
      ...(typeof need === 'number' && need > uses.length ? [problem(['checks', name, 'need'], `must be at most ${uses.length}, as many as there are, got ${need}`, document)] : []),
      ...(leadsTo(name, name, byName, new Set()) ? [problem(['checks', name, 'of'], 'leads back to the check itself', document)] : []),
    ];
  });
}

function leadsTo(from: string, to: string, byName: ReadonlyMap<string, Check>, seen: Set<string>): boolean {
  if (seen.has(from)) return false;
  seen.add(from);
  return (byName.get(from)?.uses ?? []).some((next) => next === to || leadsTo(next, to, byName, seen));
}
