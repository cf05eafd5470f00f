import type * as Nft from '@vercel/nft';
import { lstat, realpath } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative, sep } from 'node:path';
import { libraryPaths } from './library-paths.js';
import { quoted } from './manifest.js';
import { telling } from './trace-notes.js';
import { readLink, type Found } from './walk.js';

export interface Traced extends Found {
  /** What could not be traced, one line each: a module that was not found, or one outside the workspace. */
  readonly warnings: readonly string[];
}

/** Finds what the entry loads (@vercel/nft), as paths relative to the workspace. `root` and `entry` must be real paths. */
export async function trace(root: string, entry: string, cwd: string): Promise<Traced> {
  const { nodeFileTrace } = loadTracer();
  const result = await nodeFileTrace([entry], { base: root, processCwd: cwd, paths: await libraryPaths(entry) });
  const files = new Set<string>();
  const links = new Map<string, string>();
  const problems: string[] = [];
  const folders = new Map<string, Promise<string>>();
  for (const traced of result.fileList) {
    const path = await unlinked(root, traced, folders);
    const stat = await lstat(join(root, path));
    if (path === '..' || path.startsWith('../')) problems.push(`${quoted(traced)}: it lies outside the workspace`);
    else if (stat.isSymbolicLink()) links.set(path, await readLink(root, path));
    else if (stat.isFile()) files.add(path);
    else problems.push(`${quoted(path)}: it is neither a file nor a link`);
  }
  const outside = [...result.reasons].filter(([, reason]) => reason.ignored).map(([path]) => `${quoted(path)} lies outside the workspace and was left out`);
  const unresolved = [...result.warnings].map((warning) => warning.message.replaceAll(`${root}/`, '').replace(/\s+/g, ' '));
  return { files: [...files], links: [...links].map(([path, link]) => ({ path, link })), problems, warnings: [...await telling(unresolved, root), ...outside].sort() };
}

/**
 * Loaded on use: parsing JavaScript is 3 MB of code that a bundled artifact never needs. Not by `import`, which a bundler would follow:
 * the agent's single file shares this folder and never traces.
 */
function loadTracer(): typeof Nft {
  const load = createRequire(__filename);
  return load('@vercel/nft') as typeof Nft;
}

/** The path with every folder link on its way followed: the file is laid out once, where it really lies. */
async function unlinked(root: string, path: string, known: Map<string, Promise<string>>): Promise<string> {
  const folder = dirname(path);
  let real = known.get(folder);
  if (real === undefined) {
    real = realpath(join(root, folder));
    known.set(folder, real);
  }
  return relative(root, join(await real, basename(path))).split(sep).join('/');
}
