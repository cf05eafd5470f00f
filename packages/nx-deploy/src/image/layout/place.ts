/** A folder that appears whole: it is made beside its place under another name, and changes places with what was there. */
import { randomUUID } from 'node:crypto';
import { lstat, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { quoted } from '../../archive/manifest.js';
import { DeployError, errorCode } from '../../errors.js';
import { guarded, LAYOUT } from '../blobs/failures.js';
import { makeFolder } from '../blobs/folder.js';

/** What a killed build left is removed once nobody can be at work in it any more. */
const OLD_MS = 60 * 60 * 1_000;
/** Builds of one project at the same time may take each other's place; the last one stays. */
const TRIES = 10;

/** `make` fills the folder that it is given; when it fails nothing has changed. */
export async function place<T>(folder: string, make: (temporary: string) => Promise<T>): Promise<T> {
  const beside = (): string => join(dirname(folder), `.${basename(folder)}.${randomUUID()}.tmp`);
  const temporary = beside();
  await assertReplaceable(folder);
  await guarded(folder, async () => {
    await makeFolder(dirname(folder));
    await removeOld(folder);
    await mkdir(temporary);
  }, LAYOUT);
  try {
    const result = await make(temporary);
    await guarded(folder, () => swap(folder, temporary, beside()), LAYOUT);
    return result;
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    throw error;
  }
}

async function swap(folder: string, temporary: string, aside: string): Promise<void> {
  for (let left = TRIES; ; left -= 1) {
    await rename(folder, aside).catch(ignore('ENOENT'));
    await rm(aside, { recursive: true, force: true });
    try {
      await rename(temporary, folder);
      return;
    } catch (error) {
      if (left === 0 || !['ENOTEMPTY', 'EEXIST'].includes(errorCode(error) ?? '')) throw error;
    }
  }
}

/** A wrong path in the configuration must not remove anybody's sources. */
async function assertReplaceable(folder: string): Promise<void> {
  const found = await lstat(folder).catch(ignore('ENOENT', 'ENOTDIR'));
  if (found === undefined) return;
  if (!found.isDirectory()) throw occupied(folder, 'there is a file or a link');
  const names = await guarded(folder, () => readdir(folder), LAYOUT);
  if (names.length > 0 && !names.includes('oci-layout')) throw occupied(folder, 'there is a folder that is no image');
}

function occupied(folder: string, why: string): DeployError {
  return new DeployError('ND-IMAGE-INVALID', { what: 'something else lies where the image belongs, and is not replaced', where: quoted(folder), why, next: 'move it away, then build again' });
}

async function removeOld(folder: string): Promise<void> {
  const start = `.${basename(folder)}.`;
  for (const name of await readdir(dirname(folder))) {
    if (!name.startsWith(start) || !/^[0-9a-f-]{36}\.tmp$/.test(name.slice(start.length))) continue;
    const file = join(dirname(folder), name);
    const stat = await lstat(file).catch(() => undefined);
    if (stat !== undefined && Date.now() - stat.mtimeMs > OLD_MS) await rm(file, { recursive: true, force: true });
  }
}

function ignore(...codes: readonly string[]): (error: unknown) => undefined {
  return (error) => {
    if (!codes.includes(errorCode(error) ?? '')) throw error;
    return undefined;
  };
}
