/**
 * An image to a registry: blobs, then manifests by digest, then the root by digest, and the tags last.
 * Whoever ends it in between leaves no tag behind; run again it sends what is missing.
 */
import { setMaxListeners } from 'node:events';
import { mapLimited } from '../../archive/parallel.js';
import { DeployError } from '../../errors.js';
import { digestOf } from '../digest.js';
import type { Descriptor, Digest } from '../oci.js';
import { ACCEPTED, LARGEST_MANIFEST, parseManifest } from './manifest.js';
import type { OnRegistryEvent } from './progress.js';
import { bodyOf, manifestPath } from './pull.js';
import { checkTag, formatReference, type Reference, type Repository } from './reference.js';
import { Passing, type Again } from './retry.js';
import { drop, type Ask, type Session } from './session.js';
import { contentOf } from './token.js';
import { notKept, pushAccess, pushBlob, type How } from './upload.js';

/** Where the content of an image is. Everything may be asked for several times. */
export interface PushSource {
  /** The index, or the manifest of an image for one platform. */
  readonly root: Descriptor;
  /** The bytes of a manifest or index. */
  manifest(descriptor: Descriptor): Promise<Uint8Array>;
  /** Bytes `start` to before `end` of a blob. Only asked for what the registry does not have. */
  open(descriptor: Descriptor, start: number, end: number): AsyncIterable<Uint8Array> | Promise<AsyncIterable<Uint8Array>>;
}

export interface PushOptions {
  /** May be empty: the image is then reached by its digest alone. */
  readonly tags: readonly string[];
  /** A repository of the same registry where a blob may be found, such as that of the base image. */
  readonly mountFrom?: (blob: Descriptor) => string | undefined;
  /** Blobs at a time, 4 by default. */
  readonly parallel?: number;
  /** Bytes of a chunk for registries that take no blob in one piece; 16 MiB by default. */
  readonly chunk?: number;
  readonly onEvent?: OnRegistryEvent;
  readonly signal?: AbortSignal;
}

export interface PushResult {
  readonly digest: Digest;
  readonly tags: readonly string[];
  readonly blobs: Readonly<Record<How, number>>;
  /** Bytes of the blobs that were uploaded. */
  readonly bytes: number;
}

const AT_ONCE = 4;
const CHUNK = 16 * 1_048_576;
/** Index of indexes: more is nobody's image. */
const DEEPEST = 3;

interface Documents {
  /** Those that are referred to before those that refer; the root is the last. */
  readonly manifests: readonly { readonly descriptor: Descriptor; readonly body: Uint8Array }[];
  readonly blobs: readonly Descriptor[];
}

/** @throws DeployError */
export async function pushImage(session: Session, repository: Repository, source: PushSource, options: PushOptions): Promise<PushResult> {
  const tags = [...new Set(options.tags.map(checkTag))];
  const { manifests, blobs } = await readDocuments(source, formatReference({ ...repository, digest: source.root.digest }));
  const { onEvent, signal, chunk = CHUNK } = options;
  // Every request under way listens to it: more than ten are no leak here.
  if (signal !== undefined) setMaxListeners(0, signal);
  const context = { session, repository, chunk, ...(onEvent === undefined ? {} : { onEvent }), ...(signal === undefined ? {} : { signal }) };
  const put = (to: Reference, descriptor: Descriptor, body: Uint8Array, found?: Promise<Found>): Promise<void> => putManifest({ session, to, descriptor, body, options }, found);
  const look = (to: Reference, descriptor: Descriptor): Promise<Found> => lookFor({ session, to, descriptor, options });
  // While the blobs are asked for: of an image that is there already each answer is one round trip, and they are all under way at once.
  const first = new Map(manifests.map(({ descriptor }) => [descriptor.digest, look({ ...repository, digest: descriptor.digest }, descriptor)]));
  const tagged = tags.map((tag) => look({ ...repository, tag }, source.root));
  const ways = await mapLimited(blobs, options.parallel ?? AT_ONCE, async (blob) => {
    const from = options.mountFrom?.(blob);
    const how = await pushBlob({ ...context, blob, open: (start, end) => source.open(blob, start, end), ...(from === undefined || from === repository.name ? {} : { mountFrom: from }) });
    onEvent?.({ type: 'push', state: 'done', digest: blob.digest, bytes: blob.size, total: blob.size, how });
    return { blob, how };
  });
  // Sending takes time, in which somebody else may have moved a tag that was right: it is looked at anew.
  const sending = ways.some(({ how }) => how !== 'present');
  const now = tagged.map(async (found, index) => (sending && await found === true ? look({ ...repository, tag: tags[index] ?? '' }, source.root) : found));
  const byDigest = ({ descriptor, body }: Documents['manifests'][number], found?: Promise<Found>): Promise<void> => put({ ...repository, digest: descriptor.digest }, descriptor, body, found);
  const [root, ...inner] = [...manifests].reverse();
  if (root === undefined) throw damaged(formatReference({ ...repository, digest: source.root.digest }), 'it names no manifest');
  for (const document of inner.reverse()) await byDigest(document, first.get(document.descriptor.digest));
  const rootFound = first.get(source.root.digest);
  // With a tag it is sent once, as it is found by its digest then, too.
  if (tags.length === 0) await byDigest(root, rootFound);
  for (const [index, tag] of tags.entries()) {
    await put({ ...repository, tag }, source.root, root.body, now[index]);
    onEvent?.({ type: 'push', state: 'tagged', digest: source.root.digest, tag });
  }
  if (tags.length > 0 && await rootFound !== true) await byDigest(root);
  const count = (way: How): number => ways.filter(({ how }) => how === way).length;
  const sent = ways.filter(({ how }) => how === 'uploaded').reduce((sum, { blob }) => sum + blob.size, 0);
  return { digest: source.root.digest, tags, blobs: { present: count('present'), mounted: count('mounted'), uploaded: count('uploaded') }, bytes: sent };
}

