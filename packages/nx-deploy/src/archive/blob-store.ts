/**
 * Files by content: `<folder>/sha256/ab/<64 hex>`, or `<64 hex>.x` for an executable one, as the mode belongs to the inode that releases share.
 * Each is written under `<folder>/temporary`, checked, flushed and renamed, so that a kill at any instruction leaves no half of a file under its name.
 */
import { randomUUID } from 'node:crypto';
import { lstat, mkdir, open, readdir, rename, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { blobPath, intact, touch } from './blob.js';
import type { CollectedFile } from './collect.js';
import type { ManifestEntry } from './manifest.js';
import { materialise } from './materialise.js';
import { FILES_AT_ONCE, mapLimited } from './parallel.js';
import { readSource } from './source-file.js';
import { errorCode } from '../errors.js';
import { changedError, storageError } from './storage-error.js';

/** What nothing refers to yet may belong to a deploy that is under way. */
const YOUNG_MS = 60 * 60 * 1_000;
const BLOB = /^([0-9a-f]{64})(\.x)?$/;

export interface BlobStore {
  /** Copies the file unless it is there. Rejects with ND-ARTIFACT-CHANGED when the source is no longer what was collected, ND-DISK-FULL when it does not fit. */
  put(file: CollectedFile): Promise<{ readonly stored: boolean }>;
  /** {@link put} for all files of an artifact; `stored` counts the new ones. */
  putAll(files: readonly (CollectedFile | ManifestEntry)[]): Promise<{ readonly stored: number; readonly bytes: number }>;
  /** Builds the release folder `target` of hard links to what was put. A target that exists is complete and left alone. */
  materialise(files: readonly ManifestEntry[], target: string): Promise<void>;
  /**
   * Removes what is not in `keep` (SHA-256 in hexadecimal) and was not touched for an hour; also what killed writers left.
   * A release folder keeps its files: they are links of their own. A dry run counts and removes nothing.
   */
  prune(keep: ReadonlySet<string>, dryRun?: boolean): Promise<{ readonly removed: number; readonly bytes: number }>;
}

/** `now` in ms since 1970, for the age of what is pruned. */
export function openBlobStore(folder: string, options: { readonly now?: () => number } = {}): BlobStore {
  const now = options.now ?? Date.now;
  const put: BlobStore['put'] = async (file) => {
    try {
      return { stored: await putFile(folder, file) };
    } catch (error) {
      throw storageError(error, folder);
    }
  };
  return {
    put,
    putAll: async (files) => {
      const sources = new Map(files.flatMap((file) => ('source' in file ? [[blobPath(folder, file), file] as const] : [])));
      const results = await mapLimited([...sources.values()], FILES_AT_ONCE, async (file) => ((await put(file)).stored ? file.size : undefined));
      const sizes = results.filter((size) => size !== undefined);
      return { stored: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
    },
    materialise: (files, target) => materialise((file) => blobPath(folder, file), files, target),
    prune: (keep, dryRun = false) => prune(folder, keep, now() - YOUNG_MS, dryRun),
  };
}

async function putFile(folder: string, file: CollectedFile): Promise<boolean> {
  const blob = blobPath(folder, file);
  if (await intact(blob, file.size) && await touch(blob)) return false;
  const temporary = join(folder, 'temporary', randomUUID());
  await mkdir(join(folder, 'temporary'), { recursive: true, mode: 0o700 });
  await mkdir(join(blob, '..'), { recursive: true, mode: 0o700 });
  const handle = await open(temporary, 'wx', 0o600);
  try {
    await copyInto(handle, file);
    await handle.chmod(file.mode === 0o755 ? 0o555 : 0o444);
    const second = Math.floor(Date.now() / 1_000);
    await handle.utimes(second, second);
    await handle.sync();
    await handle.close();
    await rename(temporary, blob);
  } catch (error) {
    await handle.close().catch(() => undefined);
    await rm(temporary, { force: true });
    throw error;
  }
  return true;
}

async function copyInto(handle: FileHandle, file: CollectedFile): Promise<void> {
  if (typeof file.source !== 'string') {
    await handle.writeFile(file.source);
    return;
  }
  const { size, sha256 } = await readSource(file.source, async (chunk) => {
    for (let done = 0; done < chunk.length;) done += (await handle.write(chunk, done)).bytesWritten;
  });
  if (size !== file.size || sha256 !== file.sha256) throw changedError(file.source, 'its content is not what it was when the artifact was collected');
}

async function prune(folder: string, keep: ReadonlySet<string>, before: number, dryRun: boolean): Promise<{ removed: number; bytes: number }> {
  let removed = 0;
  let bytes = 0;
  const root = join(folder, 'sha256');
  for (const prefix of await list(root)) {
    for (const name of await list(join(root, prefix))) {
      const digest = BLOB.exec(name)?.[1];
      if (digest === undefined || keep.has(digest)) continue;
      const freed = await removeOld(join(root, prefix, name), before, dryRun);
      if (freed === undefined) continue;
      removed += 1;
      bytes += freed;
    }
  }
  for (const name of await list(join(folder, 'temporary'))) await removeOld(join(folder, 'temporary', name), before, dryRun);
  return { removed, bytes };
}

async function list(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return [];
    throw error;
  });
}

/** The bytes it had; undefined when it is too young or already gone. Every link made and every touch makes it young. */
async function removeOld(path: string, before: number, dryRun: boolean): Promise<number | undefined> {
  const stat = await lstat(path).catch(() => undefined);
  if (stat === undefined || stat.ctimeMs > before) return undefined;
  if (!dryRun) await rm(path, { force: true });
  return stat.size;
}
