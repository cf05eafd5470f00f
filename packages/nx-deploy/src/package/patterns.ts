/** Files of the project by patterns, and where they go in the package. */
import { join, posix } from 'node:path';
import { Minimatch } from 'minimatch';
import type { CollectedFile } from '../archive/index.js';
import { unsafe } from '../archive/manifest.js';
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

/** Relative paths of all that may be meant, with `/`; modules are never. */
export async function projectFiles(projectFolder: string): Promise<readonly string[]> {
  const { files } = await walk(projectFolder, new Set(['node_modules']));
  return files;
}

/**
 * @param files what {@link projectFiles} found
 * @throws DeployError ND-ARTIFACT-UNSAFE for two files that would have one place
 */
export async function packedFiles(projectFolder: string, files: readonly string[], wanted: readonly Wanted[], excluded: (path: string) => boolean): Promise<readonly CollectedFile[]> {
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
  if (problems.length > 0) throw unsafe(problems, projectFolder);
  return mapLimited([...places], FILES_AT_ONCE, async ([path, from]): Promise<CollectedFile> => {
    const source = join(projectFolder, from);
    const { size, sha256, executable } = await hashSource(source);
    return { path, source, mode: executable ? 0o755 : 0o644, size, sha256 };
  });
}
