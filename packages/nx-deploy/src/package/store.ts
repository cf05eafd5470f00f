/** The folder that a project's package lies in: emptied of what is ours, and then with one package that is there whole. */
import { randomUUID } from 'node:crypto';
import { copyFile, link, mkdir, open, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parents } from '../archive/manifest.js';
import { errorCode } from '../errors.js';
import { writeLayer, type Entry } from '../image/layer/index.js';
import type { Sink } from '../image/layer/tar.js';
import type { PackedFile } from './application.js';
import { writeFailure } from './failures.js';
import { isPackageName } from './layout.js';

/** `.<kind>.<process id>.<uuid>.tmp`: what a killed process left is known by its process id. */
const TEMPORARY = /^\.package\.(\d+)\.[0-9a-f-]{36}\.tmp$/;

export interface WrittenArchive {
  /** Absolute. */
  readonly file: string;
  /** Of the archive, 64 hexadecimal digits. */
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
  /** Bytes of the tar in it. */
  readonly uncompressed: number;
}

/** Removes packages of the service, what `ours` names, and what killed processes left. Everything else stays. */
export async function emptyFolder(folder: string, service: string, ours: readonly string[]): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    for (const name of await readdir(folder)) {
      const process = TEMPORARY.exec(name)?.[1];
      if (process === undefined ? isPackageName(service, name) || ours.includes(name) : !isAlive(Number(process))) await rm(join(folder, name), { recursive: true, force: true });
    }
  } catch (thrown) {
    throw writeFailure(thrown, folder);
  }
}

/** The archive, and beside it `<name>.sha256`, as sha256sum writes it. Nothing is there under these names before it is complete and on the disk. */
export async function writeArchive(folder: string, name: string, entries: readonly Entry[], mtime: number): Promise<WrittenArchive> {
  const temporary = join(folder, temporaryName());
  const file = join(folder, name);
  try {
    const handle = await open(temporary, 'wx');
    let built: Awaited<ReturnType<typeof writeLayer>>;
    try {
      const sink: Sink = async (chunk) => { for (let done = 0; done < chunk.length;) done += (await handle.write(chunk, done)).bytesWritten; };
      built = await writeLayer(entries, sink, { mtime });
      await handle.sync();
    } finally {
      await handle.close();
    }
    const sha256 = built.digest.slice('sha256:'.length);
    await replace(folder, `${name}.sha256`, `${sha256}  ${name}\n`);
    await rename(temporary, file).catch(async (thrown: unknown) => {
      await rm(`${file}.sha256`, { force: true }).catch(() => undefined);
      throw thrown;
    });
    return { file, sha256, size: built.size, uncompressed: built.uncompressed };
  } catch (thrown) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw writeFailure(thrown, file);
  }
}

export async function replace(folder: string, name: string, text: string): Promise<void> {
  const temporary = join(folder, temporaryName());
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(temporary, text, { flag: 'wx' });
    await rename(temporary, join(folder, name));
  } catch (thrown) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw writeFailure(thrown, join(folder, name));
  }
}

/** A folder of one's own in `folder`, for as long as `use` takes. */
export async function withTemporary<T>(folder: string, use: (temporary: string) => Promise<T>): Promise<T> {
  const temporary = join(folder, temporaryName());
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await removeAbandoned(folder);
    await mkdir(temporary, { mode: 0o700 });
    return await use(temporary);
  } catch (thrown) {
    throw writeFailure(thrown, folder);
  } finally {
    await rm(temporary, { recursive: true, force: true, maxRetries: 3 }).catch(() => undefined);
  }
}

/** Lays files out as real ones, or as links to where they come from: to be read and not written to. */
export async function layOut(files: readonly PackedFile[], folder: string): Promise<void> {
  for (const path of new Set(files.flatMap((file) => parents(file.path)))) await mkdir(join(folder, path), { recursive: true });
  for (const file of files) {
    const path = join(folder, file.path);
    if ('link' in file) await symlink(file.link, path);
    else if (typeof file.source !== 'string') await writeFile(path, file.source, { mode: file.mode, flag: 'wx' });
    else await linked(file.source, path);
  }
}

async function linked(source: string, path: string): Promise<void> {
  try {
    await link(source, path);
  } catch (thrown) {
    if (!['EXDEV', 'EMLINK', 'EPERM', 'ENOTSUP'].includes(errorCode(thrown) ?? '')) throw thrown;
    await copyFile(source, path);
  }
}

async function removeAbandoned(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const process = TEMPORARY.exec(name)?.[1];
    if (process !== undefined && !isAlive(Number(process))) await rm(join(folder, name), { recursive: true, force: true });
  }
}

function temporaryName(): string {
  return `.package.${process.pid}.${randomUUID()}.tmp`;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return errorCode(thrown) === 'EPERM';
  }
}
