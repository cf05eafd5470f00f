import type { ReleaseId } from '../../model/index.js';
import type { RunningServer } from './answers.js';
import { releaseOf } from './names.js';

/** What HAProxy says that it does now, whatever its file says. */
export interface RunningRoute {
  /** Percent per release that has a server, by the servers' weights; those in maintenance have none. */
  readonly weights: Readonly<Record<ReleaseId, number>>;
  readonly servers: readonly RunningServer[];
}

export function runningOf(servers: readonly RunningServer[]): RunningRoute {
  const heavy = servers.filter(({ maintenance }) => !maintenance);
  const total = heavy.reduce((sum, { weight }) => sum + weight, 0);
  const weights: Record<ReleaseId, number> = {};
  for (const { name, weight } of heavy) weights[releaseOf(name)] = (weights[releaseOf(name)] ?? 0) + (total === 0 ? 0 : (100 * weight) / total);
  return { weights, servers };
}
