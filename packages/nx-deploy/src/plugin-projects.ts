/** Which deploy.json belong to a project. */
import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { parse } from 'jsonc-parser';
import { minimatch } from 'minimatch';
import { getGlobPatternsFromPackageManagerWorkspaces } from './plugin-internals.js';

/** Those that stand beside a project.json or a package.json, relative to the workspace. */
export function filesOfProjects(files: readonly string[], workspaceRoot: string): string[] {
  const patterns = (): readonly string[] => getGlobPatternsFromPackageManagerWorkspaces(workspaceRoot);
  return files.filter((file) => {
    const folder = join(workspaceRoot, dirname(file));
    if (existsSync(join(folder, 'project.json'))) return true;
    if (!existsSync(join(folder, 'package.json'))) return false;
    // Nx gives a package of the workspace a name; any other that has none would take the whole graph with it.
    return hasName(join(folder, 'package.json')) || inWorkspaces(file, patterns());
  });
}

/** What it leads to is no content of the project's folder. */
export function isLink(file: string): boolean {
  return lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}

function hasName(file: string): boolean {
  try {
    const manifest: unknown = parse(readFileSync(file, 'utf8'));
    return typeof manifest === 'object' && manifest !== null && 'name' in manifest && typeof manifest.name === 'string' && manifest.name !== '';
  } catch {
    return false;
  }
}

function inWorkspaces(file: string, patterns: readonly string[]): boolean {
  const manifest = posix.join(dirname(file.replaceAll('\\', '/')), 'package.json');
  const [without, within] = [patterns.filter((each) => each.startsWith('!')), patterns.filter((each) => !each.startsWith('!'))];
  return within.some((each) => minimatch(manifest, each)) && without.every((each) => minimatch(manifest, each));
}
