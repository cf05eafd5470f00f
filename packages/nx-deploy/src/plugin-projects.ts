/** Which deploy.json belong to a project. */
import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { parse } from 'jsonc-parser';
import { minimatch } from 'minimatch';

/** Those that stand beside a project.json or a package.json, relative to the workspace. */
export async function filesOfProjects(files: readonly string[], workspaceRoot: string): Promise<string[]> {
  const beside = (file: string, name: string): string => join(workspaceRoot, dirname(file), name);
  const found = files.filter((file) => existsSync(beside(file, 'project.json')) || existsSync(beside(file, 'package.json')));
  // Nx gives a package of the workspace a name; any other that has none would take the whole graph with it.
  const nameless = found.filter((file) => !existsSync(beside(file, 'project.json')) && !hasName(beside(file, 'package.json')));
  if (nameless.length === 0) return found;
  const patterns = await workspacesOf(workspaceRoot);
  return found.filter((file) => !nameless.includes(file) || inWorkspaces(file, patterns));
}

/** What it leads to is no content of the project's folder. */
export function isLink(file: string): boolean {
  return lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}

function hasName(file: string): boolean {
  const name = member(read(file, parse), 'name');
  return typeof name === 'string' && name !== '';
}

/** Patterns of folders, as npm, yarn, bun and pnpm have them. */
async function workspacesOf(workspaceRoot: string): Promise<readonly string[]> {
  // Few workspaces need it.
  const { parse: parseYaml } = await import('yaml');
  const given = member(read(join(workspaceRoot, 'package.json'), parse), 'workspaces');
  const lists = [given, member(given, 'packages'), member(read(join(workspaceRoot, 'pnpm-workspace.yaml'), parseYaml), 'packages')];
  return lists.flatMap((list): readonly unknown[] => (Array.isArray(list) ? list : [])).filter((each): each is string => typeof each === 'string');
}

function inWorkspaces(file: string, patterns: readonly string[]): boolean {
  const folder = posix.dirname(file.replaceAll('\\', '/'));
  const matches = (pattern: string): boolean => minimatch(folder, posix.join(pattern, '.').replace(/\/$/, ''));
  const without = patterns.filter((each) => each.startsWith('!')).map((each) => each.slice(1));
  return patterns.some((each) => !each.startsWith('!') && matches(each)) && !without.some(matches);
}

function read(file: string, parsed: (text: string) => unknown): unknown {
  try {
    return parsed(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? (value as Readonly<Record<string, unknown>>)[key] : undefined;
}
