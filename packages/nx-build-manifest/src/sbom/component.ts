import { packageUrl } from './package-url.js';
import { licenseOf, type License } from './license.js';
import type { ExternalNode, PackageManifest } from './graph.js';

/** One entry of a bill of materials. */
export interface Component {
  /** Unique in the document: the package URL, or `workspace:<folder>`. */
  readonly ref: string;
  readonly kind: 'application' | 'library' | 'package';
  readonly name: string;
  readonly version?: string;
  readonly purl?: string;
  readonly hashes: readonly Hash[];
  /** Yarn's checksum, which is of an archive of its own making, not of the package as published. */
  readonly yarnChecksum?: string;
  /** Absent when the package does not say, or is not installed. */
  readonly license?: License;
  /** true: no way that is required leads to it. */
  readonly optional: boolean;
}

export interface Hash {
  readonly algorithm: 'SHA-1' | 'SHA-256' | 'SHA-384' | 'SHA-512';
  readonly hex: string;
}

const ALGORITHMS = { sha1: ['SHA-1', 20], sha256: ['SHA-256', 32], sha384: ['SHA-384', 48], sha512: ['SHA-512', 64] } as const;

/** Digests of a subresource integrity string (W3C SRI, 3.5); none of what is something else. */
export function hashesOf(integrity: string | undefined): readonly Hash[] {
  const hashes = (integrity ?? '').split(/\s+/).flatMap((part): readonly Hash[] => {
    const [, algorithm, value] = /^(sha1|sha256|sha384|sha512)-([A-Za-z0-9+/]+=*)$/.exec(part) ?? [];
    if (algorithm === undefined || value === undefined) return [];
    const [name, length] = ALGORITHMS[algorithm as keyof typeof ALGORITHMS];
    const digest = Buffer.from(value, 'base64');
    return digest.length === length ? [{ algorithm: name, hex: digest.toString('hex') }] : [];
  });
  return hashes.sort((a, b) => (a.algorithm < b.algorithm ? -1 : 1));
}

export interface Locked {
  readonly name: string;
  /** undefined when the lock file names something else than a version. */
  readonly version?: string;
  readonly qualifiers: Readonly<Record<string, string>>;
}

/** Real name, version and place of an external node. */
export function lockedOf({ data }: ExternalNode): Locked {
  const { packageName, version } = data;
  if (version.startsWith('npm:')) {
    const at = version.indexOf('@', 'npm:@'.length);
    const [name, rest] = at === -1 ? [version.slice('npm:'.length), ''] : [version.slice('npm:'.length, at), version.slice(at + 1)];
    return { name, ...(isVersion(rest) ? { version: rest } : {}), qualifiers: {} };
  }
  if (isVersion(version)) return { name: packageName, version, qualifiers: {} };
  const address = version.replace(/^[^@]*@(?=(?:https?|git|ssh|file)[:+])/, '');
  if (/^git[+:@]|^ssh:|\.git(?:#|$)|^github:/.test(address)) return { name: packageName, qualifiers: { vcs_url: address } };
  return { name: packageName, qualifiers: /^https?:/.test(address) ? { download_url: address } : {} };
}

/** A semantic version (2.0.0), which no range and no address is. */
function isVersion(text: string): boolean {
  return /^\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$/.test(text);
}

/** @param manifest of the installed package, or what the lock file kept of it */
export function packageComponent(node: ExternalNode, manifest: PackageManifest | undefined, optional: boolean): Component {
  const locked = lockedOf(node);
  const version = locked.version ?? (typeof manifest?.version === 'string' ? manifest.version : undefined);
  const purl = packageUrl(locked.name, version, locked.qualifiers);
  const license = manifest === undefined ? undefined : licenseOf(manifest);
  const { hash } = node.data;
  return {
    ref: purl, kind: 'package', name: locked.name, purl, hashes: hashesOf(hash), optional,
    ...(version === undefined ? {} : { version }),
    ...(hash !== undefined && /^(?:[0-9a-z]+\/)?[0-9a-f]{128}$/.test(hash) ? { yarnChecksum: hash } : {}),
    ...(license === undefined ? {} : { license }),
  };
}

/** A project of the workspace. It has a package URL when it could be published. */
export function projectComponent(kind: 'application' | 'library', project: string, root: string, manifest: PackageManifest | undefined, version?: string): Component {
  const name = typeof manifest?.name === 'string' && manifest.name !== '' ? manifest.name : project;
  const stated = version ?? (typeof manifest?.version === 'string' ? manifest.version : undefined);
  const license = manifest === undefined ? undefined : licenseOf(manifest);
  const published = kind === 'library' && typeof manifest?.name === 'string' && typeof manifest.version === 'string' && manifest.private !== true;
  return {
    ref: `workspace:${root}`, kind, name, hashes: [], optional: false,
    ...(stated === undefined ? {} : { version: stated }),
    ...(published && stated !== undefined ? { purl: packageUrl(name, stated) } : {}),
    ...(license === undefined ? {} : { license }),
  };
}
