/**
 * Everything that is taken from Nx's internals, which may change without notice, in one place.
 * Present in every version from 23.0 on, which those beside them are not: the list of what @nx/devkit/internal has grew with 23.2.
 */
import { PluginCache } from '@nx/devkit/internal';
import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';

export { calculateHashesForCreateNodes } from '@nx/devkit/internal';

/** Raise it whenever what is kept under a key changes its form or meaning. */
const VERSION = 5;

/** What inference found out, kept between runs in the workspace's data folder; one file for each set of options. */
export function openCache<Value>(options: object, workspaceRoot: string): PluginCache<Value> {
  const digest = createHash('sha256').update(JSON.stringify(options)).digest('hex').slice(0, 20);
  return new PluginCache<Value>(join(dataFolder(workspaceRoot), `nx-deploy-${VERSION}-${digest}.hash`));
}

/** As Nx has it. */
function dataFolder(workspaceRoot: string): string {
  return resolve(workspaceRoot, process.env['NX_WORKSPACE_DATA_DIRECTORY'] ?? process.env['NX_PROJECT_GRAPH_CACHE_DIRECTORY'] ?? '.nx/workspace-data');
}
