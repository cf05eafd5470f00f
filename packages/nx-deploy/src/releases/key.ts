import { createHash } from 'node:crypto';

/** What a target tells services apart by: two clones of one workspace meet, two workspaces never do. */
export interface ServiceKey {
  readonly workspace: string;
  readonly environment: string;
  readonly service: string;
}

/** A name that is safe as a file name and the same for the same key; the hash keeps apart what the shortening would join. */
export function keyName(key: ServiceKey): string {
  const hash = createHash('sha256').update(JSON.stringify([key.workspace, key.environment, key.service])).digest('hex').slice(0, 10);
  return `${safe(key.service)}.${safe(key.environment)}.${hash}`;
}

function safe(text: string): string {
  const plain = text.toLowerCase().replace(/[^a-z0-9-]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 40);
  return plain === '' ? 'x' : plain;
}
