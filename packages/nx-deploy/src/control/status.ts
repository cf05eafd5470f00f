/** What `status` shows, gathered from the instances, the router and the ledger. */
import type { Instance } from '../agent/instance.js';
import { unansweredIn } from '../engine/open-runs.js';
import { questionId } from '../engine/question.js';
import { goalOf } from '../engine/recover.js';
import { available } from '../engine/target.js';
import { liveRelease, type Ms, type ReleaseId } from '../model/index.js';
import { localPlatform, urlOf } from '../platforms/local/platform.js';
import type { LocalService } from '../platforms/local/service.js';
import type { Actor, JournalRecord, LedgerEntry, LockHolder, ServiceKey } from '../releases/index.js';
import type { InstanceStatus, Platform } from '../platforms/platform.js';
import type { DecisionStatus, ReleaseStatus, ServiceStatus } from './protocol.js';

const WINDOW: Ms = 5 * 60_000;
const RELEASES_SHOWN = 10;

/** What a status is gathered from, on any platform. */
export interface StatusSource {
  readonly platform: Platform;
  instances(): Promise<readonly InstanceStatus[]>;
  /** What there is to tell beside. */
  notes(): Promise<readonly string[]>;
}

export async function serviceStatus(service: LocalService): Promise<ServiceStatus> {
  const { record, supervisor } = service;
  const platform = localPlatform(service, record.listen ?? { address: '127.0.0.1' });
  return platformStatus({ platform, instances: () => Promise.resolve(supervisor.all().map(instanceStatus)), notes: () => Promise.resolve([]) }, record.key);
}

export async function platformStatus({ platform, ...source }: StatusSource, key: ServiceKey): Promise<ServiceStatus> {
  const { state } = platform;
  const [fleet, entries, journal, lock, ledger, url, instances, notes] = await Promise.all([
    platform.list(), state.ledger.entries(), state.journal.read(), state.lock.holder(), state.ledger.verify(), platform.url(), source.instances(), source.notes(),
  ]);
  const live = liveRelease(fleet);
  const there = new Set(await available(platform, entries));
  return {
    service: key.service,
    environment: key.environment,
    platform: platform.name,
    deployed: Object.keys(fleet).length > 0,
    ...(url === undefined ? {} : { url }),
    ...(live === undefined ? {} : { live }),
    fleet,
    instances,
    ...(notes.length === 0 ? {} : { notes }),
    traffic: await traffic(platform, Object.keys(fleet)),
    releases: releaseStatuses(entries, there, journal).slice(0, RELEASES_SHOWN),
    ...destroyedFacts(entries, lock),
    ...(journal === undefined ? lostFacts(entries, lock) : leftFacts(journal, entries, lock)),
    ...(lock === undefined ? {} : { lock }),
    ledger,
  };
}

/** The answer for a service that was never deployed here. */
export function emptyStatus(key: ServiceKey): ServiceStatus {
  return {
    service: key.service, environment: key.environment, platform: 'local', deployed: false,
    fleet: {}, instances: [], traffic: {}, releases: [], ledger: { ok: true, entries: 0, head: '0'.repeat(64) },
  };
}

function instanceStatus(instance: Instance): InstanceStatus {
  const { id, release, port, pid } = instance.record;
  return { id, release, state: instance.state, reason: instance.reason, port, crashes: instance.crashes, ...(pid === undefined ? {} : { pid }) };
}

/** A router that does not answer is no reason to tell nothing else. */
async function traffic(platform: Platform, ids: readonly ReleaseId[]): Promise<ServiceStatus['traffic']> {
  const counted = await Promise.all(ids.map(async (id): Promise<readonly [ReleaseId, ServiceStatus['traffic'][ReleaseId]][]> => {
    const found = await platform.metrics?.(id, WINDOW).catch(() => undefined);
    return found === undefined ? [] : [[id, { requests: found.requests, errors: found.errors, p95: found.latency.p95 }]];
  }));
  return Object.fromEntries(counted.flat());
}

