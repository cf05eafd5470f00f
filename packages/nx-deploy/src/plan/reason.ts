/** Why a plan is what it is, in one sentence. */
import { reached, type Desired, type Observed } from '../model/index.js';
import { isWarm, releasesIn } from '../strategies/index.js';

/** Why the same release is touched again. */
export function adjustment({ from, to, drift }: { readonly from: Observed; readonly to: Desired; readonly drift: readonly string[] }): string {
  const counts = Object.values(from).flatMap((release) => Object.values(release.processes));
  const running = counts.reduce((total, count) => total + count.running, 0);
  const ready = counts.reduce((total, count) => total + count.ready, 0);
  const healthy = Object.fromEntries(Object.entries(from).map(([id, release]) => [id, {
    ...release,
    processes: Object.fromEntries(Object.entries(release.processes).map(([name, count]) => [name, { ...count, ready: count.running }])),
  }]));
  const reasons = [
    ...(reached(to, healthy) ? [] : ['the numbers differ']),
    ...(ready === running ? [] : [`${running - ready} of ${running} instances ${running - ready === 1 ? 'is' : 'are'} not ready`]),
    ...(drift.length === 0 ? [] : [`settings differ: ${drift.join(', ')}`]),
  ];
  return `same release, ${reasons.join('; ')}`;
}

/** Only called where the releases of both differ. `urgent`: gates are left out. */
export function replacement(from: Desired, to: Desired, urgent: boolean): string {
  const [before, after] = [releasesIn(from), releasesIn(to)];
  const leaving = before.filter((id) => !after.includes(id));
  const arriving = after.filter((id) => !before.includes(id));
  const warm = after.filter((id) => isWarm(from[id]));
  if (after.length === 0) return `nothing is wanted, ${names(leaving)} stops`;
  if (warm.length > 0) return `release ${names(warm)}, which was kept warm, replaces ${names(leaving)}`;
  if (arriving.length === 0) return `finish a change that was interrupted, ${names(leaving)} leaves`;
  return `${urgent ? 'release' : 'new release'} ${names(arriving)} ${leaving.length === 0 ? 'joins' : 'replaces'} ${names(leaving.length === 0 ? before : leaving)}${urgent ? ', at once' : ''}`;
}

export function names(list: readonly string[]): string {
  return list.length < 2 ? list.join('') : `${list.slice(0, -1).join(', ')} and ${list.slice(-1).join('')}`;
}
