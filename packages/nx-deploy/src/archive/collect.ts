/** From the build's output to the list of files that a release consists of. */
import { lstatSync, type Stats } from 'node:fs';
import { lstat, realpath, stat } from 'node:fs/promises';
import { dirname, join, posix, relative, sep } from 'node:path';
import type { FilesArtifact } from '../config/resolved.js';
import { DeployError } from '../errors.js';
import { assertSafe, follow, manifestDigest, parents, quoted, sorted, unsafe, type ManifestFile, type ManifestLink } from './manifest.js';
import { isModuleScope, moduleManifest } from './module-scope.js';
import type { KnownDigests } from './known-digests.js';
import { FILES_AT_ONCE, mapLimited } from './parallel.js';
import { hashSource, type SourceContent } from './source-file.js';
import { trace } from './trace.js';
import { isLeftOut, walk, type Found } from './walk.js';

export interface CollectedFile extends ManifestFile {
  /** Absolute path of the file in the build's output, or the content itself. */
  readonly source: string | Buffer;
  /** What the file at `source` holds, where it was kept when it was hashed. */
  readonly content?: Buffer;
}

export interface CollectedFiles {
  /** Sorted by path. */
  readonly files: readonly (CollectedFile | ManifestLink)[];
  /** What is started, relative to `cwd`. */
  readonly entry: string;
  /** Working directory, relative to the root of the laid-out files: `.`, or for a traced artifact the folder of the entry's package.json. */
  readonly cwd: string;
  /** `sha256:` and 64 hexadecimal digits. */
  readonly digest: string;
  readonly bytes: number;
  /** Files and links. */
  readonly count: number;
  /** What may be missing when it runs, one line each. */
  readonly warnings: readonly string[];
}

interface Laid extends Found {
  readonly root: string;
  readonly entry: string;
  readonly cwd: string;
  readonly warnings: readonly string[];
  /** Files that are made for the artifact. */
  readonly added?: readonly CollectedFile[];
}

/** What an artifact consists of, before any of it was read. */
export interface LaidFiles extends Laid {
  /** Absolute real path of the build's output; that of `root`, which paths are relative to, is another one for a traced artifact. */
  readonly folder: string;
}

export interface CollectOptions {
  readonly artifact: FilesArtifact;
  readonly workspaceRoot: string;
  /** Digests of an earlier time, for files that lie below the (absolute) folder; without it every file is read. */
  readonly known?: (folder: string) => Promise<KnownDigests>;
}

/**
 * Lists and hashes what the artifact consists of; the same files give the same digest on every machine. Rejects with ND-ARTIFACT-MISSING when there
 * is no build, ND-ARTIFACT-UNSAFE for links that leave the artifact and for sockets, pipes and devices, ND-ARTIFACT-CHANGED when a build goes on meanwhile.
 */
export async function collectFiles(options: CollectOptions): Promise<CollectedFiles> {
  const laid = await layFiles(options);
  const hashed = await hashFiles(laid.root, laid.files, await options.known?.(laid.folder));
  const files = sorted<CollectedFile | ManifestLink>([...hashed, ...laid.added ?? [], ...laid.links]);
  assertSafe(files, options.artifact.path);
  return {
    files, entry: laid.entry, cwd: laid.cwd,
    digest: manifestDigest(files),
    bytes: [...hashed, ...laid.added ?? []].reduce((sum, file) => sum + file.size, 0),
    count: files.length,
    warnings: laid.warnings,
  };
}

/** Lists what {@link collectFiles} hashes, with the same errors. */
export async function layFiles({ artifact, workspaceRoot }: CollectOptions): Promise<LaidFiles> {
  const folder = await buildFolder(artifact);
  const laid = artifact.dependencies === 'traced' ? await layTraced(artifact, folder, await realpath(workspaceRoot)) : await layBundled(artifact, folder, workspaceRoot);
  const problems = [...laid.problems].sort();
  if (problems.length > 0) throw unsafe(problems, artifact.path);
  const never = new Set(laid.files.filter(isLeftOut));
  return { ...laid, folder, files: never.size === 0 ? laid.files : laid.files.filter((path) => !never.has(path)), warnings: [...laid.warnings, ...leftOut([...never]), ...danglingLinks(laid)] };
}

/**
 * Files below the (absolute) folder; those that are known are not read.
 * @param keep so many bytes of small files that are read stay in memory: whoever needs them next need not read them again
 */
