/** A lock file of bun for one service: Nx prunes those of the other managers, and of bun none. */
import { parse, type ParseError } from 'jsonc-parser';
import { quoted } from '../../../archive/manifest.js';
import type { DeployManifest } from './graph.js';
import type { Manifest } from './stale.js';

type Ranges = Readonly<Record<string, string>>;
type Needs = Pick<Manifest, 'dependencies' | 'optionalDependencies' | 'peerDependencies'>;
/** `[name@version, where from, what it needs, digest]`, with less of it for other sources (https://bun.com/reference/bun/BunLockFile). */
type Package = readonly [identity: string, ...rest: readonly unknown[]];

interface BunLock {
  readonly lockfileVersion: number;
  readonly configVersion?: number;
  readonly workspaces?: Readonly<Record<string, Manifest>>;
  /** By place: `a` is in the root's node_modules, `a/b` in that of `a`. One below a package of the workspace begins with that package's name. */
  readonly packages?: Readonly<Record<string, Package>>;
  readonly trustedDependencies?: readonly string[];
  readonly patchedDependencies?: Ranges;
}

export interface PrunedBun {
  readonly lock: string;
  readonly manifest: DeployManifest;
}

/** Also archives, but for those that are fetched. */
const LOCAL = /.@(?:(?:file|link|root|workspace):|(?!https?:).*\.(?:tgz|tar\.gz)$)/;

export function parseBunLock(text: string): BunLock | undefined {
  const errors: ParseError[] = [];
  const lock = parse(text, errors, { allowTrailingComma: true }) as BunLock | undefined;
  return errors.length > 0 || typeof lock !== 'object' ? undefined : lock;
}

/**
 * What the manifest needs of the lock file, as one package without a workspace. `below`: names of the service and of its libraries, whose packages may lie in their own folders.
 * Returns what stands against it, one line each, where it cannot be done.
 */
export function pruneBun(text: string, manifest: DeployManifest, below: readonly string[]): PrunedBun | readonly string[] {
  const lock = parseBunLock(text);
  if (lock?.packages === undefined) return ['it cannot be read'];
  const packages = new Map(Object.entries(lock.packages));
  const problems: string[] = [];
  const roots = rangesOf(manifest).map((name) => ({ name, from: [...below.map((folder) => `${folder}/${name}`), name].find((key) => packages.has(key)) }));
  for (const { name, from } of roots) if (from === undefined && manifest.peerDependencies?.[name] === undefined) problems.push(`it does not know ${quoted(name)}`);
  const placed = place(packages, roots.flatMap(({ name, from }) => (from === undefined ? [] : [{ name, from }])));
  const patched = new Set(Object.keys(lock.patchedDependencies ?? {}));
  const names = new Set([...placed].map(([, [identity]]) => identity));
  for (const identity of names) {
    if (LOCAL.test(identity)) problems.push(`${quoted(identity)} is a file or folder of the workspace`);
    if (patched.has(identity)) problems.push(`${quoted(identity)} is patched`);
  }
  if (problems.length > 0) return problems.sort();
  const trusted = lock.trustedDependencies?.filter((name) => [...placed.keys()].some((key) => key === name || key.endsWith(`/${name}`)));
  const trusting = trusted === undefined ? {} : { trustedDependencies: trusted };
  const overrides = { ...manifest['resolutions'] as Ranges | undefined, ...manifest['overrides'] as Ranges | undefined };
  const { name, dependencies, optionalDependencies, peerDependencies } = manifest;
  return {
    manifest: { ...manifest, ...trusting },
    lock: `${JSON.stringify({
      lockfileVersion: lock.lockfileVersion, configVersion: lock.configVersion, workspaces: { '': { name, dependencies, optionalDependencies, peerDependencies } }, ...trusting,
      ...(Object.keys(overrides).length === 0 ? {} : { overrides }), packages: Object.fromEntries(placed),
    }, undefined, 2)}\n`,
  };
}

function rangesOf({ dependencies, optionalDependencies, peerDependencies }: Needs): string[] {
  return Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies });
}

/**
 * Puts each package as high as it can lie: in the root, or in the folder of the one that needs it where the root has another version. Those of one package are placed before
 * theirs in turn, so that nothing comes later between a package and what it has found.
 */
function place(packages: ReadonlyMap<string, Package>, roots: readonly { readonly name: string; readonly from: string }[]): ReadonlyMap<string, Package> {
  const placed = new Map<string, Package>();
  const queue: { readonly key: string; readonly from: string }[] = [];
  const put = (key: string, from: string): void => {
    const found = packages.get(from);
    if (found === undefined) return;
    placed.set(key, found);
    queue.push({ key, from });
  };
  roots.forEach(({ name, from }) => { put(name, from); });
  for (const { key, from } of queue) {
    const needs = packages.get(from)?.find((part): part is Needs => typeof part === 'object' && part !== null) ?? {};
    for (const name of rangesOf(needs)) {
      const wanted = nearest(from, name, (place) => packages.has(place));
      if (wanted === undefined) continue;
      const there = nearest(key, name, (place) => placed.has(place));
      if (there === undefined) put(name, wanted);
      else if (placed.get(there)?.[0] !== packages.get(wanted)?.[0]) put(`${key}/${name}`, wanted);
    }
  }
  return placed;
}

/** As Node looks for it: in the package's own folder, then in each above. */
function nearest(key: string, name: string, has: (place: string) => boolean): string | undefined {
  for (let folder = key; folder !== ''; folder = parentOf(folder)) if (has(`${folder}/${name}`)) return `${folder}/${name}`;
  return has(name) ? name : undefined;
}

/** Without the last name, which a scope makes two parts long. */
function parentOf(key: string): string {
  return key.replace(/(?:^|\/)(?:@[^/]+\/)?[^/]+$/, '');
}
