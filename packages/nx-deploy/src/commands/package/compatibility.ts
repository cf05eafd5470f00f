/** version-compatibility.json of a package that is made, and whether one that is deployed fits the target. */
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import type { PackageArtifact } from '../../config/index.js';
import { DeployError } from '../../errors.js';
import { quoted } from '../../archive/manifest.js';
import { thisMachine } from '../../image/dependencies/machine.js';
import { breakingChanges } from '../../package/compatibility/openapi.js';
import { isObject, text, type Json } from '../../package/compatibility/json.js';
import { requirementProblems } from '../../package/compatibility/requirements.js';
import { nodeSatisfies } from '../../package/compatibility/versions.js';
import type { VersionCompatibility } from '../../package/documents.js';
import { API_DOCUMENT } from '../../package/layout.js';
import { openPackage, type OpenPackage } from '../../package/open.js';
import { ascii } from '../../terminal/sanitize.js';
import { projectFolder, type ProjectContext } from '../context.js';

type Machine = NonNullable<OpenPackage['info']['machine']>;

export interface Compatibility {
  readonly document: VersionCompatibility;
  /** The API's document, as it goes into the package. */
  readonly files: ReadonlyMap<string, Buffer>;
}

export async function compatibilityOf(context: ProjectContext, { requires, api }: PackageArtifact, service: string, version: string): Promise<Compatibility> {
  const node = requires.node ?? await statedNode(context);
  assertRequirements(requirementProblems(requires, service, node));
  const described = api === undefined ? undefined : await apiOf(api);
  return {
    document: {
      schema: 1, service, version, ...(node === undefined ? {} : { node }),
      database: { schema: { from: null, to: null } }, services: requires.services.map((one) => ({ ...one })), ...(described === undefined ? {} : { api: described.facts }),
    },
    files: described === undefined ? new Map() : new Map([[described.facts.document, described.bytes]]),
  };
}

/** `engines.node` of the project's package.json, else of the workspace's. */
async function statedNode(context: ProjectContext): Promise<string | undefined> {
  for (const folder of [projectFolder(context), context.workspaceRoot]) {
    const manifest = await readFile(join(folder, 'package.json'), 'utf8').then((json) => JSON.parse(json) as unknown).catch(() => undefined);
    const engines = isObject(manifest) && isObject(manifest['engines']) ? manifest['engines'] : {};
    if (text(engines['node']) !== '') return text(engines['node']);
  }
  return undefined;
}

function assertRequirements(problems: readonly string[]): void {
  if (problems.length > 0) throw new DeployError('ND-CONFIG-INVALID', { what: 'what the package needs cannot be understood', where: 'artifact.requires in deploy.json, or engines.node in package.json', problems, next: 'correct each of these, then make the package again' });
}

type Api = NonNullable<VersionCompatibility['api']>;

async function apiOf({ document, previous }: NonNullable<PackageArtifact['api']>): Promise<{ readonly facts: Api; readonly bytes: Buffer }> {
  const bytes = await readFile(document).catch((thrown: unknown) => { throw badApi(document, thrown); });
  const now = await parsed(document, bytes);
  const extension = /\.ya?ml$/i.test(document) ? '.yaml' : '.json';
  const facts: Api = { document: `${API_DOCUMENT}${extension}`, ...versionOf(now), breaking: [] };
  if (previous === undefined) return { facts, bytes };
  const before = await earlier(previous);
  const old = await parsed(before.name, before.bytes);
  const breaking = [...breakingChanges(old, now)];
  return { facts: { ...facts, previous: { ...versionOf(old), sha256: createHash('sha256').update(before.bytes).digest('hex') }, compatible: breaking.length === 0, breaking }, bytes };
}

/** A document, or the one in a package. */
async function earlier(previous: string): Promise<{ readonly name: string; readonly bytes: Buffer }> {
  if (!previous.endsWith('.tar.gz')) return { name: previous, bytes: await readFile(previous).catch((thrown: unknown) => { throw badApi(previous, thrown); }) };
  const folder = await mkdtemp(join(tmpdir(), 'nx-deploy-previous-'));
  try {
    const { compatibility } = await openPackage(previous, folder);
    if (compatibility.api === undefined) throw badApi(previous, 'the package holds no OpenAPI document');
    return { name: compatibility.api.document, bytes: await readFile(join(folder, compatibility.api.document)) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function parsed(name: string, bytes: Buffer): Promise<Json> {
  let value: unknown;
  try {
    value = extname(name) === '.json' ? JSON.parse(bytes.toString('utf8')) : (await import('yaml')).parse(bytes.toString('utf8'), { maxAliasCount: 100, merge: true, logLevel: 'error' });
  } catch (thrown) {
    throw badApi(name, thrown);
  }
  if (!isObject(value) || !isObject(value['paths'])) throw badApi(name, 'it has no "paths"');
  const elsewhere = [...new Set(outward(value))];
  if (elsewhere.length > 0) throw badApi(name, `it refers to other documents, which cannot be compared: ${elsewhere.slice(0, 5).map(quoted).join(', ')}; bundle them into one`);
  return value;
}

/** What a `$ref` leads to outside of the document. Only what is read as a reference: a property of that name has another type. */
function outward(document: unknown): readonly string[] {
  const found: string[] = [];
  // By an alias a document of YAML may hold itself.
  const seen = new Set<unknown>();
  const todo = [document];
  for (let value = todo.pop(); value !== undefined; value = todo.pop()) {
    if (typeof value !== 'object' || value === null || seen.has(value)) continue;
    seen.add(value);
    for (const [key, inner] of Object.entries(value)) {
      if (key === '$ref' && typeof inner === 'string') found.push(...(inner.startsWith('#') ? [] : [inner]));
      else if (key !== 'example' && key !== 'examples') todo.push(inner);
    }
  }
  return found;
}

function versionOf(document: Json): { readonly version?: string } {
  const version = isObject(document['info']) ? text(document['info']['version']) : '';
  return version === '' ? {} : { version };
}

function badApi(file: string, why: unknown): DeployError {
  const reason = typeof why === 'string' ? why : why instanceof Error ? why.message.split('\n')[0] ?? '' : String(why);
  return new DeployError('ND-CONFIG-INVALID', { what: 'an OpenAPI document cannot be read', where: JSON.stringify(file), why: reason, next: 'correct artifact.api in deploy.json, or the document' });
}

/** What stands against running it here. */
export function misfits({ compatibility, info }: Pick<OpenPackage, 'compatibility' | 'info'>, node = process.versions.node, here: Machine = thisMachine()): readonly string[] {
  const problems: string[] = [];
  if (compatibility.node !== undefined && nodeSatisfies(node, compatibility.node) !== true) problems.push(`Node: it needs ${ascii(compatibility.node)}, and the target has ${node}`);
  const { machine } = info;
  if (machine !== undefined && (machine.os !== here.os || machine.architecture !== here.architecture || machine.libc !== here.libc)) {
    const name = (one: Machine): string => ascii([one.os, one.architecture, ...(one.libc === undefined ? [] : [one.libc])].join(', '));
    problems.push(`native addons: they were made for ${name(machine)}, and the target is ${name(here)}`);
  }
  return problems;
}

/** @throws DeployError ND-PACKAGE-INCOMPATIBLE with everything that stands against it */
export function assertFits(problems: readonly string[], archive: string): void {
  if (problems.length > 0) throw new DeployError('ND-PACKAGE-INCOMPATIBLE', { what: 'the package does not fit this target', where: quoted(archive), problems, next: 'bring the target to what it needs, or make the package for what the target has; nothing was changed' });
}
