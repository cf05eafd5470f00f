/** application/: what an image of the service would hold, as files of a package. */
import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { join, posix, relative, sep } from 'node:path';
import type { CollectedFile, ManifestLink } from '../archive/index.js';
import { FILES_AT_ONCE, mapLimited } from '../archive/parallel.js';
import { hashSource } from '../archive/source-file.js';
import type { OciImage, PackageArtifact } from '../config/resolved.js';
import type { BuildSite, ImageFiles } from '../image/builder.js';
import { collectImageFiles, packageOf } from '../image/dependencies/index.js';
import { SERVICE_FOLDER } from '../image/dependencies/layers.js';
import { thisMachine } from '../image/dependencies/machine.js';
import type { Entry } from '../image/layer/index.js';
import { APPLICATION } from './layout.js';
import { matcher } from './patterns.js';
import { neverRun } from './reasons.js';

export type PackedFile = CollectedFile | ManifestLink;

export interface Application {
  readonly files: readonly PackedFile[];
  /** Folder that the service is started in, relative to the package: `application`, or the project's folder below it. */
  readonly cwd: string;
  /** Relative to `cwd`. */
  readonly entry: string;
  readonly warnings: readonly string[];
}

export type Timed = <T>(work: () => Promise<T>) => Promise<T>;

/**
 * Calls `use` while what was made for it in temporary folders is still there. `timed` hears of the finding and hashing of the files.
 * @throws DeployError what collecting the files of an image throws
 */
export async function withApplication<T>(artifact: PackageArtifact, site: BuildSite, timed: Timed, use: (application: Application) => Promise<T>): Promise<T> {
  const closing: (() => Promise<void>)[] = [];
  try {
    const { collected, files } = await timed(async () => {
      const found = await collectImageFiles(imageOf(artifact), thisMachine(), site);
      closing.push(found.close);
      return { collected: found, files: await filesOf(found, await excluding(artifact, site)) };
    });
    return await use({ files, cwd: moved(collected.workingDirectory.replace(/^\//, '')), entry: collected.entry, warnings: collected.warnings });
  } finally {
    for (const close of closing) await close();
  }
}

/** The same files as those of an image for this machine. */
function imageOf({ path, entry, dependencies, assets }: PackageArtifact): OciImage {
  return {
    type: 'image', builder: 'oci', path, entry, dependencies, assets, base: thisMachine().libc === 'musl' ? 'node:alpine' : 'node', platforms: [], user: '', port: 1, env: {}, labels: {}, push: [], plainHttp: [],
  };
}

/** What lies upon something else wins, as it does in an image. */
async function filesOf({ layers }: ImageFiles, leftOut: (source: string) => boolean): Promise<readonly PackedFile[]> {
  const files = new Map<string, PackedFile>();
  for (const layer of layers) {
    const entries = await layer.entries();
    const found = await mapLimited(entries, FILES_AT_ONCE, (entry) => fileOf(entry, leftOut));
    for (const file of found) if (file !== undefined) files.set(file.path, file);
  }
  return [...files.values()];
}

async function fileOf(entry: Entry, leftOut: (source: string) => boolean): Promise<PackedFile | undefined> {
  if (entry.type === 'directory' || isProgramLink(entry.path)) return undefined;
  const path = moved(entry.path);
  if (entry.type === 'symlink') return { path, link: entry.target };
  const { source, mode, size, sha256 } = entry;
  if (typeof source !== 'string') return { path, source: Buffer.from(source), mode: modeOf(mode), size: source.length, sha256: sha256 ?? createHash('sha256').update(source).digest('hex') };
  if (leftOut(source)) return undefined;
  const known = size === undefined || sha256 === undefined ? await hashSource(source) : { size, sha256 };
  return { path, source, mode: modeOf(mode), size: known.size, sha256: known.sha256 };
}

/** Links for a shell's PATH, which no service loads. */
function isProgramLink(path: string): boolean {
  return /(?:^|\/)node_modules\/\.bin\//.test(path);
}

function moved(path: string): string {
  return posix.join(APPLICATION, posix.relative(SERVICE_FOLDER, path));
}

function modeOf(mode: number): 0o644 | 0o755 {
  return (mode & 0o100) === 0 ? 0o644 : 0o755;
}

/** By the place where a file comes from: what a pattern of `exclude` names, and what of the output nobody runs. */
async function excluding({ exclude, path }: PackageArtifact, { workspaceRoot, projectRoot }: BuildSite): Promise<(source: string) => boolean> {
  const isExcluded = matcher(exclude);
  const [project, output] = await Promise.all([join(workspaceRoot, projectRoot), path].map((folder) => realpath(folder).catch(() => folder)));
  return (source) => {
    const inProject = below(source, project ?? '');
    if (inProject !== undefined && isExcluded(inProject)) return true;
    const inOutput = below(source, output ?? '');
    return inOutput !== undefined && packageOf(inOutput) === undefined && neverRun(inOutput) !== undefined;
  };
}

function below(file: string, folder: string): string | undefined {
  const found = relative(folder, file).split(sep).join('/');
  return found === '' || found.startsWith('../') || found === '..' ? undefined : found;
}
