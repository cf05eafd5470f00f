/** Takes a package apart in an empty folder, and believes nothing that it says. */
import { createHash } from 'node:crypto';
import { closeSync, constants, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { follow, parents, quoted } from '../archive/manifest.js';
import { badMember } from '../image/layer/entry.js';
import { errorCode } from '../errors.js';
import type { Member } from '../image/layer/header.js';
import { readTar } from '../image/layer/read.js';
import { invalidPackage } from './failures.js';
import { gunzip } from './gunzip.js';

/** What no honest package comes near to. */
export interface ExtractLimits {
  /** Files, links and folders. */
  readonly entries: number;
  /** Bytes of the archive's content. */
  readonly bytes: number;
}

export const EXTRACT_LIMITS: ExtractLimits = { entries: 500_000, bytes: 8 * 1024 ** 3 };

export interface ExtractedFile {
  readonly path: string;
  readonly size: number;
  /** 64 hexadecimal digits, of what was written to the disk. */
  readonly sha256: string;
  readonly executable: boolean;
}

export interface ExtractedLink {
  readonly path: string;
  readonly target: string;
}

export interface Extracted {
  readonly files: readonly ExtractedFile[];
  /** Not made: that is for whoever knows that they belong there. Each leads to something in the package, or to nothing. */
  readonly links: readonly ExtractedLink[];
}

const NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * Only regular files and folders are made, all of them anew, so that nothing is ever written through a link. Memory is bounded.
 * @param folder absolute, there, and empty; with the privacy that the files are to have
 * @throws DeployError ND-PACKAGE-INVALID for an archive that is damaged, for paths that are absolute or leave the folder, links that leave it, devices, entries that stand
 * twice, and more than `limits` allow
 */
export async function extractPackage(archive: string, folder: string, limits: ExtractLimits = EXTRACT_LIMITS, signal?: AbortSignal): Promise<Extracted> {
  const refuse = (why: string, path?: string): Error => invalidPackage(archive, [path === undefined ? why : `${quoted(path)}: ${why}`]);
  const files: ExtractedFile[] = [];
  const links = new Map<string, string>();
  const seen = new Map<string, Member['type']>([['', 'directory']]);
  await readTar(gunzip(archive, limits.bytes, refuse), refuse, async (member, content) => {
    signal?.throwIfAborted();
    const { path, type, target = '' } = member;
    if (seen.size > limits.entries) throw refuse(`it holds more than ${limits.entries} entries`);
    const problem = badMember(member) ?? badPlace(path, seen);
    if (problem !== undefined) throw refuse(problem, path);
    seen.set(path, type);
    if (type === 'symlink') links.set(path, target);
    else if (type === 'directory') mkdirSync(join(folder, path), 0o700);
    else files.push(await writeFile(join(folder, path), member, content, refuse));
  });
  for (const [path, target] of links) if (follow(path, links) === undefined) throw refuse(`the link to ${quoted(target)} leaves the package or never ends`, path);
  return { files, links: [...links].map(([path, target]) => ({ path, target })) };
}

/** As it is written: every folder on its way was there before, and nothing stands twice. */
function badPlace(path: string, seen: ReadonlyMap<string, Member['type']>): string | undefined {
  if (seen.has(path)) return 'it stands twice in the archive';
  const above = parents(path).find((folder) => seen.get(folder) !== 'directory');
  return above === undefined ? undefined : `${quoted(above)} on its way is no folder of the archive`;
}

async function writeFile(file: string, { path, mode }: Member, content: AsyncIterable<Buffer>, refuse: (why: string, path: string) => Error): Promise<ExtractedFile> {
  if (mode !== 0o644 && mode !== 0o755) throw refuse('its mode is neither 0644 nor 0755', path);
  const hash = createHash('sha256');
  let size = 0;
  let descriptor: number;
  try {
    descriptor = openSync(file, NEW, mode === 0o755 ? 0o700 : 0o600);
  } catch (thrown) {
    throw errorCode(thrown) === 'EEXIST' ? refuse('this file system cannot tell it from another path of the archive', path) : thrown;
  }
  try {
    for await (const piece of content) {
      hash.update(piece);
      size += piece.length;
      for (let done = 0; done < piece.length;) done += writeSync(descriptor, piece, done);
    }
  } finally {
    closeSync(descriptor);
  }
  return { path, size, sha256: hash.digest('hex'), executable: mode === 0o755 };
}
