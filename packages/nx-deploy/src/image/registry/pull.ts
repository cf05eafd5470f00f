/** From a registry: which digest a tag means, manifests, blobs; everything is verified by digest and size. */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { DeployError } from '../../errors.js';
import { digestOf, isDigest } from '../digest.js';
import type { Descriptor, Digest } from '../oci.js';
import type { Access } from './authorization.js';
import { connectionFailure, placeOf } from './failures.js';
import { ACCEPTED, LARGEST_MANIFEST, parseManifest, refuseType, type Document } from './manifest.js';
import { quoted } from './plain.js';
import type { OnRegistryEvent } from './progress.js';
import { formatReference, withTag, type Reference, type Repository } from './reference.js';
import { Passing, type Again } from './retry.js';
import { drop, type Answer, type Session } from './session.js';
import { readBody } from './transport.js';

export interface PullOptions {
  readonly signal?: AbortSignal;
  readonly onEvent?: OnRegistryEvent;
}

/** Connections of one blob that break although each brought something. */
const MOST_BREAKS = 100;

/** A document as it lies in the registry, byte by byte. */
export type PulledManifest = Document & { readonly descriptor: Descriptor; readonly body: Buffer };

export function pullAccess(repository: Repository): Access {
  return { repository, scopes: [`repository:${repository.name}:pull`] };
}

/** What the reference means now. With a digest in it: is it there? `latest` without tag and digest. */
export async function resolve(session: Session, reference: Reference, options: PullOptions): Promise<Descriptor> {
  const whole = withTag(reference);
  const { signal } = options;
  const head = await session.ask({
    method: 'HEAD', to: manifestPath(whole), headers: { accept: ACCEPTED.join(', ') }, access: pullAccess(whole), expect: [200, 405], ...(signal === undefined ? {} : { signal }),
  }, againOf(options));
  drop(head);
  const described = head.status === 200 ? describe(head, whole) : undefined;
  return described ?? (await pullManifest(session, reference, options)).descriptor;
}

/** The headers are only taken when all three are there and agree with the reference; the body is verified against them when it is pulled. */
function describe({ headers }: Answer, reference: Reference): Descriptor | undefined {
  const digest = headers['docker-content-digest'];
  const size = Number(headers['content-length']);
  const mediaType = typeOf(headers['content-type']);
  if (mediaType !== '') refuseType(mediaType, formatReference(reference));
  if (typeof digest !== 'string' || !isDigest(digest) || !Number.isSafeInteger(size) || size <= 0 || mediaType === '') return undefined;
  if (reference.digest !== undefined && reference.digest !== digest) throw damaged(formatReference(reference), `it offers ${digest} under that digest`);
  return { mediaType, digest, size };
}

/** @param expected when it is known from an index or from {@link resolve}: size and type must be the same. */
export async function pullManifest(session: Session, reference: Reference, options: PullOptions, expected?: Descriptor): Promise<PulledManifest> {
  const whole = withTag(expected === undefined ? reference : { ...reference, digest: expected.digest });
  const where = formatReference(whole);
  const { signal } = options;
  return session.retrying(signal, againOf(options), async () => {
    const answer = await session.once({
      method: 'GET', to: manifestPath(whole), headers: { accept: ACCEPTED.join(', ') }, access: pullAccess(whole), expect: [200], ...(signal === undefined ? {} : { signal }),
    });
    const body = await bodyOf(answer, session, where);
    const digest = digestOf(body);
    const said = answer.headers['docker-content-digest'];
    if (whole.digest === undefined ? typeof said === 'string' && said !== digest && said.startsWith('sha256:') : whole.digest !== digest) {
      throw new Passing(damaged(where, `the content has the digest ${digest}${whole.digest === undefined ? `, the registry says ${quoted(String(said))}` : ''}`));
    }
    const mediaType = typeOf(answer.headers['content-type']) || expected?.mediaType || ownType(body);
    if (expected !== undefined && (expected.size !== body.length || expected.mediaType !== mediaType)) throw damaged(where, 'its size or type is another than its descriptor says');
    return { ...parseManifest(body, mediaType, where), descriptor: { ...expected, mediaType, digest, size: body.length }, body };
  });
}

/** Of a manifest. */
export async function bodyOf(answer: Answer, session: Session, where: string): Promise<Buffer> {
  const body = await readBody(answer, LARGEST_MANIFEST).catch((error: unknown) => { throw connectionFailure(error, placeOf('GET', answer.url, session.redact)); });
  if (body === undefined) throw damaged(where, `it has more than ${LARGEST_MANIFEST} bytes`);
  return body;
}

function typeOf(header: string | undefined): string {
  const type = header?.split(';')[0]?.trim().toLowerCase() ?? '';
  // Static file servers know no better.
  return ['application/json', 'text/plain', 'application/octet-stream'].includes(type) ? '' : type;
}

function ownType(body: Buffer): string {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return typeof value === 'object' && value !== null && 'mediaType' in value && typeof value.mediaType === 'string' ? value.mediaType : '';
  } catch {
    return '';
  }
}

/**
 * A blob as a stream that ends only when digest and size are right, and fails otherwise: nothing that reads it to its end was deceived.
 * A connection that breaks is made again, and the rest asked for by `Range`.
 */
export function openBlob(session: Session, repository: Repository, blob: Descriptor, options: PullOptions): Readable {
  return Readable.from(verified(session, repository, blob, options), { objectMode: false });
}

