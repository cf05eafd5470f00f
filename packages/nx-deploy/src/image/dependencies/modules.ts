/**
 * The third-party modules of an output, which are most of its files and hardly ever change: as long as names, sizes, times and identities of all of them are what they were, so is
 * the layer, and none of them is listed, hashed and added up again. As with single files (archive/known-digests.ts) what is too young is not trusted.
 */
import { createHash } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { hashFiles, type CollectedFile, type ManifestLink } from '../../archive/index.js';
import { TICK_MS } from '../../archive/known-digests.js';
import { changedError } from '../../archive/storage-error.js';
import type { BlobStore } from '../blobs/index.js';
import type { LayerFiles, PackageSize } from '../builder.js';
import { developmentSums, type DevelopmentSums } from './development.js';
import { entryOf, filesKey, inService } from './layers.js';
import { packagesIn } from './packages.js';

/** Where modules lie, and which. Paths are relative to `root`. */
export interface ModuleFiles {
  /** Absolute. */
  readonly root: string;
  readonly files: readonly string[];
  readonly links: readonly ManifestLink[];
}

/** All that is known of the modules, whoever found it out. */
export interface Modules {
  readonly layer: LayerFiles;
  readonly development: DevelopmentSums;
  /** Those of them that are native addons. */
  readonly addons: readonly { readonly path: string }[];
  /** When they were read just now. */
  readonly read?: readonly CollectedFile[];
}

interface Remembered {
  readonly version: typeof VERSION;
  readonly seen: string;
  readonly key: string;
  readonly packages: readonly PackageSize[];
  readonly development: DevelopmentSums;
  readonly addons: readonly string[];
}

/** To be raised when one of the facts is found in another way. */
const VERSION = 2;
/** The digests of modules are not read when they need not be. */
const PART = 'modules';
/** Bytes of modules that are read for their digests and wait in memory for their layer. */
const KEPT = 32 * 1024 * 1024;

/** Rejects as `hashFiles` does. */
export async function modulesOf(modules: ModuleFiles, reason: string, store: BlobStore, now: number = Date.now()): Promise<Modules> {
  const note = store.note(`modules of ${modules.root}`);
  const { seen, newest } = look(modules);
  const before = await note.read();
  if (isRemembered(before) && before.seen === seen) return known(before, modules, reason, store);
  const read = await hash(modules, store);
  const files = laid(read, modules.links);
  const facts = {
    version: VERSION, seen, key: filesKey(files), packages: await packagesIn(read), development: developmentSums(read), addons: read.filter(isAddon).map(({ path }) => path),
  } satisfies Remembered;
  if (newest <= now - TICK_MS) await note.write(facts);
  return { ...known(facts, modules, reason, store), read, layer: layerOf(facts, reason, () => Promise.resolve(files)) };
}

function known(facts: Remembered, modules: ModuleFiles, reason: string, store: BlobStore): Modules {
  const again = async (): Promise<readonly (CollectedFile | ManifestLink)[]> => {
    const files = laid(await hash(modules, store), modules.links);
    if (filesKey(files) === facts.key) return files;
    await store.note(`modules of ${modules.root}`).write({});
    throw changedError(modules.root, 'the modules in it are not what they were when they were listed');
  };
  return { layer: layerOf(facts, reason, again), development: facts.development, addons: facts.addons.map((path) => ({ path })) };
}

function layerOf({ key, packages }: Remembered, reason: string, files: () => Promise<readonly (CollectedFile | ManifestLink)[]>): LayerFiles {
  return { kind: 'modules', reason, key, entries: async () => (await files()).map(entryOf), packages: () => Promise.resolve(packages) };
}

async function hash({ root, files }: ModuleFiles, store: BlobStore): Promise<CollectedFile[]> {
  return hashFiles(root, files, await store.digestsBelow(root, PART), KEPT);
}

function laid(files: readonly CollectedFile[], links: readonly ManifestLink[]): readonly (CollectedFile | ManifestLink)[] {
  return [...files, ...links].map(inService);
}

/** Of each file: size, times, identity and mode. As numbers: to write thousands of them as text takes longer than to ask for them. */
const FACTS = 6;

/** Everything by which a change shows, in one digest: to compare it takes no list of thousands of files. */
function look({ root, files, links }: ModuleFiles): { readonly seen: string; readonly newest: number } {
  const facts = new Float64Array(files.length * FACTS);
  let newest = 0;
  let at = 0;
  for (const path of files) {
    const stat = lstatSync(`${root}/${path}`, { throwIfNoEntry: false });
    // What is gone is like nothing that is there.
    if (stat === undefined) facts.fill(Number.NaN, at, at + FACTS);
    else facts.set([stat.size, stat.mtimeMs, stat.ctimeMs, stat.ino, stat.dev, stat.mode], at);
    at += FACTS;
    newest = Math.max(newest, stat?.mtimeMs ?? Infinity, stat?.ctimeMs ?? Infinity);
  }
  const names = [...files, '', ...links.flatMap(({ path, link }) => [path, link])].join('\0');
  return { seen: createHash('sha256').update(names).update(facts).digest('hex'), newest };
}

function isAddon({ path }: { readonly path: string }): boolean {
  return path.endsWith('.node');
}

function isRemembered(value: unknown): value is Remembered {
  if (typeof value !== 'object' || value === null) return false;
  const { version, seen, key, packages, development, addons } = value as Partial<Remembered>;
  return version === VERSION && typeof seen === 'string' && typeof key === 'string' && Array.isArray(packages) && Array.isArray(addons) && typeof development === 'object';
}
