/** How much smaller the package is than what it was developed in, by folder, and why the rest was left out. */
import { lstatSync, readdirSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import type { PackedFile } from './application.js';
import { whyLeftOut } from './reasons.js';

export interface Sum {
  readonly files: number;
  /** Bytes of the files, not of the blocks that they take. */
  readonly bytes: number;
}

export interface SizeReport {
  /** The project's folder, and the modules that it is developed with. */
  readonly tree: Sum;
  /** Of the tree, by its folders; `.` for the files in the folder itself. `packed` is the part of it that is in the package. The biggest first. */
  readonly folders: readonly (Sum & { readonly path: string; readonly packed: Sum })[];
  /** The biggest first. */
  readonly leftOut: readonly (Sum & { readonly reason: string })[];
  /** Of the package, by its folders. */
  readonly package: readonly (Sum & { readonly path: string })[];
  /** Bytes of the archive. */
  readonly archive: number;
  /** How much of the tree is saved by the archive, in percent. */
  readonly saved: number;
}

export interface SizeQuery {
  /** Absolute. */
  readonly workspaceRoot: string;
  /** Relative to the workspace. */
  readonly projectRoot: string;
  readonly files: readonly PackedFile[];
  readonly sources: ReadonlySet<string>;
  /** What deploy.json leaves out; paths relative to the project. */
  readonly excluded: (path: string) => boolean;
  readonly archive: number;
  readonly signal?: AbortSignal;
}

/** Folders in which what is made of a project lies; they are not what it was developed in. */
const MADE = /^dist\/(?:packages|package-runs|images|image-runs)$/;
/** Timers and signals have their turn between so many folders. */
const A_TURN = 64;

export async function sizeReport(query: SizeQuery): Promise<SizeReport> {
  const root = await realpath(query.workspaceRoot);
  const project = join(root, query.projectRoot);
  const seen: Found[] = [];
  await list(project, project, query.sources, seen, query.signal);
  const isRoot = relative(root, project) === '';
  if (!isRoot) await list(join(root, 'node_modules'), root, query.sources, seen, query.signal);
  const folders = sums(seen, ({ folder }) => folder).map(({ key, files, bytes }) => ({ path: key, files, bytes, packed: total(seen.filter(({ folder, packed }) => packed && folder === key)) }));
  const leftOut = sums(seen.filter(({ packed }) => !packed), ({ path, own }) => (own && query.excluded(path) ? 'left out by "exclude"' : whyLeftOut(path))).map(({ key, ...sum }) => ({ reason: key, ...sum }));
  const packed = query.files.flatMap((file) => ('link' in file ? [] : [{ folder: topOf(file.path), bytes: file.size }]));
  const tree = total(seen);
  return {
    tree, folders, leftOut, package: sums(packed, ({ folder }) => folder).map(({ key, ...sum }) => ({ path: key, ...sum })),
    archive: query.archive, saved: tree.bytes === 0 ? 0 : Math.floor((1 - query.archive / tree.bytes) * 1_000) / 10,
  };
}

interface Found {
  /** Relative to what was listed. */
  readonly path: string;
  readonly folder: string;
  readonly bytes: number;
  readonly packed: boolean;
  /** Of the project, not of the modules beside it. */
  readonly own: boolean;
}

/** Links are what they are: nothing is counted twice. */
async function list(start: string, base: string, sources: ReadonlySet<string>, into: Found[], signal?: AbortSignal): Promise<void> {
  const todo = [start];
  for (let count = 1; todo.length > 0; count += 1) {
    const at = todo.pop() ?? '';
    if (count % A_TURN === 0) await new Promise(setImmediate);
    signal?.throwIfAborted();
    for (const entry of entriesOf(at)) {
      const file = join(at, entry.name);
      const path = relative(base, file).split(sep).join('/');
      if (entry.isDirectory()) {
        if (!MADE.test(path)) todo.push(file);
      } else if (entry.isFile()) into.push({ path, folder: topOf(path), bytes: lstatSync(file, { throwIfNoEntry: false })?.size ?? 0, packed: sources.has(file), own: start === base });
    }
  }
}

/** What another program removes meanwhile, or what may not be read, counts as nothing. */
function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

function topOf(path: string): string {
  const at = path.indexOf('/');
  return at < 0 ? '.' : path.slice(0, at);
}

function total(found: readonly { readonly bytes: number }[]): Sum {
  return { files: found.length, bytes: found.reduce((sum, { bytes }) => sum + bytes, 0) };
}

function sums<T extends { readonly bytes: number }>(all: readonly T[], keyOf: (one: T) => string): readonly (Sum & { readonly key: string })[] {
  const found = new Map<string, { files: number; bytes: number }>();
  for (const one of all) {
    const key = keyOf(one);
    const sum = found.get(key) ?? { files: 0, bytes: 0 };
    sum.files += 1;
    sum.bytes += one.bytes;
    found.set(key, sum);
  }
  return [...found].map(([key, sum]) => ({ key, ...sum })).sort((a, b) => b.bytes - a.bytes || (a.key < b.key ? -1 : 1));
}
