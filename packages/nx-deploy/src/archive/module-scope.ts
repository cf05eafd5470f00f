/** Is a `.js` file an ES module? Its nearest package.json says it, which may lie outside of what is deployed. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import type { CollectedFile } from './collect.js';

const MANIFEST = Buffer.from('{"type":"module"}\n');

/** Of files in `folder`, as Node decides it (https://nodejs.org/api/packages.html#determining-module-system). What lies above `root` is not asked; both are real paths. */
export async function isModuleScope(folder: string, root: string): Promise<boolean> {
  for (let at = folder; contains(root, at); at = dirname(at)) {
    const text = await readFile(join(at, 'package.json'), 'utf8').catch(() => undefined);
    if (text !== undefined) return isModule(text);
    if (at === root) return false;
  }
  return false;
}

function contains(root: string, path: string): boolean {
  const found = relative(root, path);
  return found !== '..' && !found.startsWith(`..${sep}`) && !isAbsolute(found);
}

function isModule(manifest: string): boolean {
  try {
    return (JSON.parse(manifest) as { readonly type?: unknown } | null)?.type === 'module';
  } catch {
    return false;
  }
}

/** Keeps the `.js` files of a folder what they are where nothing lies above it. The project's own package.json would change the artifact with each of its scripts. */
export function moduleManifest(): CollectedFile {
  return { path: 'package.json', source: MANIFEST, mode: 0o644, size: MANIFEST.length, sha256: createHash('sha256').update(MANIFEST).digest('hex') };
}
