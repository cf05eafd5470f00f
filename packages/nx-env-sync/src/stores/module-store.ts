import { createRequire } from 'node:module';
import { join } from 'node:path';
import { EnvSyncError, errorCode } from '../errors.js';
import { printable } from '../problem.js';
import type { EnvStore, OpenStore, StoreQuery } from './store.js';

/** A store that another package brings: what runs on a platform, say. The module is found from the workspace's root, as one of its dependencies or as a file. */
export async function moduleStore(module: string, query: StoreQuery): Promise<EnvStore> {
  const { openStore } = loaded(module, query.workspaceRoot);
  if (typeof openStore !== 'function') throw refused(module, 'exports no function openStore', 'name a module that has one');
  return (openStore as OpenStore)(query);
}

function loaded(module: string, workspaceRoot: string): { readonly openStore?: unknown } {
  try {
    return createRequire(join(workspaceRoot, 'package.json'))(module) as { readonly openStore?: unknown };
  } catch (error) {
    if (errorCode(error) === 'MODULE_NOT_FOUND' || errorCode(error) === 'ERR_PACKAGE_PATH_NOT_EXPORTED') throw refused(module, 'was not found', 'install the package that has it');
    throw error;
  }
}

function refused(module: string, what: string, next: string): EnvSyncError {
  return new EnvSyncError('refused', { what: `the module ${printable(module)} of a store ${what}`, next });
}
