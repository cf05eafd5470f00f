/** Which release a change leads to, and with how many instances. */
import { DeployError } from '../errors.js';
import { least, liveRelease, releaseId, RELEASE_ID_PATTERN, WEB, type Desired, type Observed, type Processes, type Release, type ReleaseId } from '../model/index.js';
import type { Platform } from '../platforms/platform.js';
import { history, lastSucceeded, previousRelease, type LedgerEntry } from '../releases/index.js';
import type { Change } from './request.js';

export interface Goal {
  readonly release: Release;
  readonly processes: Processes;
}

export async function goalOf(platform: Platform, request: { readonly service: string; readonly change: Change }, observed: Observed): Promise<Goal> {
  const { change, service } = request;
  if (change.action === 'rollback') return rollbackGoal(platform, change, observed);
  const { config, ...rest } = change.deployable;
  const inputs = { ...rest, config: await platform.state.config.ref(config) };
  return { release: { id: releaseId(inputs), service, ...inputs }, processes: change.processes };
}

/** The whole fleet: one release with all of the traffic. */
export function desiredFleet(goal: Goal): Desired {
  return { [goal.release.id]: { processes: goal.processes, weight: 100 } };
}

async function rollbackGoal(platform: Platform, change: Extract<Change, { action: 'rollback' }>, observed: Observed): Promise<Goal> {
  const { ledger, releases } = platform.state;
  const entries = await ledger.entries();
  const refusal = async (what: string): Promise<DeployError> => unknown(what, await available(platform, entries));
  const id = change.to ?? previousRelease(history(entries));
  if (id === undefined) throw await refusal('there is no earlier release to go back to');
  const succeeded = RELEASE_ID_PATTERN.test(id) && lastSucceeded(entries, Number.MAX_SAFE_INTEGER).includes(id);
  if (!succeeded || !await platform.exists(id)) throw await refusal(`release ${JSON.stringify(id)} cannot be rolled back to`);
  const release = await releases.get(id);
  if (release === undefined) throw await refusal(`the record of release ${id} is gone`);
  return { release, processes: rollbackProcesses(release, observed, entries) };
}

/** Releases that once succeeded and whose artifact is still there, newest first. */
export async function available(platform: Platform, entries: readonly LedgerEntry[]): Promise<readonly ReleaseId[]> {
  const ids = lastSucceeded(entries, Number.MAX_SAFE_INTEGER);
  const there = await Promise.all(ids.map((id) => platform.exists(id)));
  return ids.filter((_, index) => there[index]);
}

function unknown(what: string, known: readonly ReleaseId[]): DeployError {
  return new DeployError('ND-RELEASE-UNKNOWN', {
    what,
    why: known.length === 0 ? 'no release that once succeeded is stored here' : `known releases, newest first: ${known.join(', ')}`,
    next: known.length === 0 ? 'deploy first' : 'name one of them with --to',
  });
}

/** As many instances as run now; as many as were last wanted when nothing runs. */
function rollbackProcesses(release: Release, observed: Observed, entries: readonly LedgerEntry[]): Processes {
  const live = liveRelease(observed);
  const running = Object.entries(live === undefined ? {} : observed[live]?.processes ?? {});
  const last = entries.findLast((entry) => entry.kind === 'start');
  const wanted: Processes = running.some(([, counts]) => counts.running > 0)
    ? Object.fromEntries(running.map(([name, counts]) => [name, { fixed: counts.running }]))
    : last?.kind === 'start' ? last.processes : {};
  return Object.fromEntries(Object.keys(release.spec.processes).map((name) => {
    const scale = wanted[name] ?? { fixed: 1 };
    return [name, name === WEB && least(scale) === 0 ? { fixed: 1 } : scale];
  }));
}
