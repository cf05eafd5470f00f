/** Where the file goes: a folder of the workspace that no link leads out of. */
import type { Tree } from '@nx/devkit';
import { lstatSync, realpathSync } from 'node:fs';
import { join, posix, sep } from 'node:path';
import { invalid } from './agent-program.js';

/** The file's path relative to the workspace. Throws ND-OPTION-INVALID when it is, or a link makes it, outside. */
export function outputFile(tree: Tree, folder: string, name: string): string {
  // The path stands in commands that are printed, which are ASCII; Nx takes a backslash for a slash.
  if (!/^[ -[\]-~]+$/.test(folder)) throw invalid('--outputDir', folder, 'printable ASCII without a backslash is needed');
  const file = posix.join(folder, name);
  if (posix.isAbsolute(file) || file.startsWith('../')) throw invalid('--outputDir', folder, 'it is not a folder of the workspace, relative to its root');
  assertInside(tree.root, folder, file);
  return file;
}

function assertInside(root: string, folder: string, file: string): void {
  const parts = file.split('/');
  for (const [index] of parts.entries()) {
    const path = join(root, ...parts.slice(0, index + 1));
    if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() !== true) continue;
    if (!target(path).startsWith(`${realpathSync(root)}${sep}`)) throw invalid('--outputDir', folder, 'a symbolic link leads out of the workspace');
  }
}

/** Empty for a link to nothing: a write would make what it names, wherever that is. */
function target(link: string): string {
  try {
    return realpathSync(link);
  } catch {
    return '';
  }
}
