import type { Artifact, OutputFile } from '../artifacts.js';
import type { CommitLine } from '../commits-between.js';
import type { ApiFacts, DatabaseFacts, LibraryFacts, PackageFacts, RouteFacts } from '../components/index.js';
import type { BuildManifest } from '../manifest.js';
import { figuresOf, type Figure } from '../quality/figures.js';
import { changesBy, itemChanges, type Changed, type Changes, type ItemChanges } from './changes.js';

export interface Side {
  readonly version: string;
  readonly buildId?: string;
  readonly commit?: string;
  readonly dirty?: boolean;
}

export interface ArtifactChange {
  readonly path: string;
  /** Bytes; absent where there is no such artifact. */
  readonly before?: number;
  readonly after?: number;
  /** Of folders: numbers of files. */
  readonly files?: { readonly added: number; readonly removed: number; readonly changed: number };
}

export interface MigrationChange extends Changes<string> {
  readonly folder: string;
  readonly tool: string;
  /** Names of those that were changed after they were released. */
  readonly changed: readonly string[];
}

export interface RouteChange extends Changes<RouteFacts> {
  readonly file: string;
}

export type FigureChange = Pick<Figure, 'name' | 'unit' | 'good'> & { readonly before?: number; readonly after?: number };

/** A part is absent when one of the manifests does not know about it; it is empty when nothing differs. */
export interface ManifestDiff {
  readonly service: string;
  readonly before: Side;
  readonly after: Side;
  /** What the second commit has and the first has not, newest first; absent when git was not asked or cannot tell. */
  readonly commits?: readonly CommitLine[];
  /** Of `tools` and `platform`. */
  readonly tools: readonly { readonly name: string; readonly before?: string; readonly after?: string }[];
  /** By name; `before` and `after` are the versions, of which there may be several. */
  readonly packages?: ItemChanges<PackageFacts, readonly string[]>;
  /** Packages whose licence differs; an empty text for none stated. */
  readonly licenses?: readonly Changed<string>[];
  readonly libraries?: ItemChanges<LibraryFacts, string>;
  /** Only those that differ; so it is with migrations, routes and quality. */
  readonly artifacts?: readonly ArtifactChange[];
  readonly migrations: readonly MigrationChange[];
  readonly routes: readonly RouteChange[];
  readonly quality: readonly FigureChange[];
}

function sideOf({ version, buildId, git }: BuildManifest): Side {
  return { version, ...(buildId === undefined ? {} : { buildId }), ...(git === undefined ? {} : { commit: git.commit, dirty: git.dirty }) };
}

function union<Item>(before: readonly Item[], after: readonly Item[], keyOf: (item: Item) => string): readonly { readonly key: string; readonly old: Item | undefined; readonly now: Item | undefined }[] {
  const [old, now] = [new Map(before.map((item) => [keyOf(item), item])), new Map(after.map((item) => [keyOf(item), item]))];
  return [...new Set([...old.keys(), ...now.keys()])].map((key) => ({ key, old: old.get(key), now: now.get(key) }));
}

function toolChanges(before: BuildManifest, after: BuildManifest): ManifestDiff['tools'] {
  const facts = ({ tools, platform }: BuildManifest): [string, string][] => Object.entries({ ...tools, ...platform }).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  return union(facts(before), facts(after), ([name]) => name).filter(({ old, now }) => old?.[1] !== now?.[1])
    .map(({ key, old, now }) => ({ name: key, ...(old === undefined ? {} : { before: old[1] }), ...(now === undefined ? {} : { after: now[1] }) }));
}

/** All versions of a name as one item. */
function byName(packages: readonly PackageFacts[]): readonly { readonly facts: PackageFacts; readonly versions: readonly string[]; readonly license: string }[] {
  const names = new Map<string, PackageFacts[]>();
  for (const one of packages) names.set(one.name, [...names.get(one.name) ?? [], one]);
  return [...names.values()].flatMap((all) => all.slice(0, 1).map((facts) => ({ facts, versions: all.map(({ version }) => version), license: [...new Set(all.map(({ license }) => license ?? ''))].join(', ') })));
}

