/** Everything that goes into a package, with what its own documents say of it. */
import { createHash } from 'node:crypto';
import { readFile, realpath } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { formatLinks, LINKS } from 'nx-build-manifest';
import { neededVariables } from 'nx-env-sync';
import type { CollectedFile } from '../archive/index.js';
import { unsafe } from '../archive/manifest.js';
import type { PackageArtifact } from '../config/resolved.js';
import type { BuildSite } from '../image/builder.js';
import { thisMachine } from '../image/dependencies/machine.js';
import type { Entry } from '../image/layer/index.js';
import type { ManifestRef } from '../model/index.js';
import type { Application, PackedFile } from './application.js';
import { documentText, type DeploymentInfo, type VersionCompatibility } from './documents.js';
import { COMPATIBILITY, FOLDERS, INFO, TEMPLATE } from './layout.js';
import { matcher, packedFiles, projectFiles, type Wanted } from './patterns.js';

/** What is known of the service beside its files. */
export interface Facts {
  readonly service: string;
  readonly buildId?: string;
  readonly build: ManifestRef;
  readonly health: string;
  /** Names of variables that a schema of the project calls secret. */
  readonly secrets: readonly string[];
  readonly compatibility: VersionCompatibility;
  /** Documents that others made: the manifest of the build, the bill of materials. By path in the package. */
  readonly documents: ReadonlyMap<string, string | Buffer>;
}

export interface Contents {
  /** Sorted by path; without the lists of digests and signatures. */
  readonly files: readonly PackedFile[];
  readonly info: DeploymentInfo;
  /** Absolute paths of the files that are in it. */
  readonly sources: ReadonlySet<string>;
}

const LARGEST_TEMPLATE = 1024 * 1024;

/** @throws DeployError ND-ARTIFACT-UNSAFE for two files that would have one place, for templates that are too long or have another ending */
export async function contentsOf(artifact: PackageArtifact, application: Application, site: BuildSite, facts: Facts): Promise<Contents> {
  const folder = join(await realpath(site.workspaceRoot), site.projectRoot);
  const wanted: Wanted[] = [
    ...Object.entries(artifact.folders).map(([to, patterns]): Wanted => ({ to, patterns })),
    { to: application.cwd, patterns: artifact.templates, whole: true },
  ];
  const named = await packedFiles(folder, await projectFiles(folder), wanted, matcher(artifact.exclude));
  const templates = await templatesIn(named.filter(({ path }) => path.startsWith(`${application.cwd}/`)));
  const files = [...application.files, ...named];
  const info: DeploymentInfo = {
    schema: 1, service: facts.service, ...(facts.buildId === undefined ? {} : { buildId: facts.buildId }), build: facts.build,
    workingDirectory: application.cwd, entry: application.entry,
    command: artifact.command.map((word) => (word === artifact.entry ? application.entry : word)),
    health: facts.health, templates, secrets: [...facts.secrets], ...machineOf(files),
    executables: files.flatMap((file) => ('source' in file && file.mode === 0o755 ? [file.path] : [])).sort(),
  };
  const links = files.flatMap((file) => ('link' in file ? [{ path: file.path, target: file.link }] : []));
  const documents = [...facts.documents, ...links.length === 0 ? [] : [[LINKS, formatLinks(links)] as const], [INFO, documentText(info)] as const, [COMPATIBILITY, documentText(facts.compatibility)] as const].map(([path, content]) => inMemory(path, content));
  const all = [...files, ...documents];
  assertOnePlace(all, folder);
  return { files: all.sort((a, b) => (a.path < b.path ? -1 : 1)), info, sources: new Set(files.flatMap((file) => ('source' in file && typeof file.source === 'string' ? [file.source] : []))) };
}

export function inMemory(path: string, content: string | Buffer): CollectedFile {
  const source = Buffer.from(content);
  return { path, source, mode: 0o644, size: source.length, sha256: createHash('sha256').update(source).digest('hex') };
}

/** The folders are there in every package, also when nothing is in them. */
export function entriesOf(files: readonly PackedFile[]): readonly Entry[] {
  return [...FOLDERS.map((path): Entry => ({ path, type: 'directory' })), ...files.map((file): Entry => ('link' in file
    ? { path: file.path, type: 'symlink', target: file.link }
    : { path: file.path, type: 'file', mode: file.mode, source: file.source, size: file.size, sha256: file.sha256 }))];
}

async function templatesIn(files: readonly CollectedFile[]): Promise<DeploymentInfo['templates']> {
  const problems = files.flatMap(({ path, size }) => [
    ...(path.endsWith(TEMPLATE) && posix.basename(path) !== TEMPLATE ? [] : [`${JSON.stringify(path)}: a template's name ends with "${TEMPLATE}", which is taken away when it is filled in`]),
    ...(size > LARGEST_TEMPLATE ? [`${JSON.stringify(path)}: a template has at most ${LARGEST_TEMPLATE} bytes`] : []),
  ]);
  if (problems.length > 0) throw unsafe(problems, 'artifact.templates');
  const found = await Promise.all(files.map(async ({ path, source }) => ({ path, variables: [...neededVariables(await readFile(source, 'utf8'))] })));
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function assertOnePlace(files: readonly PackedFile[], folder: string): void {
  const seen = new Set<string>();
  const problems: string[] = [];
  const filledIn = files.flatMap(({ path }) => (path.endsWith(TEMPLATE) ? [path.slice(0, -TEMPLATE.length)] : []));
  for (const { path } of files) {
    if (seen.has(path)) problems.push(`${JSON.stringify(path)}: two files would have this place in the package`);
    seen.add(path);
  }
  problems.push(...filledIn.filter((path) => seen.has(path)).map((path) => `${JSON.stringify(path)}: a template is filled in there`));
  if (problems.length > 0) throw unsafe(problems, folder);
}

function machineOf(files: readonly PackedFile[]): Pick<DeploymentInfo, 'machine'> {
  if (!files.some(({ path }) => path.endsWith('.node'))) return {};
  const { os, architecture, libc } = thisMachine();
  return { machine: { os, architecture, ...(libc === undefined ? {} : { libc }) } };
}