/** A change that has begun and has no end: it waits for a person, somebody is at it, or it was interrupted. */
function leftFacts(left: JournalRecord, entries: readonly LedgerEntry[], lock: LockHolder | undefined): Pick<ServiceStatus, 'paused' | 'interrupted'> {
  const { run, action, actor, paused, startedAt, effect } = left;
  if (paused !== undefined) {
    const release = goalOf(left);
    return { paused: { id: questionId({ run, paused }), run, action, ...(release === undefined ? {} : { release }), by: nameOf(actor), gate: paused.gate, since: paused.since, expires: paused.expires } };
  }
  // An answer has the lock in its own name, and goes on under the name of the change.
  const answered = lock !== undefined && decisionsOf(entries, run).length > 0;
  return lock?.run === run || answered ? {} : { interrupted: { run, action, since: startedAt, at: `${effect.kind} ${effect.key}` } };
}

/** A change that waited and whose journal is gone. */
function lostFacts(entries: readonly LedgerEntry[], lock: LockHolder | undefined): Pick<ServiceStatus, 'interrupted'> {
  const lost = lock === undefined ? unansweredIn(entries) : undefined;
  return lost === undefined ? {} : { interrupted: { run: lost.run, action: lost.action, since: lost.at, at: 'a question whose record is gone' } };
}

function decisionsOf(entries: readonly LedgerEntry[], run: string): readonly DecisionStatus[] {
  return entries.flatMap((entry) => (entry.run === run && 'gate' in entry ? [{
    kind: entry.kind, at: entry.at, by: nameOf(entry.actor), gate: entry.gate, ...(entry.note === undefined ? {} : { note: entry.note }),
  }] : []));
}

function nameOf({ user, host }: Actor): string {
  return `${user}@${host}`;
}

/** One line per change, newest first, with the outcome of its end. */
function releaseStatuses(entries: readonly LedgerEntry[], available: ReadonlySet<ReleaseId>, left: JournalRecord | undefined): readonly ReleaseStatus[] {
  const ends = new Map<string, string>(entries.flatMap((entry) => (entry.kind === 'end' ? [[entry.run, entry.outcome]] : [])));
  const errors = new Map(entries.flatMap((entry) => (entry.kind === 'end' && entry.error !== undefined ? [[entry.run, entry.error.what]] : [])));
  if (left?.paused !== undefined) ends.set(left.run, 'waiting');
  const decisions = (run: string): Pick<ReleaseStatus, 'decisions'> => {
    const found = decisionsOf(entries, run);
    return found.length === 0 ? {} : { decisions: found };
  };
  const reasonOf = ({ run, reason }: { readonly run: string; readonly reason?: string }): Pick<ReleaseStatus, 'reason'> => {
    const known = errors.get(run) ?? reason;
    return known === undefined ? {} : { reason: known };
  };
  return entries.flatMap((entry) => (entry.kind === 'destroyed' ? [destroyedStatus(entry)] : entry.kind !== 'start' ? [] : [{
    id: entry.release,
    at: entry.at,
    action: entry.action,
    outcome: ends.get(entry.run) ?? 'unfinished',
    by: nameOf(entry.actor),
    ...(entry.manifest?.version === undefined ? {} : { version: entry.manifest.version }),
    ...(entry.manifest?.commit === undefined ? {} : { commit: entry.manifest.commit }),
    available: available.has(entry.release),
    ...reasonOf(entry),
    ...decisions(entry.run),
  }])).reverse();
}

/** A service that was destroyed, or half so: a destroy writes no journal. */
function destroyedFacts(entries: readonly LedgerEntry[], lock: LockHolder | undefined): Pick<ServiceStatus, 'destroyed' | 'interrupted'> {
  const last = entries.at(-1);
  if (last?.kind === 'destroyed') return { destroyed: { at: last.at, by: nameOf(last.actor) } };
  if (last?.kind !== 'destroy' || lock?.run === last.run) return {};
  return { interrupted: { run: last.run, action: 'destroy', since: last.at, at: 'an unknown step' } };
}

/** It led to no release. */
function destroyedStatus({ at, actor }: LedgerEntry): ReleaseStatus {
  return { id: '-', at, action: 'destroy', outcome: 'done', by: nameOf(actor), available: false };
}

export function summaryOf(service: LocalService): { readonly key: ServiceKey; readonly url?: string; readonly instances: number } {
  const url = urlOf(service.record.listen);
  return { key: service.record.key, ...(url === undefined ? {} : { url }), instances: service.supervisor.all().length };
}
