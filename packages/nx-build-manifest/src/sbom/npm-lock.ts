/** What package-lock.json (version 2 and 3) keeps of the package.json of each package: it helps where a package is locked and not installed, one for another system say. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PackageManifest } from './graph.js';

/** By `name@version`. Empty without such a lock file. */
export function npmLockManifests(workspaceRoot: string): ReadonlyMap<string, PackageManifest> {
  const manifests = new Map<string, PackageManifest>();
  try {
    const { packages } = JSON.parse(readFileSync(join(workspaceRoot, 'package-lock.json'), 'utf8')) as { readonly packages?: Readonly<Record<string, PackageManifest>> };
    for (const [path, manifest] of Object.entries(packages ?? {})) {
      const at = path.lastIndexOf('node_modules/');
      if (at === -1 || typeof manifest.version !== 'string') continue;
      const name = typeof manifest.name === 'string' ? manifest.name : path.slice(at + 'node_modules/'.length);
      manifests.set(`${name}@${manifest.version}`, manifest);
    }
  } catch {
    return manifests;
  }
  return manifests;
}
