/**
 * Proves that the layers hold all that the service loads: they are laid out in a folder of their own, and this machine's Node loads the entry there, without the variables of
 * the command. It ends as soon as the service begins to listen or to connect. A module that cannot be loaded fails the build; anything else that goes wrong is told.
 */
import { lstat, mkdtemp, mkdir, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BuildEvent, BuildSite } from '../../builder.js';
import { DeployError, diskFull } from '../../../errors.js';
import type { Ms } from '../../../model/index.js';
import { platformName } from '../../layout/documents.js';
import type { Digest, Platform } from '../../oci.js';
import { plain } from '../../registry/plain.js';
import type { RunResult } from '../../../shell/run.js';
import { cancelled } from './cancelled.js';
import { moduleFailure, printedFailure, printedPlace, type ModuleFailure } from './module-failure.js';
import type { Reported } from './preload.js';
import { layOut, layOutByLinks } from './lay-out.js';
import { ServiceProcess } from './service-process.js';

export interface SmokeImport {
  readonly platform: Platform;
  /** Those that lie on the base, the lowest first; all in the store. */
  readonly layers: readonly Digest[];
  /** Absolute in the image. */
  readonly workingDirectory: string;
  readonly entry: string;
  /** Of the image, what its options say. */
  readonly env: Readonly<Record<string, string>>;
  /** Version of Node in the image, when its base tells; what is too new for the Node here is then not held against the service. */
  readonly node?: string;
  readonly limit: Ms;
  /** A process that waits for its service, started with {@link serviceEnvironment} of the same `env`; undefined when there is none, or no other one. */
  readonly waiting?: () => Promise<ServiceProcess | undefined>;
  /** The service loads; once for each process that is started for it. */
  readonly onStarted?: () => void;
  /** Does something else than `node <entry>` start? The entry is then only loaded when there is one. */
  readonly otherCommand?: boolean;
}

const LINES_KEPT = 40;
const LINES_TOLD = 100;
const LONGEST_LINE = 300;
/** A file that is not found may lie in another layer. */
const MAY_BE_LINKS = /ENOENT|ENOTDIR|not found|no such file|cannot find|failed to load|read-only|EACCES|EPERM/i;
/** They are about the image's own files and libraries, which do not lie where they say here. */
const NOT_HERE = /^(?:PATH|NODE_OPTIONS|NODE_PATH|NODE_REPL_.*|NODE_V8_COVERAGE|NODE_EXTRA_CA_CERTS|LD_.*|DYLD_.*)$/;

/**
 * Resolves with what a person should know, one line each; none when all is well.
 * @throws DeployError ND-IMAGE-SMOKE for what cannot be loaded; ND-DISK-FULL; ND-CANCELLED
 */
