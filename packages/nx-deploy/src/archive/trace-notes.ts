import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Of @vercel/nft 1, as its analyze and its resolver word them. */
const UNPARSED_TYPES = /^Failed to parse \S+\.d\.[cm]?ts as (?:module|script):/;
const UNRESOLVED = /^Failed to resolve dependency "([^"]+)": Cannot find module .* loaded from (.+)$/;
const PACKAGE = /^(?:@[^/]+\/)?[^/]+/;

/**
 * The warnings that tell a person something, without doubles. Not those about declarations, which nothing loads, nor about a package that whoever
 * asks for it can do without: an optional peer in its package.json ("peerDependenciesMeta").
 * `warnings` name files relative to `root`.
 */
export async function telling(warnings: readonly string[], root: string): Promise<readonly string[]> {
  const manifests = new Map<string, Promise<Manifest>>();
  const kept = await Promise.all([...new Set(warnings)].map(async (warning) => !UNPARSED_TYPES.test(warning) && !await isOptionalPeer(warning, root, manifests)));
  return [...new Set(warnings)].filter((_warning, index) => kept[index]);
}

interface Manifest {
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: unknown } | null>> | null;
}

async function isOptionalPeer(warning: string, root: string, manifests: Map<string, Promise<Manifest>>): Promise<boolean> {
  const [, wanted = '', file = ''] = UNRESOLVED.exec(warning) ?? [];
  const [name = ''] = PACKAGE.exec(wanted) ?? [];
  if (name === '' || name.startsWith('.')) return false;
  const folder = packageFolder(file);
  if (folder === undefined) return false;
  let manifest = manifests.get(folder);
  if (manifest === undefined) {
    manifest = readManifest(join(root, folder, 'package.json'));
    manifests.set(folder, manifest);
  }
  const { peerDependenciesMeta: peers } = await manifest;
  return typeof peers === 'object' && peers !== null && Object.hasOwn(peers, name) && peers[name]?.optional === true;
}

/** Of an installed package; undefined for a file of the workspace itself, whose author wants to know. */
function packageFolder(file: string): string | undefined {
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(file)?.[0];
}

async function readManifest(file: string): Promise<Manifest> {
  try {
    const parsed: unknown = JSON.parse(await readFile(file, 'utf8'));
    return typeof parsed === 'object' && parsed !== null ? parsed : {};
  } catch {
    return {};
  }
}
