/** Finds workspace and project by their files alone: a project graph takes longer than everything else here. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { EnvSyncError } from '../errors.js';
import { printable } from '../problem.js';
import { suggest } from '../suggest.js';

export interface FoundProject {
  /** Undefined for the workspace itself. */
  readonly name: string | undefined;
  /** Relative to the workspace, with `/`; `.` for the workspace itself. */
  readonly root: string;
}

const PASSED_OVER = new Set(['node_modules', 'dist', 'coverage', 'tmp']);
const DEEPEST = 12;

/** The folder with nx.json, at the current one or above; the current one where there is none. */
export function findWorkspace(cwd: string): string {
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'nx.json'))) return folder;
    if (dirname(folder) === folder) return resolve(cwd);
  }
}

/** The one that is named, by its name or folder; else that of the current folder. */
export function findProject(workspaceRoot: string, cwd: string, wanted: string | undefined): FoundProject {
  if (wanted === undefined) return around(workspaceRoot, cwd);
  const folder = [resolve(cwd, wanted), resolve(workspaceRoot, wanted)].find((path) => isInside(path, workspaceRoot) && statSync(path, { throwIfNoEntry: false })?.isDirectory() === true);
  const all = projects(workspaceRoot, workspaceRoot, 0);
  const named = all.filter(({ name }) => name === wanted);
  const [found] = named.length > 0 ? named : all.filter(({ name }) => name?.split('/').at(-1) === wanted);
  if (found !== undefined) return found;
  if (folder !== undefined) return { name: folder === workspaceRoot ? undefined : nameOf(folder), root: shown(folder, workspaceRoot) };
  const names = all.flatMap(({ name }) => name ?? []);
  const near = suggest(wanted, names);
  throw new EnvSyncError('refused', {
    what: `there is no project ${JSON.stringify(printable(wanted, 80))}${near === undefined ? '' : `; did you mean ${printable(near, 80)}?`}`,
    next: 'name a project or its folder, or run the command in it',
  });
}

function around(workspaceRoot: string, cwd: string): FoundProject {
  for (let folder = resolve(cwd); folder !== workspaceRoot && isInside(folder, workspaceRoot); folder = dirname(folder)) {
    if (isProject(folder)) return { name: nameOf(folder), root: shown(folder, workspaceRoot) };
  }
  return { name: undefined, root: '.' };
}

function isInside(path: string, workspaceRoot: string): boolean {
  return path === workspaceRoot || path.startsWith(workspaceRoot.endsWith(sep) ? workspaceRoot : `${workspaceRoot}${sep}`);
}

function shown(folder: string, workspaceRoot: string): string {
  return relative(workspaceRoot, folder).split(sep).join('/') || '.';
}

function isProject(folder: string): boolean {
  return existsSync(join(folder, 'project.json')) || existsSync(join(folder, 'package.json'));
}

function projects(folder: string, workspaceRoot: string, depth: number): FoundProject[] {
  const own = folder !== workspaceRoot && isProject(folder) ? [{ name: nameOf(folder), root: shown(folder, workspaceRoot) }] : [];
  if (depth === DEEPEST) return own;
  const below = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && !PASSED_OVER.has(entry.name));
  return [...own, ...below.flatMap(({ name }) => projects(join(folder, name), workspaceRoot, depth + 1))];
}

/** As Nx names it: by project.json, then package.json, then the folder. */
function nameOf(folder: string): string {
  for (const file of ['project.json', 'package.json']) {
    try {
      const value: unknown = JSON.parse(readFileSync(join(folder, file), 'utf8'));
      if (typeof value === 'object' && value !== null && 'name' in value && typeof value.name === 'string' && value.name !== '') return value.name;
    } catch {
      // The next one tells, or the folder.
    }
  }
  return basename(folder);
}
