/** Lays the layers of an image out for its smoke import, as real files or upon an unpacked copy of its biggest layer. */
import { copyFileSync, existsSync, lstatSync, mkdirSync, readdirSync, readlinkSync, symlinkSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { BlobStore } from '../../blobs/store.js';
import type { Digest } from '../../oci.js';
import { unpackLayer } from './unpack.js';

/** Bytes, compressed. Less is unpacked as fast as it is linked. */
const WORTH_KEEPING = 1024 * 1024;

/** What no module loads. The few that read such a file fail, and are judged by real files. Half of the files of usual modules are of this kind. */
const HARDLY_LOADED = /\.(?:d\.[cm]?ts|[cm]?ts|tsx|map|md|markdown|flow)$|\/(?:licen[cs]e|readme|changelog|history|authors)[^/]*$/i;

/** How the copy of a layer is unpacked that stays in the store. */
export const COPY = { readOnly: true, leaveOut: (path: string): boolean => HARDLY_LOADED.test(path) } as const;

const optional = (signal: AbortSignal | undefined): { readonly signal?: AbortSignal } => (signal === undefined ? {} : { signal });

/** Every layer as real files. */
export async function layOut(store: BlobStore, layers: readonly Digest[], root: string, signal?: AbortSignal): Promise<void> {
  for (const layer of layers) await unpackLayer(store, layer, root, optional(signal));
}

/**
 * The lowest layer, which holds the modules, by links to the copy in the store, which lacks what is hardly loaded: a folder that no other layer has is one link. All else is real files. Node looks modules up from
 * where they really lie, so a module of the copy finds none of another layer: what fails here says nothing. What loads here loads in the image.
 * @returns the folder of the copy; undefined when it is not worth it or would not be the same, and nothing was laid out
 */
export async function layOutByLinks(store: BlobStore, layers: readonly Digest[], root: string, signal?: AbortSignal): Promise<string | undefined> {
  const [lowest, ...upper] = layers;
  if (lowest === undefined || upper.length === 0) return undefined;
  const blob = await stat(store.pathOf(lowest)).catch(() => undefined);
  if (blob === undefined || blob.size < WORTH_KEEPING) return undefined;
  const copy = await store.unpacked(lowest, (folder) => unpackLayer(store, lowest, folder, { ...optional(signal), ...COPY }));
  if (hasModulesAbove(copy)) return undefined;
  await layOut(store, upper, root, signal);
  linkBelow(copy, root, copy);
  return copy;
}

/** A module that the image lacks would be found there. */
function hasModulesAbove(folder: string): boolean {
  for (let above = dirname(folder); ; above = dirname(above)) {
    if (existsSync(join(above, 'node_modules'))) return true;
    if (above === dirname(above)) return false;
  }
}

/** What is there stays, as it lies above. */
function linkBelow(from: string, to: string, copy: string): void {
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    const there = lstatSync(target, { throwIfNoEntry: false });
    if (entry.isDirectory() && there?.isDirectory() === true) linkBelow(source, target, copy);
    else if (there !== undefined) continue;
    else if (entry.isDirectory() && from === copy) {
      mkdirSync(target);
      linkBelow(source, target, copy);
    } else if (entry.isDirectory()) symlinkSync(source, target);
    else if (entry.isSymbolicLink()) symlinkSync(readlinkSync(source), target);
    else copyFileSync(source, target);
  }
}