export async function hashFiles(root: string, paths: readonly string[], known: KnownDigests | undefined, keep = 0): Promise<CollectedFile[]> {
  if (known === undefined) return mapLimited(paths, FILES_AT_ONCE, async (path) => collected(root, path, await hashSource(join(root, path))));
  const unknown: { readonly path: string; readonly before: Stats | undefined }[] = [];
  const hashed: CollectedFile[] = [];
  for (const path of paths) {
    const before = lstatSync(join(root, path), { throwIfNoEntry: false });
    const content = before === undefined ? undefined : known.find(path, before);
    if (content === undefined) unknown.push({ path, before });
    else hashed.push(collected(root, path, content));
  }
  let left = keep;
  hashed.push(...await mapLimited(unknown, FILES_AT_ONCE, async ({ path, before }) => {
    const { content, ...facts } = await hashSource(join(root, path));
    // It is what it was before it was read: reading fails for a file that changes.
    if (before !== undefined) known.keep(path, before, facts);
    const file = collected(root, path, facts);
    if (content === undefined || content.length > left) return file;
    left -= content.length;
    return { ...file, content };
  }));
  await known.save();
  return hashed;
}

function collected(root: string, path: string, { size, sha256, executable }: SourceContent): CollectedFile {
  return { path, source: join(root, path), mode: executable ? 0o755 : 0o644, size, sha256 };
}

function leftOut(files: readonly string[]): string[] {
  const paths = [...files].sort().map(quoted);
  return paths.length === 0 ? [] : [`left out of the artifact, as variables and secrets reach an instance by its environment: ${paths.join(', ')}`];
}

/** The real path of the build's output; the entry is known to be there. */
async function buildFolder(artifact: FilesArtifact): Promise<string> {
  const folder = await realpath(artifact.path).catch(() => undefined);
  if (folder === undefined) throw missing(artifact, 'the folder does not exist');
  if (!(await lstat(folder)).isDirectory()) throw missing(artifact, 'it is no folder');
  const entry = await stat(join(folder, artifact.entry)).catch(() => undefined);
  if (entry === undefined) throw missing(artifact, `it holds no ${quoted(artifact.entry)}`);
  if (!entry.isFile()) throw missing(artifact, `${quoted(artifact.entry)} in it is no file`);
  return folder;
}

function missing(artifact: FilesArtifact, why: string): DeployError {
  return new DeployError('ND-ARTIFACT-MISSING', {
    what: 'there is nothing to deploy', where: artifact.path, why,
    next: 'run the build first; if it writes elsewhere, correct artifact.path and artifact.entry in deploy.json',
  });
}

async function layBundled(artifact: FilesArtifact, root: string, workspaceRoot: string): Promise<Laid> {
  const entry = inside(root, join(root, artifact.entry), artifact);
  const found = await walk(root);
  return { ...found, root, entry, cwd: '.', warnings: [], added: await needsScope(found, root, workspaceRoot) ? [moduleManifest()] : [] };
}

/** Is the package.json that makes ES modules of its `.js` files left behind? */
async function needsScope({ files, links }: Found, root: string, workspaceRoot: string): Promise<boolean> {
  if ([...files, ...links.map(({ path }) => path)].includes('package.json') || !files.some((path) => /^(?!(?:.*\/)?node_modules\/).*\.js$/s.test(path))) return false;
  return isModuleScope(root, await realpath(workspaceRoot));
}

/** The whole build output at its place in the workspace, and with it what the entry loads from elsewhere: node_modules, workspace libraries. */
async function layTraced(artifact: FilesArtifact, folder: string, root: string): Promise<Laid> {
  const base = inside(root, folder, artifact);
  const entry = await realpath(join(folder, artifact.entry));
  const cwd = await packageFolder(root, dirname(inside(root, entry, artifact)));
  const own = await walk(folder, new Set(['node_modules']));
  const traced = await trace(root, entry, join(root, cwd));
  const links = new Map([...own.links.map((one) => ({ ...one, path: posix.join(base, one.path) })), ...traced.links].map((one) => [one.path, one]));
  return {
    root, cwd, entry: posix.relative(cwd, inside(root, entry, artifact)),
    files: [...new Set([...own.files.map((path) => posix.join(base, path)), ...traced.files])],
    links: [...links.values()],
    problems: [...own.problems, ...traced.problems],
    warnings: traced.warnings,
  };
}

function inside(root: string, path: string, artifact: FilesArtifact): string {
  const found = relative(root, path).split(sep).join('/');
  if (found === '..' || found.startsWith('../')) throw unsafe([`${quoted(path)} lies outside ${quoted(root)}`], artifact.path);
  return found === '' ? '.' : found;
}

/** The nearest folder upwards that holds a package.json. */
async function packageFolder(root: string, from: string): Promise<string> {
  for (let folder = from; folder !== '.'; folder = posix.dirname(folder)) {
    const found = await lstat(join(root, folder, 'package.json')).catch(() => undefined);
    if (found !== undefined) return folder;
  }
  return '.';
}

function danglingLinks({ files, links }: Found): string[] {
  if (links.length === 0) return [];
  const targets = new Map(links.map(({ path, link }) => [path, link]));
  const known = new Set(['', ...[...files, ...targets.keys()].flatMap((path) => [path, ...parents(path)])]);
  return links.filter(({ path }) => !known.has(follow(path, targets) ?? '')).map(({ path, link }) => `the link ${quoted(path)} points to ${quoted(link)}, which is not part of the artifact`).sort();
}
