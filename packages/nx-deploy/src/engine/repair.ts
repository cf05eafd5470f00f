/** Finds what is not as it should be, and puts it right. What carries traffic goes on carrying it. */
import { apply } from '../apply/index.js';
import { shortfalls } from '../apply/difference.js';
import { DeployError } from '../errors.js';
import { asDesired, reached, WEB, type Desired, type Observed, type ReleaseId } from '../model/index.js';
import type { Platform } from '../platforms/platform.js';
import { lastSuccess, STATE_SCHEMA } from '../releases/index.js';
import { pausedError, waiting } from './decide.js';
import { closeOpenRuns } from './open-runs.js';
import { endOrphanedHook } from './orphaned-hook.js';
import { mostTraffic, recover } from './recover.js';
import type { HeldTask, TaskPart } from './task.js';

const DEADLINE = 10 * 60_000;

export async function repair(task: HeldTask): Promise<TaskPart> {
  const { platform, say, begin } = task;
  let found = 0;
  const put = (note: string): void => {
    begin();
    found += 1;
    say(note);
  };
  for (const line of await platform.mend()) put(line);
  await endOrphanedHook({ state: platform.state, told: true, say: put });
  const asked = await waiting(platform);
  let lost: DeployError | undefined;
  if (asked === undefined) {
    if (await finishInterrupted(task)) found += 1;
    lost = await lostRelease(task);
    if (lost === undefined) for (const line of await mendFleet(task)) put(line);
    // No journal is left by now: what a run without an end came to is seen by what runs.
    for (const line of await closeOpenRuns({ platform, actor: task.request.actor, lease: task.lease })) put(line);
  } else say(`left as it is: ${pausedError(asked).message}; approve or reject it`);
  await lookAtLedger(task);
  if (lost !== undefined) {
    begin();
    throw lost;
  }
  const url = await platform.url();
  return { outcome: found === 0 ? 'unchanged' : 'done', ...(url === undefined ? {} : { url }) };
}

/** As the next deploy would. */
async function finishInterrupted({ platform, request, emit, say, begin, lease }: HeldTask): Promise<boolean> {
  if (await platform.state.journal.read() === undefined) return false;
  begin();
  const recovery = await recover({
    platform, actor: request.actor, ...(lease === undefined ? {} : { lease }),
    emit: (event) => { if (event.type === 'note') say(event.text); else emit(event); },
  });
  if (recovery?.error !== undefined) throw recovery.error;
  return true;
}

/** Brings what should run to run and to have the traffic. */
async function mendFleet(task: HeldTask): Promise<readonly string[]> {
  const { platform, say } = task;
  const observed = await platform.list();
  const wanted = await wantedFleet(task, observed);
  if (wanted === undefined || reached(wanted, observed)) return [];
  const lines = faults(wanted, observed);
  for (const line of lines) say(`found: ${line}`);
  await walkTo(task, observed, wanted);
  return [`${Object.keys(wanted).join(', ')} runs as it should and has all of the traffic`];
}

/**
 * The release of the last success, if it can serve; else the healthy one with the most traffic; else that of the last success again, to be started. A
 * release that is kept warm stays.
 */
async function wantedFleet({ platform }: HeldTask, observed: Observed): Promise<Desired | undefined> {
  const last = lastSuccess(await platform.state.ledger.entries());
  const id = await wantedRelease(platform, observed);
  if (id === undefined) return undefined;
  const fleet = asDesired(observed);
  const processes = id === last?.release ? last.processes : fleet[id]?.processes ?? {};
  const warm = Object.entries(fleet).filter(([other, { until }]) => other !== id && until !== undefined).map(([other, release]) => [other, { ...release, weight: 0 }] as const);
  return { ...Object.fromEntries(warm), [id]: { processes, weight: 100 } };
}

async function wantedRelease(platform: Platform, observed: Observed): Promise<ReleaseId | undefined> {
  const last = lastSuccess(await platform.state.ledger.entries());
  return last !== undefined && isAble(observed, last.release) ? last.release : mostTraffic(observed) ?? last?.release;
}

function isAble(observed: Observed, id: ReleaseId): boolean {
  return (observed[id]?.processes[WEB]?.ready ?? 0) > 0;
}

/** Why what should run cannot be brought back; everything else is put right all the same. */
async function lostRelease({ platform }: HeldTask): Promise<DeployError | undefined> {
  const observed = await platform.list();
  const id = await wantedRelease(platform, observed);
  if (id === undefined || isAble(observed, id) || await platform.state.releases.get(id) !== undefined) return undefined;
  return new DeployError('ND-RELEASE-UNKNOWN', { what: `release ${id} should run and cannot be started`, why: 'its record is gone', next: 'deploy again' });
}

function faults(wanted: Desired, observed: Observed): readonly string[] {
  const ids = [...new Set([...Object.keys(wanted), ...Object.keys(observed)])];
  const weights = ids.flatMap((id) => {
    const [have, want] = [observed[id]?.weight ?? 0, wanted[id]?.weight ?? 0];
    const none = Object.values(observed[id]?.processes ?? {}).every(({ running }) => running === 0);
    if (have > 0 && none) return [`the route names ${id}, which has no instances`];
    return have === want ? [] : [`${id} has ${have} percent of the traffic, ${want} wanted`];
  });
  const unready = Object.entries(observed).flatMap(([id, { processes }]) => Object.entries(processes)
    .filter(([, { running, ready }]) => ready < running)
    .map(([name, { running, ready }]) => `${id} ${name}: ${running - ready} of ${running} instances not ready`));
  return [...shortfalls(wanted, observed, new Set()), ...weights, ...unready];
}

/** Journalled as committed: what is wanted was reached before, so that a repair that is killed goes forward. */
async function walkTo({ platform, request, emit, begin, lease }: HeldTask, observed: Observed, wanted: Desired): Promise<void> {
  begin();
  const { journal, releases: records } = platform.state;
  const found = await Promise.all(Object.keys(wanted).map((id) => records.get(id)));
  const releases = new Map(found.flatMap((release) => (release === undefined ? [] : [[release.id, release]])));
  const startedAt = new Date().toISOString();
  const from = asDesired(observed);
  let epoch = 0;
  const result = await apply({
    platform, releases, emit, plan: { from, to: wanted, steps: [{ reach: wanted }] },
    journal: async (effect) => {
      await lease?.assert();
      epoch += 1;
      await journal.write({
        schema: STATE_SCHEMA, run: request.run, action: 'repair', actor: request.actor, startedAt, epoch, effect, from, to: wanted,
        releases: Object.fromEntries(releases), committed: true,
      });
    },
    signal: new AbortController().signal,
    deadlines: { readyTimeout: (release) => release.spec.health.timeout, whole: DEADLINE },
  });
  await lease?.assert();
  await journal.clear();
  if ('error' in result) throw result.error;
}

/** A broken chain is evidence: it is told, and left as it is. */
async function lookAtLedger({ platform, say }: HeldTask): Promise<void> {
  const { ok, broken } = await platform.state.ledger.verify();
  if (!ok) say(`the ledger is not what was written (${broken ?? 'its chain is broken'}); it is left as it is, compare it with a head that an earlier log printed`);
}
