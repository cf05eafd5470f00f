/** Files of the project by patterns, and where they go in the package. */
import { realpath, stat } from 'node:fs/promises';
import { join, posix, relative, sep } from 'node:path';
import { Minimatch } from 'minimatch';
import type { CollectedFile } from '../archive/index.js';
import { quoted, unsafe } from '../archive/manifest.js';
import { FILES_AT_ONCE, mapLimited } from '../archive/parallel.js';
import { hashSource } from '../archive/source-file.js';
import { walk } from '../archive/walk.js';
import { neverPacked } from './reasons.js';

/** As Nx reads the patterns of a build's assets. */
const OPTIONS = { dot: true, nocomment: true, nonegate: true } as const;

/** Does the path match one of the patterns? One that names a folder takes all that is in it. */
export function matcher(patterns: readonly string[]): (path: string) => boolean {
  const compiled = patterns.flatMap((pattern) => {
    const clean = cleaned(pattern);
    return [new Minimatch(clean, OPTIONS), new Minimatch(`${clean}/**`, OPTIONS)];
  });
  return (path) => compiled.some((one) => one.match(path));
}

function cleaned(pattern: string): string {
  return posix.normalize(pattern).replace(/^\.\//, '').replace(/\/$/, '');
}

/** The folders that a pattern begins with and that are no pattern themselves: `docs/api` of `docs/api/**` and of `docs/api/*.md`. */
export function baseOf(pattern: string): string {
  const parts = cleaned(pattern).split('/');
  const at = parts.findIndex((part) => /[*?[\]{}()!+@]/.test(part));
  return (at < 0 ? parts.slice(0, -1) : parts.slice(0, at)).join('/');
}

export interface Wanted {
  /** Folder of the package that the files go to. */
  readonly to: string;
  readonly patterns: readonly string[];
  /** The paths stay what they are, rather than lose the folders that a pattern begins with. */
  readonly whole?: true;
}

/** What may be meant; modules are never. */
export interface ProjectFiles {
  /** Relative to the project, with `/`. */
  readonly files: readonly string[];
  /** Symbolic links, in the same form. */
  readonly links: ReadonlySet<string>;
}

export async function projectFiles(projectFolder: string): Promise<ProjectFiles> {
  const { files, links } = await walk(projectFolder, new Set(['node_modules']));
  const paths = links.map(({ path }) => path);
  return { files: [...files, ...paths], links: new Set(paths) };
}

/**
 * A link that a pattern names is packed as the file that it leads to.
 * @throws DeployError ND-ARTIFACT-UNSAFE for two files that would have one place, and for links that lead to no file of the project
 */
export async function packedFiles(projectFolder: string, { files, links }: ProjectFiles, wanted: readonly Wanted[], excluded: (path: string) => boolean): Promise<readonly CollectedFile[]> {
  const places = new Map<string, string>();
  const problems: string[] = [];
  for (const { to, patterns, whole } of wanted) {
    for (const pattern of patterns) {
      const base = whole === true ? '' : baseOf(pattern);
      const matches = matcher([pattern]);
      for (const path of files) {
        if (!matches(path) || excluded(path) || neverPacked(path) !== undefined) continue;
        const place = posix.join(to, base === '' ? path : posix.relative(base, path));
        const other = places.get(place);
        if (other !== undefined && other !== path) problems.push(`${JSON.stringify(path)} and ${JSON.stringify(other)} would both be ${JSON.stringify(place)}`);
        places.set(place, path);
      }
    }
  }
  const followed = new Map<string, string>();
  for (const from of new Set(places.values())) {
    if (!links.has(from)) continue;
    const target = await fileBehind(projectFolder, from);
    if (target === undefined) problems.push(`${quoted(from)}: it is a link that leads to no file of the project`);
    else followed.set(from, target);
  }
  if (problems.length > 0) throw unsafe(problems, projectFolder);
  return mapLimited([...places], FILES_AT_ONCE, async ([path, from]): Promise<CollectedFile> => {
    const source = followed.get(from) ?? join(projectFolder, from);
    const { size, sha256, executable } = await hashSource(source);
    return { path, source, mode: executable ? 0o755 : 0o644, size, sha256 };
  });
}

async function fileBehind(projectFolder: string, path: string): Promise<string | undefined> {
  const [root, target] = await Promise.all([projectFolder, join(projectFolder, path)].map((one) => realpath(one).catch(() => undefined)));
  if (root === undefined || target === undefined || !(await stat(target)).isFile()) return undefined;
  const inside = relative(root, target).split(sep).join('/');
  return inside.startsWith('../') || inside === '..' || neverPacked(inside) !== undefined ? undefined : target;
}
