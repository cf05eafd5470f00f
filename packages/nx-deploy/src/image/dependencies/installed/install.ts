/** One install in a folder of its own, and what of it goes into the image. */
import { chmod, lstat, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, posix } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { follow, quoted } from '../../../archive/manifest.js';
import { FILES_AT_ONCE, mapLimited } from '../../../archive/parallel.js';
import { walk } from '../../../archive/walk.js';
import { DeployError } from '../../../errors.js';
import { run } from '../../../shell/run.js';
import type { BuildSite } from '../../builder.js';
import type { Entry } from '../../layer/index.js';
import { unsafe } from '../../layer/entry.js';
import { SERVICE_FOLDER } from '../layers.js';
import { installArguments, platformSettings, type InstallRequest } from './package-program.js';
import type { Prepared } from './prepare.js';
import type { Settings } from './settings.js';

const TIMEOUT_MS = 15 * 60 * 1_000;
const LINES_SHOWN = 15;
/** Records of the install with times, addresses and absolute paths; node-gyp's leftovers hold the same. */
const RECORDS = /^node_modules\/\.[^/]+$|^node_modules\/\.(?:pnpm\/lock\.yaml|cache\/)|\/build\/(?:config\.gypi|Makefile|[^/]+\.mk|gyp-[^/]+|Release\/(?:obj\.target|\.deps|obj)\/)/;
const SHIM = /(?:^|\/)\.bin\/[^/]+$/;
const LARGEST_SHIM = 64 * 1024;

/** A folder with the manifest, the lock file and the settings; `remove` takes it away. */
export interface InstallFolder {
  readonly folder: string;
  readonly remove: () => Promise<void>;
}

export async function makeFolder({ files }: Prepared, settings: Settings, request: InstallRequest): Promise<InstallFolder> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'nx-deploy-install-')));
  const extra = platformSettings(request);
  const all = new Map<string, string | Buffer>([...settings.files, ...files]);
  if (extra.text !== undefined) all.set(extra.text[0], `${withoutLinker(extra.text[0], all.get(extra.text[0])?.toString() ?? '')}${extra.text[1]}`);
  if (extra.manifest !== undefined) all.set('package.json', JSON.stringify({ ...JSON.parse(all.get('package.json')?.toString() ?? '{}') as object, ...extra.manifest }));
  for (const [path, content] of all) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content, { mode: 0o600 });
  }
  return { folder, remove: () => rm(folder, { recursive: true, force: true, maxRetries: 3 }) };
}

/** Keys stand once in a YAML file; those that are added replace what the workspace says. */
function withoutLinker(file: string, text: string): string {
  if (file !== '.yarnrc.yml') return text === '' || text.endsWith('\n') ? text : `${text}\n`;
  return text.split(/\r?\n/).filter((line) => !/^(?:nodeLinker|enableTelemetry|yarnPath):/.test(line)).map((line) => `${line}\n`).join('');
}

/** @throws DeployError ND-INSTALL-FAILED with the last lines, secrets replaced; ND-CANCELLED. */
export async function install(folder: string, request: InstallRequest, settings: Settings, site: BuildSite): Promise<void> {
  const argv = installArguments(request);
  const last: string[] = [];
  const result = await run(argv, {
    cwd: folder, env: settings.environment, timeout: TIMEOUT_MS, redact: settings.redact, ...(site.signal === undefined ? {} : { signal: site.signal }),
    onLine: (line) => {
      last.push(line);
      if (last.length > LINES_SHOWN) last.shift();
      site.onEvent({ type: 'output', source: request.manager.name, line });
    },
  });
  if (result.exitCode === 0) return;
  if (result.cancelled) throw new DeployError('ND-CANCELLED', { what: 'the build of the image was cancelled', where: argv.join(' ') });
  const ended = result.timedOut ? `it did not end within ${TIMEOUT_MS / 60_000} minutes` : result.startError ?? `it ended with ${result.signal ?? `exit code ${result.exitCode ?? 'unknown'}`}`;
  throw new DeployError('ND-INSTALL-FAILED', {
    what: `${request.manager.name} could not install the dependencies of the service`, where: argv.join(' '), why: ended, problems: last.filter((line) => line.trim() !== '').map(printable),
    next: 'read its last lines above: a registry that cannot be reached or wants a token, a package that is gone, or a lock file that does not fit; then build the image again',
  });
}

function printable(line: string): string {
  return stripVTControlCharacters(line).replace(/[^\x20-\x7e]/g, '?');
}

/** Its node_modules as entries of a layer: files, and links that stay inside. */
export async function installedEntries(folder: string): Promise<readonly Entry[]> {
  const root = await lstat(join(folder, 'node_modules')).catch(() => undefined);
  if (root?.isDirectory() !== true) return [];
  const { files, links, problems } = await walk(join(folder, 'node_modules'));
  if (problems.length > 0) throw unsafe(problems);
  const kept = await mapLimited(files.map((path) => `node_modules/${path}`).filter((path) => !RECORDS.test(path)), FILES_AT_ONCE, async (path): Promise<Entry | undefined> => {
    const source = join(folder, path);
    const stat = await lstat(source);
    // Where a manager writes scripts rather than links, they name this folder.
    if (SHIM.test(path) && stat.size <= LARGEST_SHIM && (await readFile(source, 'utf8')).includes(folder)) return undefined;
    if ((stat.mode & 0o400) === 0) await chmod(source, 0o600);
    return { path: `${SERVICE_FOLDER}/${path}`, type: 'file', mode: stat.mode, source, size: stat.size };
  });
  return [...kept.filter((entry) => entry !== undefined), ...linkEntries(links)];
}

/** A link out of node_modules is one to a library, which lies in a layer of its own under the same name. */
function linkEntries(links: readonly { readonly path: string; readonly link: string }[]): Entry[] {
  const targets = new Map(links.map(({ path, link }) => [`node_modules/${path}`, link]));
  const problems: string[] = [];
  const entries = [...targets].flatMap(([path, target]): Entry[] => {
    const end = follow(path, targets);
    if (end === undefined) problems.push(`${quoted(path)}: the link to ${quoted(target)} leaves the folder of the install or never ends`);
    return end?.startsWith('node_modules/') === true && !posix.isAbsolute(target) ? [{ path: `${SERVICE_FOLDER}/${path}`, type: 'symlink', target }] : [];
  });
  if (problems.length > 0) throw unsafe(problems);
  return entries;
}
