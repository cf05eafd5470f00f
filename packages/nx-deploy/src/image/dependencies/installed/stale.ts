/** Does a lock file say what the package.json files say? A stale one would install something else than what was developed with. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { quoted } from '../../../archive/manifest.js';
import { DeployError } from '../../../errors.js';
import { readLock } from './lock-file.js';
import type { Manager } from './package-program.js';
import { parseBunLock } from './prune-bun.js';

const SECTIONS = ['dependencies', 'devDependencies', 'optionalDependencies'] as const;
type Ranges = Readonly<Record<string, string>>;
export type Manifest = { readonly name?: string } & Readonly<Partial<Record<(typeof SECTIONS)[number] | 'peerDependencies', Ranges>>>;

/** By folder, relative to the workspace and `` for itself: the range that the lock file has for a name; undefined when there is none. */
type Locked = ReadonlyMap<string, (name: string, range: string) => boolean>;

const COMMAND = { npm: 'npm install', pnpm: 'pnpm install', yarn: 'yarn install', bun: 'bun install' } as const;
const PROBLEMS_SHOWN = 20;

/** `folders`: where package.json files are that the lock file must know, relative to the workspace. @throws DeployError ND-LOCKFILE with everything that differs. */
export async function assertFresh(manager: Manager, workspaceRoot: string, folders: readonly string[]): Promise<void> {
  if (manager.lockFile === 'bun.lockb') return;
  const text = await readLock(manager, workspaceRoot);
  const locked = lockedRanges(manager, text, folders);
  if (locked === undefined) throw stale(manager, workspaceRoot, ['it names no package.json files']);
  const problems: string[] = [];
  const local = new Set<string>();
  const manifests = new Map<string, Manifest>();
  for (const folder of folders) {
    const manifest = await readManifest(join(workspaceRoot, folder, 'package.json'));
    if (manifest === undefined) continue;
    manifests.set(folder, manifest);
    if (manifest.name !== undefined) local.add(manifest.name);
  }
  for (const [folder, manifest] of manifests) {
    const knows = locked.get(folder);
    // A project that the manager does not take for a part of the workspace is installed by the root's package.json.
    if (knows === undefined) continue;
    for (const section of SECTIONS) {
      for (const [name, range] of Object.entries(manifest[section] ?? {})) {
        if (local.has(name) || /^(?:workspace|link|file|portal):/.test(range) || knows(name, range)) continue;
        problems.push(`${quoted(join(folder, 'package.json'))}: ${section}.${shown(name)} is ${quoted(range)}, which ${manager.lockFile} does not know`);
      }
    }
  }
  if (problems.length > 0) throw stale(manager, workspaceRoot, problems);
}

function shown(name: string): string {
  return /^[\x21-\x7e]+$/.test(name) ? name : quoted(name);
}

function stale(manager: Manager, workspaceRoot: string, problems: readonly string[]): DeployError {
  const more = problems.length - PROBLEMS_SHOWN;
  return new DeployError('ND-LOCKFILE', {
    what: `${manager.lockFile} is not up to date`, where: join(workspaceRoot, manager.lockFile), problems: more > 0 ? [...problems.slice(0, PROBLEMS_SHOWN), `and ${more} more`] : problems,
    next: `run: ${COMMAND[manager.name]}`,
  });
}

export async function readManifest(file: string): Promise<Manifest | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as Manifest;
  } catch (error) {
    throw new DeployError('ND-LOCKFILE', { what: 'a package.json cannot be read', where: file, why: error instanceof Error ? error.message : 'it is no JSON', next: 'correct the file' });
  }
}

function lockedRanges(manager: Manager, text: string, folders: readonly string[]): Locked | undefined {
  switch (manager.name) {
    case 'npm': return fromManifests((JSON.parse(text) as { readonly packages?: Readonly<Record<string, Manifest>> }).packages);
    case 'bun': return fromManifests(parseBunLock(text)?.workspaces);
    case 'pnpm': return pnpmRanges(text);
    case 'yarn': {
      const keys = yarnKeys(text);
      const knows = (name: string, range: string): boolean => keys.has(`${name}@${range}`) || keys.has(`${name}@npm:${range}`) || (range.startsWith('patch:') && [...keys].some((key) => key.startsWith(`${name}@patch:`)));
      return new Map(folders.map((folder) => [folder, knows]));
    }
  }
}

function fromManifests(manifests: Readonly<Record<string, Manifest>> | undefined): Locked | undefined {
  if (manifests === undefined) return undefined;
  return new Map(Object.entries(manifests).filter(([path]) => !path.split('/').includes('node_modules')).map(([path, manifest]) => [
    path === '' ? '.' : path, (name, range) => SECTIONS.some((section) => manifest[section]?.[name] === range),
  ]));
}

/** Of a pnpm lock file the two parts that are asked for, by their indentation, which pnpm always writes in the same way. */
function pnpmRanges(text: string): Locked | undefined {
  const importers = new Map<string, Map<string, string>>();
  const overridden = new Set<string>();
  const plain = (value: string): string => value.replace(/^(['"])(.*)\1$/, '$2').replaceAll('\'\'', '\'');
  let part = '';
  let importer: Map<string, string> | undefined;
  let name = '';
  for (const line of text.split(/\r?\n/)) {
    const [, indent = '', key = '', value = ''] = /^( *)('(?:[^']|'')*'|"[^"]*"|[^\s:][^:]*):(?: (.*))?$/.exec(line) ?? [];
    if (key === '') continue;
    if (indent.length === 0) part = key;
    else if (part === 'overrides' && indent.length === 2) overridden.add(plain(key).replace(/^.*>/, '').replace(/(.)@.*$/, '$1'));
    else if (part !== 'importers') continue;
    else if (indent.length === 2) importers.set(plain(key), importer = new Map<string, string>());
    else if (indent.length === 6) name = plain(key);
    else if (indent.length === 8 && key === 'specifier') importer?.set(name, plain(value));
  }
  if (importers.size === 0) return undefined;
  return new Map([...importers].map(([folder, ranges]) => [folder, (wanted, range) => ranges.get(wanted) === range || (overridden.has(wanted) && ranges.has(wanted))]));
}

function yarnKeys(text: string): ReadonlySet<string> {
  return new Set(text.split(/\r?\n/).filter((line) => /^["\w@].*:$/.test(line)).flatMap((line) => line.slice(0, -1).split(/,\s*/)).map((key) => key.replace(/^"|"$/g, '')));
}