export async function smokeImport(smoke: SmokeImport, site: BuildSite): Promise<readonly string[]> {
  const { TMPDIR: place = tmpdir() } = site.variables;
  const temporary = await realpath(await mkdtemp(join(place, 'nx-deploy-smoke-')));
  try {
    const found = await loadByLinks(smoke, temporary, site);
    if (found !== undefined) return found;
    const folders = await foldersIn(temporary, 'real');
    await layOut(site.store, smoke.layers, folders.root, site.signal);
    return await load(smoke, folders, site);
  } catch (thrown) {
    throw diskFull(thrown, { what: 'the service could not be laid out for its smoke import', where: place, again: 'build the image again (TMPDIR names another folder)' }) ?? thrown;
  } finally {
    await rm(temporary, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** What the import finds upon a copy of the modules that is kept; undefined when it has to be done with real files, as it may be the links that make it fail. */
async function loadByLinks(smoke: SmokeImport, temporary: string, site: BuildSite): Promise<readonly string[] | undefined> {
  const folders = await foldersIn(temporary, 'linked');
  const copy = await layOutByLinks(site.store, smoke.layers, folders.root, site.signal);
  if (copy === undefined) return undefined;
  const events: BuildEvent[] = [];
  try {
    const notes = await load(smoke, { ...folders, copy: await realpath(copy) }, { ...site, onEvent: (event) => events.push(event) });
    if (notes.some((note) => MAY_BE_LINKS.test(note))) return undefined;
    events.forEach(site.onEvent);
    return notes;
  } catch (thrown) {
    if (thrown instanceof DeployError && thrown.code === 'ND-IMAGE-SMOKE') return undefined;
    throw thrown;
  }
}

async function foldersIn(temporary: string, name: string): Promise<Folders> {
  const folder = join(temporary, name);
  const root = join(folder, 'root');
  await mkdir(root, { recursive: true });
  return { temporary: folder, root };
}

interface Folders {
  readonly temporary: string;
  readonly root: string;
  /** Where the modules lie that are linked to. */
  readonly copy?: string;
}

async function load(smoke: SmokeImport, { temporary, root, copy = root }: Folders, { variables, signal, onEvent }: BuildSite): Promise<readonly string[]> {
  const folder = join(root, smoke.workingDirectory);
  const entry = join(folder, smoke.entry);
  const inImage = (text: string): string => [root, copy].reduce((inside, folder) => inside.replaceAll(`file://${folder}/`, '/').replaceAll(`${folder}/`, '/'), text);
  const isFile = await lstat(entry).then((stat) => stat.isFile() || stat.isSymbolicLink(), () => false);
  if (!isFile && smoke.otherCommand === true) return [`no smoke import for ${platformName(smoke.platform)}: the command of the image is another, and there is no ${plain(smoke.entry)} in it`];
  if (!isFile) throw failure(smoke, { why: 'there is no such file in the image' }, inImage(entry));
  const service = await smoke.waiting?.() ?? await ServiceProcess.start({ folder: temporary, env: serviceEnvironment(smoke.env, variables), ...(signal === undefined ? {} : { signal }) });
  const placed = (text: string): string => inImage(text.replaceAll(service.link, entry));
  const lines: string[] = [];
  let told = 0;
  const onLine = (text: string): void => {
    const line = plain(placed(text), LONGEST_LINE);
    lines.push(line);
    if (lines.length > LINES_KEPT) lines.shift();
    told += 1;
    if (told <= LINES_TOLD) onEvent({ type: 'output', source: 'smoke import', line });
  };
  const result = await service.load({ folder, entry, limit: smoke.limit, onLine, ...(smoke.onStarted === undefined ? {} : { onStarted: smoke.onStarted }) });
  if (result.cancelled) throw cancelled();
  return verdict(smoke, result, { reported: await reportIn(service.report), lines, inImage: placed });
}

/** Nothing of the command's variables but the PATH: no secret can be printed, sent or taken into account. */
export function serviceEnvironment(env: Readonly<Record<string, string>>, { PATH = '' }: NodeJS.ProcessEnv): Readonly<Record<string, string>> {
  const own = Object.entries(env).filter(([name]) => !NOT_HERE.test(name));
  return Object.fromEntries([['NODE_ENV', 'production'], ...own, ['PATH', PATH], ['PORT', '0']]);
}

interface Seen {
  readonly reported: readonly Reported[];
  /** The last that it printed. */
  readonly lines: readonly string[];
  readonly inImage: (text: string) => string;
}

function verdict(smoke: SmokeImport, { exitCode, signal, timedOut, startError }: RunResult, { reported, lines, inImage }: Seen): readonly string[] {
  const errors = reported.flatMap((line) => ('error' in line ? [line.error] : []));
  for (const error of errors) {
    const found = moduleFailure(error, !isNewer(smoke.node));
    if (found !== undefined) throw failure(smoke, found, inImage(found.importer ?? printedPlace(lines) ?? smoke.entry), inImage);
  }
  if (reported.some((line) => 'passed' in line)) return [];
  const of = `the smoke import of ${smoke.entry} (${platformName(smoke.platform)})`;
  if (startError !== undefined) return [`${of} could not be started: ${plain(startError)}`];
  if (timedOut) return [`${of} was still loading after ${smoke.limit / 1_000} s and was ended; what it had loaded until then is in the image`];
  if (exitCode === 0) return [];
  const printed = printedFailure(lines);
  if (printed !== undefined) throw failure(smoke, printed, printed.importer ?? smoke.entry, inImage);
  const [error] = errors;
  const last = error === undefined ? lines.findLast((line) => line.trim() !== '') : plain(inImage(`${error.name}: ${error.message.split('\n')[0] ?? ''}`), LONGEST_LINE);
  return [`${of} ended by itself (${exitCode === undefined ? signal ?? 'no exit code' : `exit code ${exitCode}`})${last === undefined ? '' : `: ${last}`}; all that it loaded until then is in the image`];
}

function failure({ entry, platform }: SmokeImport, { why, module }: ModuleFailure, importer: string, inImage = (text: string): string => text): DeployError {
  return new DeployError('ND-IMAGE-SMOKE', {
    what: `the image for ${platformName(platform)} cannot load ${plain(entry)}`, where: plain(importer, LONGEST_LINE), why: plain(inImage(why), LONGEST_LINE),
    next: module === undefined ? 'correct what the build writes, then build the image again'
      : `make ${plain(inImage(module), 100)} part of the build's output, or of the image by the artifact's "dependencies" in deploy.json, then build the image again`,
  });
}

/** A program that is killed while it writes leaves half a line. */
async function reportIn(file: string): Promise<readonly Reported[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.split('\n').flatMap((line) => {
    try {
      return line === '' ? [] : [JSON.parse(line) as Reported];
    } catch {
      return [];
    }
  });
}

function isNewer(version: string | undefined): boolean {
  const [major = 0, minor = 0] = (version ?? '').split('.').map(Number);
  const [ownMajor = 0, ownMinor = 0] = process.versions.node.split('.').map(Number);
  return major > ownMajor || (major === ownMajor && minor > ownMinor);
}
