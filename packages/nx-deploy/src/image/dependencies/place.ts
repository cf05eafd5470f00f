/** Which layer a file of the workspace or of the build's output belongs to. */
import { posix } from 'node:path';
import { minimatch } from 'minimatch';
import type { CollectedFile, ManifestLink } from '../../archive/index.js';
import type { Placed } from './layers.js';

/** As Nx reads the patterns of a build's assets: `*` takes names with a leading dot, and there are no comments and no negation. */
const PATTERN = { dot: true, nocomment: true, nonegate: true } as const;

/** Is the path, relative to the build's output, one of the assets? A pattern that names a folder takes all that is in it. */
export function assetMatcher(patterns: readonly string[]): (path: string) => boolean {
  const clean = patterns.map((pattern) => posix.normalize(pattern).replace(/^\.\//, '').replace(/\/$/, ''));
  return (path) => clean.some((pattern) => minimatch(path, pattern, PATTERN) || minimatch(path, `${pattern}/**`, PATTERN));
}

export function inModules(path: string): boolean {
  return path.startsWith('node_modules/') || path.includes('/node_modules/');
}

/** Files of an output that holds all that runs; paths are relative to it. */
export function placeBundled(files: readonly (CollectedFile | ManifestLink)[], isAsset: (path: string) => boolean): Placed[] {
  return files.map((file) => ({ kind: inModules(file.path) ? 'modules' : isAsset(file.path) ? 'assets' : 'application', file }));
}

/** Files at their places in the workspace. `own`: folders of the project; `base`: the build's output. A link out of node_modules is a workspace library. */
export function placeTraced(files: readonly (CollectedFile | ManifestLink)[], own: readonly string[], base: string, isAsset: (path: string) => boolean): Placed[] {
  return files.map((file) => {
    const inOutput = below(file.path, base);
    if (inModules(file.path)) {
      const leaves = 'link' in file && !inModules(`${posix.join(posix.dirname(file.path), file.link)}/`);
      return { kind: leaves ? 'libraries' : 'modules', file };
    }
    if (inOutput !== undefined && isAsset(inOutput)) return { kind: 'assets', file };
    return { kind: own.some((folder) => below(file.path, folder) !== undefined) ? 'application' : 'libraries', file };
  });
}

/** The path relative to the folder; undefined when it is not in it. */
function below(path: string, folder: string): string | undefined {
  if (folder === '.') return path;
  return path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : undefined;
}