/** Everything the root leads to, each once. Nothing is sent before all of it was read. */
async function readDocuments(source: PushSource, where: string): Promise<Documents> {
  const manifests = new Map<Digest, { descriptor: Descriptor; body: Uint8Array }>();
  const blobs = new Map<Digest, Descriptor>();
  const visit = async (descriptor: Descriptor, depth: number): Promise<void> => {
    if (manifests.has(descriptor.digest)) return;
    if (depth > DEEPEST) throw damaged(where, `indexes are nested more than ${DEEPEST} deep`);
    const body = await source.manifest(descriptor);
    if (body.length > LARGEST_MANIFEST || body.length !== descriptor.size || digestOf(body) !== descriptor.digest) throw damaged(where, `the manifest ${descriptor.digest} is not what its digest says`);
    const document = parseManifest(body, descriptor.mediaType, where);
    if (document.kind === 'index') for (const child of document.index.manifests) await visit(child, depth + 1);
    else for (const blob of [...document.manifest.layers, document.manifest.config]) blobs.set(blob.digest, blob);
    manifests.set(descriptor.digest, { descriptor, body });
  };
  await visit(source.root, 1);
  return { manifests: [...manifests.values()], blobs: [...blobs.values()] };
}

interface Put {
  readonly session: Session;
  /** By digest or tag. */
  readonly to: Reference;
  readonly descriptor: Descriptor;
  readonly body: Uint8Array;
  readonly options: PushOptions;
}

/** Is this very manifest there? Undefined when the registry did not tell. */
type Found = boolean | undefined;

/** One attempt, which may come to nothing: whoever needs to know asks again. */
function lookFor(put: Omit<Put, 'body'>): Promise<Found> {
  return isThere(put).catch(() => undefined);
}

async function isThere({ session, to, descriptor, options }: Omit<Put, 'body'>): Promise<boolean> {
  const ask = { ...common(to, options), headers: { accept: ACCEPTED.join(', ') } };
  const answer = await session.once({ ...ask, method: 'HEAD', expect: [200, 404, 405] });
  drop(answer);
  const said = answer.headers['docker-content-digest'];
  if (answer.status === 404 || said !== undefined) return answer.status === 200 && said === descriptor.digest;
  // It knows no HEAD, or does not say which manifest it has.
  const whole = await session.once({ ...ask, method: 'GET', expect: [200, 404] });
  const there = await bodyOf(whole, session, formatReference(to));
  return whole.status === 200 && digestOf(there) === descriptor.digest;
}

/**
 * What is there already is not sent: a registry with fixed tags refuses even the same content. What was sent is asked for again: a success alone does not say that it is kept.
 * @param found what was seen there a moment ago
 */
async function putManifest(put: Put, found?: Promise<Found>): Promise<void> {
  const { session, to, descriptor, body, options: { onEvent, signal } } = put;
  const again: Again = (attempt, why) => onEvent?.({ type: 'push', state: 'again', digest: descriptor.digest, attempt, why });
  let seen = await found;
  await session.retrying(signal, again, async () => {
    if (seen ?? await isThere(put)) return;
    seen = undefined;
    const answer = await session.once({ ...common(to, put.options), method: 'PUT', headers: { 'content-type': descriptor.mediaType }, content: contentOf(body), expect: [200, 201, 202, 204] })
      .catch((thrown: unknown) => { throw misses(thrown) ? new Passing(thrown) : thrown; });
    drop(answer);
    if (!(await isThere(put))) throw new Passing(notKept(formatReference(to), `it answered ${answer.status} and does not have ${descriptor.digest} there`));
  });
}

function common(to: Reference, { signal }: PushOptions): Pick<Ask, 'to' | 'access' | 'signal'> {
  return { to: manifestPath(to), access: pushAccess(to), ...(signal === undefined ? {} : { signal }) };
}

/** All blobs were there a moment ago. While somebody else pushes the same ones a registry may not see them (distribution writes its links anew, not at once). */
function misses(thrown: unknown): thrown is DeployError {
  return thrown instanceof DeployError && thrown.parts.why?.includes('BLOB_UNKNOWN') === true;
}

function damaged(where: string, why: string): DeployError {
  return new DeployError('ND-REGISTRY-DAMAGED', { what: 'the image cannot be pushed as it is', where, why, next: 'run the command again; when it stays, build the image again' });
}
