/** What `status` shows, gathered from the instances, the router and the ledger. */
import type { Instance } from '../agent/instance.js';
import { available } from '../engine/target.js';
import { liveRelease, type Ms, type ReleaseId } from '../model/index.js';
import { localPlatform, urlOf } from '../platforms/local/platform.js';
import type { LocalService } from '../platforms/local/service.js';
import type { LedgerEntry, LockHolder, ServiceKey } from '../releases/index.js';
import type { InstanceStatus, ReleaseStatus, ServiceStatus } from './protocol.js';

const WINDOW: Ms = 5 * 60_000;
const RELEASES_SHOWN = 10;

export async function serviceStatus(service: LocalService): Promise<ServiceStatus> {
  const { state, record, supervisor } = service;
  const platform = localPlatform(service, record.listen ?? { address: '127.0.0.1' });
  const [fleet, entries, journal, lock, ledger, url] = await Promise.all([
    platform.list(), state.ledger.entries(), state.journal.read(), state.lock.holder(), state.ledger.verify(), platform.url(),
  ]);
  const live = liveRelease(fleet);
  const there = new Set(await available(platform, entries));
  const under = journal !== undefined && lock?.run !== journal.run ? journal : undefined;
  return {
    service: record.key.service,
    environment: record.key.environment,
    platform: platform.name,
    deployed: Object.keys(fleet).length > 0,
    ...(url === undefined ? {} : { url }),
    ...(live === undefined ? {} : { live }),
    fleet,
    instances: supervisor.all().map(instanceStatus),
    traffic: await traffic(service, Object.keys(fleet)),
    releases: releaseStatuses(entries, there).slice(0, RELEASES_SHOWN),
    ...destroyedFacts(entries, lock),
    ...(under === undefined ? {} : { interrupted: { run: under.run, action: under.action, since: under.startedAt, at: `${under.effect.kind} ${under.effect.key}` } }),
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

async function traffic(service: LocalService, ids: readonly ReleaseId[]): Promise<ServiceStatus['traffic']> {
  return Object.fromEntries(ids.map((id) => {
    const { requests, errors, latency } = service.host.router.metrics(service.routeKey, id, WINDOW);
    return [id, { requests, errors, p95: latency.p95 }];
  }));
}

/** One line per change, newest first, with the outcome of its end. */
function releaseStatuses(entries: readonly LedgerEntry[], available: ReadonlySet<ReleaseId>): readonly ReleaseStatus[] {
  const ends = new Map(entries.flatMap((entry) => (entry.kind === 'end' ? [[entry.run, entry.outcome]] : [])));
  return entries.flatMap((entry) => (entry.kind === 'destroyed' ? [destroyedStatus(entry)] : entry.kind !== 'start' ? [] : [{
    id: entry.release,
    at: entry.at,
    action: entry.action,
    outcome: ends.get(entry.run) ?? 'unfinished',
    by: `${entry.actor.user}@${entry.actor.host}`,
    ...(entry.manifest?.version === undefined ? {} : { version: entry.manifest.version }),
    ...(entry.manifest?.commit === undefined ? {} : { commit: entry.manifest.commit }),
    available: available.has(entry.release),
  }])).reverse();
}

/** A service that was destroyed, or half so: a destroy writes no journal. */
function destroyedFacts(entries: readonly LedgerEntry[], lock: LockHolder | undefined): Pick<ServiceStatus, 'destroyed' | 'interrupted'> {
  const last = entries.at(-1);
  if (last?.kind === 'destroyed') return { destroyed: { at: last.at, by: `${last.actor.user}@${last.actor.host}` } };
  if (last?.kind !== 'destroy' || lock?.run === last.run) return {};
  return { interrupted: { run: last.run, action: 'destroy', since: last.at, at: 'an unknown step' } };
}

/** It led to no release. */
function destroyedStatus({ at, actor }: LedgerEntry): ReleaseStatus {
  return { id: '-', at, action: 'destroy', outcome: 'done', by: `${actor.user}@${actor.host}`, available: false };
}

export function summaryOf(service: LocalService): { readonly key: ServiceKey; readonly url?: string; readonly instances: number } {
  const url = urlOf(service.record.listen);
  return { key: service.record.key, ...(url === undefined ? {} : { url }), instances: service.supervisor.all().length };
}
