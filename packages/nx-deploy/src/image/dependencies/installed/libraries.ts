/** Workspace libraries that the service loads by name, as real files in its node_modules. */
import { readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { minimatch } from 'minimatch';
import type { CollectedFile } from '../../../archive/index.js';
import { quoted } from '../../../archive/manifest.js';
import { FILES_AT_ONCE, mapLimited } from '../../../archive/parallel.js';
import { hashSource } from '../../../archive/source-file.js';
import { isLeftOut, walk } from '../../../archive/walk.js';
import { DeployError } from '../../../errors.js';

/** Never published by npm, or of no use without the tools that read them. */
const NOT_SHIPPED = /(?:^|\/)(?:node_modules|coverage|__tests__|\.nx|\.git)\/|(?:^|\/)(?:package-lock\.json|tsconfig[^/]*\.json|jest\.config\.[^/]+|\.npmrc|\.swcrc|project\.json|eslint\.config\.[^/]+)$|(?:\.spec|\.test)\.[^/]+$|(?<!\.d)\.[cm]?tsx?$|\.tsbuildinfo$/;
const SCRIPT = /\.[cm]?js$/;
const LARGEST_SCRIPT = 64 * 1024 * 1024;

interface LibraryManifest {
  readonly main?: unknown;
  readonly exports?: unknown;
  readonly files?: unknown;
}

/**
 * Files of those libraries that the code names, and of those that they name in turn; paths relative to the service's folder.
 * @throws DeployError ND-ARTIFACT-MISSING for a library that is needed and was not built.
 */
export async function libraryFiles(workspaceRoot: string, libraries: ReadonlyMap<string, string>, own: readonly CollectedFile[]): Promise<readonly CollectedFile[]> {
  const taken = new Map<string, readonly CollectedFile[]>();
  for (let todo = own; todo.length > 0;) {
    const named = await namesIn(todo, [...libraries.keys()].filter((name) => !taken.has(name)));
    const found = await mapLimited(named, 4, async (name) => [name, await filesOf(workspaceRoot, name, libraries.get(name) ?? '')] as const);
    found.forEach(([name, files]) => taken.set(name, files));
    todo = found.flatMap(([, files]) => files);
  }
  return [...taken.values()].flat();
}

/** Which of the names stand in the code as a module's name. */
async function namesIn(files: readonly CollectedFile[], names: readonly string[]): Promise<string[]> {
  const left = new Set(names);
  const scripts = files.flatMap(({ path, size, source }) => (SCRIPT.test(path) && size <= LARGEST_SCRIPT && typeof source === 'string' ? [source] : []));
  await mapLimited(scripts, FILES_AT_ONCE, async (source) => {
    if (left.size === 0) return;
    const text = await readFile(source, 'utf8');
    for (const name of left) if (['\'', '"', '`'].some((mark) => text.includes(`${mark}${name}${mark}`) || text.includes(`${mark}${name}/`))) left.delete(name);
  });
  return names.filter((name) => !left.has(name));
}

async function filesOf(workspaceRoot: string, name: string, root: string): Promise<readonly CollectedFile[]> {
  const folder = join(workspaceRoot, root);
  const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as LibraryManifest;
  const { files, problems } = await walk(folder, new Set(['node_modules']));
  const shipped = files.filter((path) => !isLeftOut(path) && isShipped(path, manifest));
  const entry = entriesOf(manifest).find((path) => !shipped.includes(path));
  if (entry !== undefined || problems.length > 0) {
    throw new DeployError('ND-ARTIFACT-MISSING', {
      what: `the library ${quoted(name)} cannot go into the image`, where: folder, why: entry === undefined ? problems.join(', ') : `its package.json names ${quoted(entry)}, which is not there, or is TypeScript`,
      next: 'build the library first (its build target belongs into dependsOn), or bundle it into the service',
    });
  }
  return mapLimited(shipped, FILES_AT_ONCE, async (path): Promise<CollectedFile> => {
    const { size, sha256, executable } = await hashSource(join(folder, path));
    return { path: `node_modules/${name}/${path}`, source: join(folder, path), mode: executable ? 0o755 : 0o644, size, sha256 };
  });
}

/** As npm decides it by `files` of package.json, but for what no service needs. */
function isShipped(path: string, { files }: LibraryManifest): boolean {
  if (path === 'package.json') return true;
  if (NOT_SHIPPED.test(path)) return false;
  if (!Array.isArray(files)) return true;
  const patterns = files.filter((one): one is string => typeof one === 'string').map((one) => posix.normalize(one).replace(/^\/|\/$/g, ''));
  const hits = (pattern: string): boolean => minimatch(path, pattern, { dot: true }) || minimatch(path, `${pattern}/**`, { dot: true });
  return patterns.filter((one) => !one.startsWith('!')).some(hits) && !patterns.filter((one) => one.startsWith('!')).some((one) => hits(one.slice(1)));
}

/** What a service loads of it: `exports` as Node reads it, else `main`. */
function entriesOf({ main, exports }: LibraryManifest): string[] {
  const root = exports !== null && typeof exports === 'object' && '.' in exports ? exports['.'] : exports;
  const target = chosen(root) ?? (typeof main === 'string' ? main : 'index.js');
  const path = posix.normalize(target);
  return exports === undefined && !/\.[cm]?js(?:on)?$/.test(path) && !/\.[cm]?tsx?$/.test(path) ? [] : [path];
}

function chosen(exports: unknown): string | undefined {
  if (typeof exports === 'string') return exports;
  if (exports === null || typeof exports !== 'object') return undefined;
  for (const [condition, target] of Object.entries(exports)) {
    if (!['node', 'import', 'require', 'default', 'module-sync', 'node-addons'].includes(condition)) continue;
    const found = chosen(target);
    if (found !== undefined) return found;
  }
  return undefined;
}
