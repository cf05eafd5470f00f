/** The part of Nx's project graph that is read. Nx fills `externalNodes` from the lock file of npm, pnpm, yarn or bun, so that no format is read here. */
export interface ProjectGraphFacts {
  readonly nodes: Readonly<Record<string, { readonly data: { readonly root: string } }>>;
  readonly externalNodes?: Readonly<Record<string, ExternalNode>>;
  /** By the name of the source. `type` is `implicit` where a person declared it. */
  readonly dependencies: Readonly<Record<string, readonly { readonly target: string; readonly type?: string }[]>>;
}

export interface ExternalNode {
  readonly data: {
    /** As it is required: the alias, where it is installed under one. */
    readonly packageName: string;
    /** `1.2.3`, `npm:<real name>@1.2.3` for an alias (of yarn with a range), or the address of an archive or repository. */
    readonly version: string;
    /** The lock file's integrity (`sha512-...`), yarn's own checksum, or a hash that Nx made where the lock file has none. */
    readonly hash?: string;
  };
}

/** Fields of a package.json that are read; anything may be wrong in a file that others wrote. */
export interface PackageManifest {
  readonly name?: unknown;
  readonly version?: unknown;
  readonly private?: unknown;
  readonly license?: unknown;
  readonly licenses?: unknown;
  readonly dependencies?: unknown;
  readonly optionalDependencies?: unknown;
  readonly peerDependencies?: unknown;
  readonly peerDependenciesMeta?: unknown;
  readonly devDependencies?: unknown;
}

type Section = 'dependencies' | 'optionalDependencies' | 'peerDependencies' | 'devDependencies';

const record = (value: unknown): Readonly<Record<string, unknown>> => (typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Record<string, unknown> : {});

export function declares(manifest: PackageManifest | undefined, section: Section, name: string): boolean {
  return Object.hasOwn(record(manifest?.[section]), name);
}

/** Names and specifiers of a section. */
export function declared(manifest: PackageManifest | undefined, section: Section): readonly (readonly [name: string, specifier: string])[] {
  return Object.entries(record(manifest?.[section])).map(([name, specifier]) => [name, typeof specifier === 'string' ? specifier : '']);
}

/** Whether it is a peer that may be missing. Package managers do not install such a peer on its account. */
export function isOptionalPeer(manifest: PackageManifest | undefined, name: string): boolean {
  if (declares(manifest, 'dependencies', name) || declares(manifest, 'optionalDependencies', name)) return false;
  return record(record(manifest?.peerDependenciesMeta)[name])['optional'] === true;
}
