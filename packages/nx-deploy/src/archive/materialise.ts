import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, copyFile, link, lstat, mkdir, open, readdir, rename, rm, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DeployError, errorCode } from '../errors.js';
import { intact } from './blob.js';
import { assertSafe, parents, quoted, unsafe, type ManifestEntry, type ManifestFile } from './manifest.js';
import { FILES_AT_ONCE, mapLimited } from './parallel.js';
import { storageError } from './storage-error.js';

/** A builder that is still at work is younger than this. */
const ABANDONED_MS = 60 * 60 * 1_000;
/** Another file system, too many links to one file, or a file system or kernel (fs.protected_hardlinks) that allows none. */
const NO_LINK = new Set(['EXDEV', 'EMLINK', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/**
 * Lays the files out in `target`: complete or not there at all, as it is built beside its place and renamed. A target that exists is complete.
 * Rejects with ND-ARTIFACT-UNSAFE before anything is written when an entry would leave the folder, with ND-STATE-DAMAGED when a stored file is gone or changed.
 */
export async function materialise(blobOf: (file: ManifestFile) => string, entries: readonly ManifestEntry[], target: string): Promise<void> {
  assertSafe(entries, target);
  if (await exists(target)) return;
  const parent = dirname(target);
  const temporary = join(parent, `.${basename(target)}.${randomUUID()}.building`);
  try {
    await mkdir(parent, { recursive: true });
    await removeAbandoned(parent, target);
    await mkdir(temporary);
    await build(blobOf, entries, temporary);
    await rename(temporary, target);
    await flush(parent);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    // Somebody else built the same release first.
    if (['ENOTEMPTY', 'EEXIST'].includes(errorCode(error) ?? '') && await exists(target)) return;
    throw storageError(error, target);
  }
}

async function build(blobOf: (file: ManifestFile) => string, entries: readonly ManifestEntry[], root: string): Promise<void> {
  const folders = new Set(entries.flatMap((entry) => parents(entry.path)));
  for (const folder of [...folders].sort()) await mkdir(join(root, folder), { recursive: true });
  await mapLimited(entries, FILES_AT_ONCE, async (entry) => {
    const path = join(root, entry.path);
    try {
      if ('link' in entry) await symlink(entry.link, path);
      else await place(blobOf(entry), entry, path);
    } catch (error) {
      // The list has every path once, so the file system takes two of them for one.
      if (errorCode(error) === 'EEXIST') throw unsafe([`${quoted(entry.path)}: this file system cannot tell it from another path of the artifact`], root);
      throw error;
    }
  });
}

async function place(blob: string, file: ManifestFile, path: string): Promise<void> {
  if (!await intact(blob, file.size)) throw damaged(blob);
  try {
    await link(blob, path);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT') throw damaged(blob);
    if (code === undefined || !NO_LINK.has(code)) throw error;
    await copyFile(blob, path, constants.COPYFILE_EXCL);
    await chmod(path, file.mode === 0o755 ? 0o555 : 0o444);
  }
}

function damaged(blob: string): DeployError {
  return new DeployError('ND-STATE-DAMAGED', {
    what: 'a stored file of the release is gone or was changed',
    where: quoted(blob),
    next: 'deploy again: the file is stored anew from the build',
  });
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(() => true, () => false);
}

async function removeAbandoned(parent: string, target: string): Promise<void> {
  const names = (await readdir(parent)).filter((name) => name.startsWith(`.${basename(target)}.`) && name.endsWith('.building'));
  for (const name of names) {
    const stat = await lstat(join(parent, name)).catch(() => undefined);
    if (stat !== undefined && Date.now() - stat.ctimeMs > ABANDONED_MS) await rm(join(parent, name), { recursive: true, force: true });
  }
}

/** The rename survives a power cut. */
async function flush(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
