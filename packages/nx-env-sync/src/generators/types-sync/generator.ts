/** Sync generator of Nx: `nx sync` brings the types of environment variables up to date, `nx sync:check` tells that they are not. */
import { getProjects, type Tree } from '@nx/devkit';
import { outdatedTypes } from '../../declarations/sync-types.js';

/** What Nx takes from a sync generator. */
export interface SyncResult {
  readonly outOfSyncMessage?: string;
  readonly outOfSyncDetails?: string[];
}

/** Only files that `nx-env-sync:types` made are touched: making one is how a project takes part. */
export default function typesSync(tree: Tree): SyncResult {
  const outdated = outdatedTypes(tree, getProjects(tree));
  for (const [file, text] of outdated) tree.write(file, text);
  if (outdated.size === 0) return {};
  return { outOfSyncMessage: 'Types of environment variables are not what env.schema.json says.', outOfSyncDetails: [...outdated.keys()].sort() };
}
