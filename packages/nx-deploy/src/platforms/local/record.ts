/** What the local platform keeps of a service beside its releases: where it listens, who owns it, how the traffic is shared. */
import { join } from 'node:path';
import { knownInstances } from '../../agent/supervisor.js';
import type { ReleaseId } from '../../model/index.js';
import { damaged, fileLedger, hasText, isEachOf, isObject, isWhole, lastSuccess, readState, writeAtomically, type ServiceKey, type STATE_SCHEMA } from '../../releases/index.js';
import type { Closure, Listen } from '../../routers/router.js';
import { isWatchRecord, type WatchRecord } from './watch-record.js';

/** How a request finds its release while two share the traffic, beyond their weights. */
export interface Steering {
  /** A client stays with the release of its first request, by a cookie of the router. */
  readonly sticky?: boolean;
  /** Name of the request header by which testers choose. */
  readonly header?: string;
}

/** The service answers its public with a page, or has it wait: by whom, and since when (ISO time). */
export interface Closed {
  readonly closure: Closure;
  readonly since: string;
  readonly by: string;
}

export interface ServiceRecord {
  readonly schema: typeof STATE_SCHEMA;
  readonly key: ServiceKey;
  /** Identity of the workspace's repository; another one with the same key is refused. */
  readonly owner: string;
  /** In force; undefined before the first route. */
  readonly listen?: Listen;
  readonly weights: Readonly<Record<ReleaseId, number>>;
  /** ISO time until which a release is kept running without traffic. */
  readonly warm?: Readonly<Record<ReleaseId, string>>;
  /** In force, as `listen`. */
  readonly steering?: Steering;
  /** Of the change under way, for testers. */
  readonly arriving?: ReleaseId;
  /** Stays when another release comes. */
  readonly closed?: Closed;
  /** As long as the watch after a deploy goes on. */
  readonly watch?: WatchRecord | undefined;
  /** The Node that runs instances whose command begins with `node`. */
  readonly node: string;
}

export function recordFile(folder: string): string {
  return join(folder, 'service.json');
}

export function readRecord(folder: string): Promise<ServiceRecord | undefined> {
  return readState(recordFile(folder), isServiceRecord);
}

/**
 * The record, or undefined where none was ever written. It is on disk before the first instance and before the ledger calls a deploy done: a service
 * that has either and no record has lost it, and is not taken for one that was never deployed (ND-STATE-DAMAGED).
 */
export async function readKeptRecord(folder: string): Promise<ServiceRecord | undefined> {
  const record = await readRecord(folder);
  if (record !== undefined || !await wasDeployed(folder)) return record;
  throw damaged(recordFile(folder), 'it is gone, and the ledger or the instances show that the service was deployed');
}

/** Has it succeeded, and was it not destroyed since? Where the ledger is gone as well, instances tell. */
export async function wasDeployed(folder: string): Promise<boolean> {
  const entries = await fileLedger(join(folder, 'ledger')).entries();
  return entries.length === 0 ? (await knownInstances(folder)).length > 0 : lastSuccess(entries) !== undefined;
}

export function writeRecord(folder: string, record: ServiceRecord): Promise<void> {
  return writeAtomically(recordFile(folder), JSON.stringify(record));
}

function isServiceRecord(value: object): value is ServiceRecord {
  if (!isObject(value) || !hasText(value, ['owner', 'node'])) return false;
  const { key, weights, listen, warm, watch } = value;
  return isObject(key) && hasText(key, ['workspace', 'environment', 'service']) && isEachOf(weights, (weight) => typeof weight === 'number')
    && (listen === undefined || (isObject(listen) && hasText(listen, ['address']) && isWhole(listen['port'], 1)))
    && (warm === undefined || isEachOf(warm, (until) => typeof until === 'string'))
    && (watch === undefined || isWatchRecord(watch));
}
