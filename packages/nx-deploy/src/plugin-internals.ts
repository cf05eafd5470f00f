/**
 * Everything that is taken from Nx's internals, which may change without notice, in one place.
 * Present in every version from 23.0 on.
 */
import { hashObject, PluginCache, workspaceDataDirectory } from '@nx/devkit/internal';
import { join } from 'node:path';

export { calculateHashesForCreateNodes, getGlobPatternsFromPackageManagerWorkspaces } from '@nx/devkit/internal';

/** Raise it whenever what is kept under a key changes its form or meaning. */
const VERSION = 5;

/** What inference found out, kept between runs in the workspace's data folder; one file for each set of options. */
export function openCache<Value>(options: object): PluginCache<Value> {
  return new PluginCache<Value>(join(workspaceDataDirectory, `nx-deploy-${VERSION}-${hashObject(options)}.hash`));
}
