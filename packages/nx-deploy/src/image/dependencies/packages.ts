/** Which packages a list of files holds, and how big each is. */
import { readFile } from 'node:fs/promises';
import { FILES_AT_ONCE, mapLimited } from '../../archive/parallel.js';
import type { PackageSize } from '../builder.js';

export interface SizedFile {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
}

const PACKAGE = /^(.*(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/@.][^/]*))\/(.+)$/;

/** The innermost package that a file belongs to; `inside` is the file's path in it. */
export function packageOf(path: string): { readonly folder: string; readonly name: string; readonly inside: string } | undefined {
  const [, folder, name, inside] = PACKAGE.exec(path) ?? [];
  return folder === undefined || name === undefined || inside === undefined ? undefined : { folder, name, inside };
}

/** Adds up files by package. Copies of one version count together; the biggest comes first. */
export function addPackages(files: Iterable<SizedFile>, versions: ReadonlyMap<string, string>): readonly PackageSize[] {
  const found = new Map<string, { name: string; version?: string; size: number }>();
  for (const { path, size } of files) {
    const owner = packageOf(path);
    if (owner === undefined) continue;
    const version = versions.get(owner.folder);
    const key = JSON.stringify([owner.name, version]);
    const sum = found.get(key) ?? { name: owner.name, ...(version === undefined ? {} : { version }), size: 0 };
    sum.size += size;
    found.set(key, sum);
  }
  return [...found.values()].sort((a, b) => b.size - a.size || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0) || ((a.version ?? '') < (b.version ?? '') ? -1 : 1));
}

/** {@link addPackages} for files on the disk, whose versions stand in their package.json. */
export async function packagesIn(files: readonly (SizedFile & { readonly source: string | Buffer; readonly content?: Buffer })[]): Promise<readonly PackageSize[]> {
  const manifests = files.filter(({ path }) => path.endsWith('/package.json') && packageOf(path)?.inside === 'package.json');
  const versions = new Map<string, string>();
  await mapLimited(manifests, FILES_AT_ONCE, async ({ path, source: from, content }) => {
    const source = content ?? from;
    const version = versionIn(typeof source === 'string' ? await readFile(source, 'utf8').catch(() => '') : source.toString());
    const folder = packageOf(path)?.folder;
    if (version !== undefined && folder !== undefined) versions.set(folder, version);
  });
  return addPackages(files, versions);
}

/** The version that the text of a package.json names. */
export function versionIn(text: string): string | undefined {
  try {
    const { version } = JSON.parse(text) as { readonly version?: unknown };
    return typeof version === 'string' ? version : undefined;
  } catch {
    return undefined;
  }
}