function packageChanges(before: BuildManifest, after: BuildManifest): Pick<ManifestDiff, 'packages' | 'licenses'> {
  const [old, now] = [before.components.packages, after.components.packages];
  if (old === undefined || now === undefined) return {};
  const [earlier, later] = [byName(old.list), byName(now.list)];
  const { changed } = itemChanges(earlier, later, ({ facts }) => facts.name, ({ versions }) => versions);
  return {
    packages: { ...changesBy(old.list, now.list, ({ name }) => name), changed },
    licenses: itemChanges(earlier, later, ({ facts }) => facts.name, ({ license }) => license).changed,
  };
}

function fileChanges(before: readonly OutputFile[], after: readonly OutputFile[]): NonNullable<ArtifactChange['files']> {
  const { added, removed, changed } = itemChanges(before, after, ({ path }) => path, (file) => ('link' in file ? `-> ${file.link}` : file.sha256));
  return { added: added.length, removed: removed.length, changed: changed.length };
}

function artifactChanges(before: readonly Artifact[], after: readonly Artifact[]): readonly ArtifactChange[] {
  return union(before, after, ({ path }) => path).filter(({ old, now }) => old?.sha256 !== now?.sha256).map(({ key, old, now }) => ({
    path: key,
    ...(old === undefined ? {} : { before: old.bytes }),
    ...(now === undefined ? {} : { after: now.bytes }),
    ...(old?.files === undefined || now?.files === undefined ? {} : { files: fileChanges(old.files, now.files) }),
  }));
}

function migrationChanges(before: readonly DatabaseFacts[], after: readonly DatabaseFacts[]): readonly MigrationChange[] {
  return union(before, after, ({ folder }) => folder).map(({ key, old, now }) => {
    const { added, removed, changed } = itemChanges(old?.migrations ?? [], now?.migrations ?? [], ({ name }) => name, ({ sha256 }) => sha256);
    return { folder: key, tool: (now ?? old)?.tool ?? '', added: added.map(({ name }) => name), removed: removed.map(({ name }) => name), changed: changed.map(({ name }) => name) };
  }).filter(({ added, removed, changed }) => added.length + removed.length + changed.length > 0);
}

function routeChanges(before: readonly ApiFacts[], after: readonly ApiFacts[]): readonly RouteChange[] {
  return union(before, after, ({ file }) => file)
    .map(({ key, old, now }) => ({ file: key, ...changesBy(old?.routes ?? [], now?.routes ?? [], ({ method, path }) => `${method} ${path}`) }))
    .filter(({ added, removed }) => added.length + removed.length > 0);
}

function qualityChanges(before: BuildManifest, after: BuildManifest): readonly FigureChange[] {
  return union(figuresOf(before.quality), figuresOf(after.quality), ({ name }) => name).filter(({ old, now }) => old?.value !== now?.value).map(({ key, old, now }) => ({
    name: key, unit: (now ?? old)?.unit ?? '', good: (now ?? old)?.good ?? 'neither', ...(old === undefined ? {} : { before: old.value }), ...(now === undefined ? {} : { after: now.value }),
  }));
}

/**
 * What changed from one manifest of a service to another.
 * @param commits what git says lies between them, from `commitsBetween`
 * @throws TypeError when they are of different services
 */
export function diffManifests(before: BuildManifest, after: BuildManifest, commits?: readonly CommitLine[]): ManifestDiff {
  if (before.service !== after.service) throw new TypeError(`the manifests are of different services: ${before.service} and ${after.service}`);
  const [old, now] = [before.components, after.components];
  return {
    service: after.service,
    before: sideOf(before),
    after: sideOf(after),
    ...(commits === undefined ? {} : { commits }),
    tools: toolChanges(before, after),
    ...packageChanges(before, after),
    ...(old.libraries === undefined || now.libraries === undefined ? {} : { libraries: itemChanges(old.libraries, now.libraries, ({ name }) => name, ({ version }) => version ?? '') }),
    ...(before.artifacts === undefined || after.artifacts === undefined ? {} : { artifacts: artifactChanges(before.artifacts, after.artifacts) }),
    migrations: migrationChanges(old.database ?? [], now.database ?? []),
    routes: routeChanges(old.api ?? [], now.api ?? []),
    quality: qualityChanges(before, after),
  };
}
