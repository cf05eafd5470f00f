/** Where packages lie, found as Node finds them, so that npm, pnpm's links and yarn's node_modules all work. Plug'n'Play has nothing to be found. */
import { readFileSync, realpathSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { isPackageName } from '../package-name.js';
import type { PackageManifest } from './graph.js';

export interface Installed {
  /** Real path of its folder. */
  readonly folder: string;
  readonly manifest: PackageManifest;
}

/** A package.json, or undefined when there is none or it is no JSON object. */
export function readManifest(folder: string): PackageManifest | undefined {
  let text: string;
  try {
    text = readFileSync(join(folder, 'package.json'), 'utf8');
  } catch {
    return undefined;
  }
  try {
    const value: unknown = JSON.parse(text.replace(/^\ufeff/, ''));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Finds packages below one workspace; what was read once is kept. */
export function installedPackages(workspaceRoot: string): (name: string, from: string, fits: (manifest: PackageManifest) => boolean) => Installed | undefined {
  const root = realpathSync(resolve(workspaceRoot));
  const known = new Map<string, Installed | undefined>();
  const at = (folder: string): Installed | undefined => {
    if (known.has(folder)) return known.get(folder);
    const manifest = readManifest(folder);
    const found = manifest === undefined ? undefined : { folder: realpathSync(folder), manifest };
    known.set(folder, found);
    return found;
  };
  return (name, from, fits) => {
    if (!isPackageName(name)) return undefined;
    for (let folder = from; ; folder = dirname(folder)) {
      const found = at(join(folder, 'node_modules', name));
      if (found !== undefined && fits(found.manifest)) return found;
      if (folder === root || relative(root, folder).startsWith('..') || folder === dirname(folder)) return undefined;
    }
  };
}
