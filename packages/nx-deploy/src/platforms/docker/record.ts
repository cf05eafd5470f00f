/** What is kept of a service on an engine beside its releases: who owns it, how it is reached, what is kept warm. */
import { DeployError } from '../../errors.js';
import type { ReleaseId } from '../../model/index.js';
import { hasText, isEachOf, isObject, readStateIn, type ServiceKey, type STATE_SCHEMA, type StateFiles } from '../../releases/index.js';
import type { HaproxyRoute } from '../../routers/haproxy/index.js';

export interface ServiceRecord {
  readonly schema: typeof STATE_SCHEMA;
  readonly key: ServiceKey;
  /** Identity of the workspace's repository; another one with the same key is refused. */
  readonly owner: string;
  /** As it was set last: a router that lost its own file gets it from here. */
  readonly route?: HaproxyRoute;
  /** ISO time until which a release is kept running without traffic. */
  readonly warm?: Readonly<Record<ReleaseId, string>>;
}

export const RECORD = 'service.json';

export function readRecord(files: StateFiles): Promise<ServiceRecord | undefined> {
  return readStateIn(files, RECORD, isRecord);
}

export async function writeRecord(files: StateFiles, record: ServiceRecord): Promise<void> {
  await files.write(RECORD, JSON.stringify(record));
}

export function assertOwner(record: ServiceRecord | undefined, { key, owner }: { readonly key: ServiceKey; readonly owner: string }, engine: string): void {
  if (record === undefined || record.owner === owner) return;
  throw new DeployError('ND-OWNER-CONFLICT', {
    what: `another workspace with the same name ${JSON.stringify(key.workspace)} has deployed ${key.service} (${key.environment}) there`, where: engine,
    why: `it was deployed from ${record.owner}, this workspace is ${owner}`, next: 'give one of the two workspaces a name of its own: option workspaceId of nx-deploy/plugin in nx.json',
  });
}

function isRecord(value: object): value is ServiceRecord {
  if (!isObject(value) || !hasText(value, ['owner'])) return false;
  const { key, route, warm } = value;
  return isObject(key) && hasText(key, ['workspace', 'environment', 'service'])
    && (route === undefined || (isObject(route) && hasText(route, ['key']) && isObject(route['listen']) && isObject(route['weights']) && Array.isArray(route['targets'])))
    && (warm === undefined || isEachOf(warm, (time) => typeof time === 'string'));
}
