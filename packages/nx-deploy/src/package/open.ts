/** A package taken apart and checked: what is not found here to be what it was when it was made is refused. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, symlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { LINKS, parseChecksums, parseLinks, SIGNATURE_FILES } from 'nx-build-manifest';
import { quoted } from '../archive/manifest.js';
import { errorCode } from '../errors.js';
import { readCompatibility, readInfo, type DeploymentInfo, type VersionCompatibility } from './documents.js';
import { extractPackage, EXTRACT_LIMITS, type Extracted, type ExtractedFile, type ExtractedLink, type ExtractLimits } from './extract.js';
import { invalidPackage } from './failures.js';
import { CHECKSUMS, COMPATIBILITY, INFO, MANIFEST } from './layout.js';

export interface OpenPackage {
  /** Absolute; holds the regular files. */
  readonly folder: string;
  readonly files: readonly ExtractedFile[];
  readonly links: readonly ExtractedLink[];
  readonly info: DeploymentInfo;
  readonly compatibility: VersionCompatibility;
  /** Whether a file with the digest of the archive lay beside it. */
  readonly digestFile: boolean;
}

export interface OpenOptions {
  readonly limits?: ExtractLimits;
  readonly signal?: AbortSignal;
}

/**
 * Takes the archive apart in `folder` (absolute, there, empty), and checks it: against the file with its digest where that lies beside it, each file against checksums.txt, and
 * links against checksums.links.json, and modes against deployment-info.json. Who made it is another question, which only a signature answers.
 * @throws DeployError ND-PACKAGE-INVALID with everything that is not as it was made
 */
export async function openPackage(archive: string, folder: string, { limits = EXTRACT_LIMITS, signal }: OpenOptions = {}): Promise<OpenPackage> {
  const digestFile = await checkDigest(archive);
  const extracted = await extractPackage(archive, folder, limits, signal);
  const problems = await checksumProblems(folder, extracted);
  const [info, compatibility] = [readInfo(await text(folder, INFO)), readCompatibility(await text(folder, COMPATIBILITY))];
  if (info === undefined) problems.push(`${INFO}: it is missing, or no such document of this version`);
  else problems.push(...formProblems(info, extracted));
  problems.push(...await linkProblems(folder, extracted));
  if (compatibility === undefined) problems.push(`${COMPATIBILITY}: it is missing, or no such document of this version`);
  if (!extracted.files.some(({ path }) => path === MANIFEST)) problems.push(`${MANIFEST}: it is missing`);
  if (info === undefined || compatibility === undefined || problems.length > 0) throw invalidPackage(archive, problems);
  return { folder, ...extracted, info, compatibility, digestFile };
}

/** Makes the links of a package that was checked. */
export async function placeLinks({ folder, links }: OpenPackage): Promise<void> {
  for (const { path, target } of links) await symlink(target, join(folder, path));
}

/** `<archive>.sha256`, as sha256sum writes it, where it is there. */
async function checkDigest(archive: string): Promise<boolean> {
  let list: string;
  try {
    list = await readFile(`${archive}.sha256`, 'utf8');
  } catch (thrown) {
    if (errorCode(thrown) === 'ENOENT') return false;
    throw invalidPackage(archive, [`the file with its digest cannot be read (${errorCode(thrown) ?? 'unknown'})`]);
  }
  const [, expected, name] = /^([0-9a-f]{64}) {2}([^\n]+)\n$/.exec(list) ?? [];
  if (expected === undefined || name !== basename(archive)) throw invalidPackage(`${archive}.sha256`, ['it does not hold the digest of this package in the form of sha256sum']);
  const hash = createHash('sha256');
  for await (const piece of createReadStream(archive, { highWaterMark: 1024 * 1024 }) as AsyncIterable<Buffer>) hash.update(piece);
  const found = hash.digest('hex');
  if (found !== expected) throw invalidPackage(archive, [`its digest is ${found}, and ${basename(archive)}.sha256 says ${expected}`]);
  return true;
}

async function text(folder: string, name: string): Promise<string> {
  return readFile(join(folder, name), 'utf8').catch(() => '');
}

async function checksumProblems(folder: string, { files }: Extracted): Promise<string[]> {
  const list = await readFile(join(folder, CHECKSUMS), 'utf8').catch(() => undefined);
  if (list === undefined) return [`${CHECKSUMS}: it is missing`];
  const { entries, problems } = parseChecksums(list);
  const expected = new Map(entries.map(({ path, sha256 }) => [path, sha256]));
  const found = new Map(files.map(({ path, sha256 }) => [path, sha256]));
  return [
    ...problems.map((problem) => `${CHECKSUMS}: ${problem}`),
    ...[...expected].filter(([path]) => !found.has(path)).map(([path]) => `${quoted(path)}: it is missing`),
    ...[...found].filter(([path, sha256]) => expected.has(path) && expected.get(path) !== sha256).map(([path]) => `${quoted(path)}: it was changed, its digest is not that of ${CHECKSUMS}`),
    ...[...found.keys()].filter((path) => !expected.has(path) && !SIGNATURE_FILES.includes(path)).map((path) => `${quoted(path)}: it is not in ${CHECKSUMS}`),
  ];
}

/** What no list of digests tells. */
function formProblems(info: DeploymentInfo, { files }: Extracted): string[] {
  const executables = new Set(info.executables);
  const paths = new Set(files.map(({ path }) => path));
  return [
    ...files.filter(({ path, executable }) => executable !== executables.has(path)).map(({ path, executable }) => `${quoted(path)}: it ${executable ? 'may' : 'may not'} be run, and ${INFO} says otherwise`),
    ...info.templates.filter(({ path }) => !paths.has(path)).map(({ path }) => `${quoted(path)}: the template is missing`),
  ];
}

async function linkProblems(folder: string, { files, links }: Extracted): Promise<readonly string[]> {
  const listed = files.some(({ path }) => path === LINKS) ? parseLinks(await text(folder, LINKS)) : [];
  if (typeof listed === 'string') return [`${LINKS}: it ${listed}`];
  const expected = new Map(listed.map(({ path, target }) => [path, target]));
  const found = new Set(links.map(({ path }) => path));
  return [
    ...links.filter(({ path, target }) => expected.get(path) !== target).map(({ path }) => `${quoted(path)}: the link is not that of ${LINKS}`),
    ...listed.filter(({ path }) => !found.has(path)).map(({ path }) => `${quoted(path)}: the link is missing`),
  ];
}
