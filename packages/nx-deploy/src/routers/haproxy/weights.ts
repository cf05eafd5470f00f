/** From percent per release to HAProxy's weight per server, a whole number of 0 to 256 (its manual, section 5.2, `weight`). */
import type { ReleaseId } from '../../model/index.js';
import type { Target } from '../router.js';

const MOST = 256;

/**
 * Weight by target id. Each release gets its share whatever the number of its targets, to within half a point; a release with a share
 * above 0 gets at least 1. A release without targets leaves its share to the others.
 */
export function serverWeights(weights: Readonly<Record<ReleaseId, number>>, targets: readonly Target[]): ReadonlyMap<string, number> {
  const groups = group(targets);
  const open = [...groups].flatMap(([release, mine]) => ((weights[release] ?? 0) > 0 ? [{ weight: weights[release] ?? 0, mine }] : []));
  const heaviest = Math.max(0, ...open.map(({ weight, mine }) => weight / mine.length));
  const result = new Map(targets.map(({ id }) => [id, 0]));
  for (const { weight, mine } of open) {
    const units = Math.max(1, Math.round((weight / heaviest) * MOST));
    // Spread evenly: the first ones get what is left over.
    mine.forEach(({ id }, index) => result.set(id, Math.floor(units / mine.length) + (index < units % mine.length ? 1 : 0)));
  }
  return result;
}

function group(targets: readonly Target[]): ReadonlyMap<ReleaseId, readonly Target[]> {
  const groups = new Map<ReleaseId, Target[]>();
  for (const target of targets) groups.set(target.release, [...groups.get(target.release) ?? [], target]);
  return groups;
}