/** Gives a blob to `sink`; once more when its content was wrong. */
export async function pullBlob<T>(session: Session, repository: Repository, blob: Descriptor, sink: (content: Readable) => Promise<T>, options: PullOptions): Promise<T> {
  const once = async (): Promise<T> => {
    const content = openBlob(session, repository, blob, options);
    let failure: unknown;
    content.on('error', (error) => { failure = error; });
    try {
      return await sink(content);
    } catch (thrown) {
      // The sink may have wrapped it, or know only that its stream ended early.
      throw failure ?? thrown;
    } finally {
      content.destroy();
    }
  };
  try {
    return await once();
  } catch (thrown) {
    if (!(thrown instanceof DeployError) || thrown.code !== 'ND-REGISTRY-DAMAGED') throw thrown;
    options.onEvent?.({ type: 'pull', state: 'again', digest: blob.digest, attempt: 2, why: thrown.message });
    return once();
  }
}

async function* verified(session: Session, repository: Repository, blob: Descriptor, options: PullOptions): AsyncGenerator<Buffer> {
  const { digest, size } = blob;
  const where = formatReference({ ...repository, digest });
  const hash = createHash('sha256');
  let done = 0;
  for await (const chunk of resumed(session, repository, blob, options)) {
    done += chunk.length;
    hash.update(chunk);
    yield chunk;
    options.onEvent?.({ type: 'pull', state: 'bytes', digest, bytes: done, total: size });
  }
  const found: Digest = `sha256:${hash.digest('hex')}`;
  if (found !== digest) throw damaged(where, `the content has the digest ${found}`);
  options.onEvent?.({ type: 'pull', state: 'done', digest, bytes: size, total: size, how: 'downloaded' });
}

/** Exactly `size` bytes, over as many connections as it takes. */
async function* resumed(session: Session, repository: Repository, blob: Descriptor, options: PullOptions): AsyncGenerator<Buffer> {
  let done = 0;
  let open: OpenBlob | undefined;
  try {
    for (let breaks = 0; done < blob.size;) {
      // The retries are of one chunk: the attempts begin anew with each that came.
      const chunk = await session.retrying(options.signal, againOf(options, blob.digest), async () => {
        const from = open ??= await openFrom(session, repository, blob, done, options);
        try {
          const next = await from.rest.next();
          if (next.done !== true) return next.value;
          throw Object.assign(new Error(`it ended after ${done} of ${blob.size} bytes`), { code: 'ECONNRESET' });
        } catch (thrown) {
          from.answer.body.destroy();
          open = undefined;
          breaks += 1;
          const failure = connectionFailure(thrown, placeOf('GET', from.answer.url, session.redact));
          throw failure instanceof Passing && breaks > MOST_BREAKS ? failure.error : failure;
        }
      });
      done += chunk.length;
      if (done > blob.size) break;
      yield chunk;
    }
    if (done > blob.size || await hasMore(open)) throw damaged(formatReference({ ...repository, digest: blob.digest }), `it has more than ${blob.size} bytes`);
  } finally {
    open?.answer.body.destroy();
  }
}

interface OpenBlob {
  readonly answer: Answer;
  readonly rest: AsyncIterator<Buffer, void>;
}

/** Everything is there already: how the connection ends is no matter. */
async function hasMore(open: OpenBlob | undefined): Promise<boolean> {
  return open !== undefined && (await open.rest.next().catch(() => undefined))?.done === false;
}

async function openFrom(session: Session, repository: Repository, { digest, size }: Descriptor, from: number, { signal }: PullOptions): Promise<OpenBlob> {
  const answer = await session.once({
    method: 'GET', to: `/v2/${repository.name}/blobs/${digest}`, access: pullAccess(repository), expect: [200, ...(from > 0 ? [206] : [])],
    headers: { accept: '*/*', ...(from > 0 ? { range: `bytes=${from}-${size - 1}` } : {}) }, ...(signal === undefined ? {} : { signal }),
  });
  if (answer.status === 206 && !(answer.headers['content-range'] ?? '').startsWith(`bytes ${from}-`)) {
    answer.body.destroy();
    throw damaged(formatReference({ ...repository, digest }), 'it was asked for the rest of a blob and sent another part');
  }
  return { answer, rest: iterate(answer, from) };
}

/** The bytes from `from` on, whether the registry heeded the range or sent everything again. */
async function* iterate(answer: Answer, from: number): AsyncGenerator<Buffer, void> {
  let skip = answer.status === 206 ? 0 : from;
  for await (const chunk of answer.body as AsyncIterable<Buffer>) {
    if (skip < chunk.length) yield chunk.subarray(skip);
    skip = Math.max(0, skip - chunk.length);
  }
}

export function manifestPath({ name, tag, digest }: Reference): string {
  return `/v2/${name}/manifests/${digest ?? tag ?? 'latest'}`;
}

function againOf({ onEvent }: PullOptions, digest?: Digest): Again {
  return (attempt, why) => onEvent?.({ type: 'pull', state: 'again', attempt, why, ...(digest === undefined ? {} : { digest }) });
}

function damaged(where: string, why: string): DeployError {
  return new DeployError('ND-REGISTRY-DAMAGED', {
    what: 'what the registry sent is not what was asked for', where, why,
    next: 'run the command again; when it stays, the registry or a proxy before it is damaged: push the image again',
  });
}
