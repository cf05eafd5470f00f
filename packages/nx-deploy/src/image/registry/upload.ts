/** One blob to a registry (OCI distribution-spec, "Pushing blobs"): is it there, mount, upload in one piece, or in chunks where the registry wants that. */
import { createHash } from 'node:crypto';
import { DeployError } from '../../errors.js';
import type { Descriptor } from '../oci.js';
import type { Access } from './authorization.js';
import type { OnRegistryEvent } from './progress.js';
import type { Repository } from './reference.js';
import { Passing, type Again } from './retry.js';
import { drop, type Answer, type Session } from './session.js';
import type { Content } from './transport.js';
import { plain, printable } from './plain.js';

export interface Upload {
  readonly session: Session;
  readonly repository: Repository;
  readonly blob: Descriptor;
  /** Bytes `start` to before `end`, read anew for each attempt. */
  readonly open: (start: number, end: number) => AsyncIterable<Uint8Array> | Promise<AsyncIterable<Uint8Array>>;
  /** Another repository of the registry that may have the blob. */
  readonly mountFrom?: string;
  /** Bytes of a chunk when the registry takes no blob in one piece. */
  readonly chunk: number;
  readonly onEvent?: OnRegistryEvent;
  readonly signal?: AbortSignal;
}

export type How = 'present' | 'mounted' | 'uploaded';

/** Once everything is sent a registry verifies the digest and moves the blob to its storage before it answers; so many bytes of that a millisecond. */
const COMMIT_PACE = 10_000;
const SMALLEST_CHUNK = 262_144;
const RESUMES = 5;
/** The registry takes no blob of this size in one piece, or none at all. */
const WANTS_CHUNKS = [405, 413, 501];

/** @throws DeployError. Two that upload the same blob at once do each other no harm: each has an upload of its own. */
export async function pushBlob(upload: Upload): Promise<How> {
  let found: How = 'present';
  let pieces = false;
  return upload.session.retrying(upload.signal, againOf(upload), async () => {
    if (await hasBlob(upload)) return found;
    found = 'uploaded';
    let begun = await begin(upload, upload.mountFrom);
    if (begun === undefined) return 'mounted';
    if (!pieces && await inOnePiece(upload, begun)) return found;
    // The upload that was refused in one piece is left to the registry's own cleaning.
    if (!pieces) begun = await begin(upload);
    pieces = true;
    if (begun !== undefined) await inChunks(upload, begun);
    return found;
  });
}

/** One attempt. */
export async function hasBlob({ session, repository, blob, signal }: Upload): Promise<boolean> {
  const answer = await session.once({ ...common(repository, signal), method: 'HEAD', to: `/v2/${repository.name}/blobs/${blob.digest}`, expect: [200, 404] });
  drop(answer);
  const size = Number(answer.headers['content-length'] ?? 0);
  // Some say nothing, or 0, of the size of what they have.
  if (answer.status === 200 && size !== 0 && size !== blob.size) throw brokenProtocol(answer, `it has ${blob.digest} with ${size} instead of ${blob.size} bytes`);
  return answer.status === 200;
}

interface Begun {
  /** Where the content goes. */
  readonly url: URL;
  readonly smallest: number;
}

/** Undefined when the blob is there by now: mounted, or sent by somebody else. */
async function begin(upload: Upload, mountFrom?: string): Promise<Begun | undefined> {
  const { session, repository, blob, signal } = upload;
  const access = pushAccess(repository, mountFrom);
  const query = mountFrom === undefined ? '' : `?mount=${encodeURIComponent(blob.digest)}&from=${encodeURIComponent(mountFrom)}`;
  let answer: Answer;
  try {
    answer = await session.once({ ...common(repository, signal), access, method: 'POST', to: `/v2/${repository.name}/blobs/uploads/${query}`, expect: [201, 202] });
  } catch (thrown) {
    // Whoever may not read the other repository can still send the blob.
    const refused = mountFrom !== undefined && thrown instanceof DeployError && ['ND-REGISTRY-DENIED', 'ND-REGISTRY-NOT-FOUND', 'ND-REGISTRY-REFUSED'].includes(thrown.code);
    if (refused) return begin(upload);
    throw thrown;
  }
  drop(answer);
  if (answer.status === 201) {
    if (await hasBlob(upload)) return undefined;
    if (mountFrom !== undefined) return begin(upload);
    throw brokenProtocol(answer, 'it answered 201 to the beginning of an upload');
  }
  return { url: await session.locate(answer.headers.location, answer.url), smallest: Number(answer.headers['oci-chunk-min-length'] ?? 0) || 0 };
}

/** False when the registry wants chunks. */
async function inOnePiece(upload: Upload, { url }: Begun): Promise<boolean> {
  const { session, repository, blob, signal } = upload;
  const answer = await session.once({
    ...common(repository, signal), method: 'PUT', to: withDigest(url, blob), content: whole(upload), patience: blob.size / COMMIT_PACE,
    headers: { 'content-type': 'application/octet-stream' }, expect: [200, 201, 202, 204, 400, 404, 416, ...WANTS_CHUNKS],
  });
  if (WANTS_CHUNKS.includes(answer.status)) {
    drop(answer);
    return false;
  }
  await settle(upload, answer);
  return true;
}

async function inChunks(upload: Upload, begun: Begun): Promise<void> {
  const { session, repository, blob, signal } = upload;
  let { url } = begun;
  let chunk = Math.max(upload.chunk, begun.smallest);
  let failures = 0;
  for (let at = 0; at < blob.size;) {
    const end = Math.min(at + chunk, blob.size);
    try {
      const answer = await session.once({
        ...common(repository, signal), method: 'PATCH', to: url, content: part(upload, at, end), expect: [201, 202, 204, 413],
        headers: { 'content-type': 'application/octet-stream', 'content-range': `${at}-${end - 1}` },
      });
      drop(answer);
      if (answer.status === 413) {
        chunk = smaller(chunk, begun, answer);
        continue;
      }
      url = await session.locate(answer.headers.location ?? url.href, answer.url);
      at = received(answer, at, end) ?? end;
      failures = 0;
    } catch (thrown) {
      failures += 1;
      if (!(thrown instanceof Passing) || failures > RESUMES) throw thrown;
      const status = await session.once({ ...common(repository, signal), method: 'GET', to: url, expect: [204, 400, 404, 416] });
      drop(status);
      const resumed = status.status === 204 ? received(status, 0, blob.size) : undefined;
      if (resumed === undefined) throw thrown;
      at = resumed;
      url = await session.locate(status.headers.location ?? url.href, status.url);
    }
  }
  await settle(upload, await session.once({
    ...common(repository, signal), method: 'PUT', to: withDigest(url, blob), patience: blob.size / COMMIT_PACE, expect: [200, 201, 202, 204, 400, 404, 416],
  }));
}

/** The end of an upload: 201 is success; another success must be confirmed; an upload that is gone or damaged is begun again. */
async function settle(upload: Upload, answer: Answer): Promise<void> {
  const { blob, onEvent } = upload;
  drop(answer);
  const said = answer.headers['docker-content-digest'];
  const confirmed = answer.status === 201 && (typeof said !== 'string' || said === blob.digest);
  if (!confirmed && (answer.status >= 400 || !(await hasBlob(upload)))) {
    const why = answer.status >= 400 ? `it answered ${answer.status} to the end of the upload of ${blob.digest}: its size or digest is wrong there, or the upload was forgotten` : `it answered ${answer.status} and does not have ${blob.digest}`;
    throw new Passing(notKept(`PUT ${printable(answer.url)}`, why));
  }
  onEvent?.({ type: 'push', state: 'bytes', digest: blob.digest, bytes: blob.size, total: blob.size });
}

/** A success that is none: of a blob or a manifest. */
export function notKept(where: string, why: string): DeployError {
  return new DeployError('ND-REGISTRY-REFUSED', { what: 'the registry does not keep what was pushed', where, why, next: 'run the command again; when it stays, a proxy between here and the registry changes or cuts content' });
}

/** The next byte that the registry wants, by its `Range: 0-last`; `0-0` is what registries say of nothing. */
function received({ headers }: Answer, from: number, to: number): number | undefined {
  const last = Number(/^(?:bytes=)?0-(\d+)$/.exec(headers.range ?? '')?.[1] ?? Number.NaN);
  const next = last === 0 ? 0 : last + 1;
  return next >= from && next <= to ? next : undefined;
}

function smaller(chunk: number, { smallest }: Begun, answer: Answer): number {
  const next = Math.floor(chunk / 2);
  if (next < Math.max(SMALLEST_CHUNK, smallest)) throw brokenProtocol(answer, `it refuses chunks of ${chunk} bytes, too`);
  return next;
}

/** The whole blob, verified while it is read: a file that changed after the build ends the push before the registry could keep it. */
function whole({ blob, open, onEvent }: Upload): Content {
  return {
    size: blob.size,
    async *open() {
      const hash = createHash('sha256');
      let bytes = 0;
      for await (const piece of await open(0, blob.size)) {
        hash.update(piece);
        bytes += piece.length;
        if (bytes >= blob.size && `sha256:${hash.copy().digest('hex')}` !== blob.digest) throw new Error(`its content is not that of ${blob.digest} any more`);
        yield piece;
        onEvent?.({ type: 'push', state: 'bytes', digest: blob.digest, bytes, total: blob.size });
      }
    },
  };
}

function part({ blob, open, onEvent }: Upload, start: number, end: number): Content {
  return {
    size: end - start,
    async *open() {
      let bytes = start;
      for await (const piece of await open(start, end)) {
        yield piece;
        bytes += piece.length;
        onEvent?.({ type: 'push', state: 'bytes', digest: blob.digest, bytes, total: blob.size });
      }
    },
  };
}

/** The rest of the query is the registry's state: not a character of it is written anew. */
function withDigest(url: URL, { digest }: Descriptor): URL {
  const target = new URL(url);
  target.search += `${target.search === '' ? '?' : '&'}digest=${encodeURIComponent(digest)}`;
  return target;
}

export function pushAccess(repository: Repository, mountFrom?: string): Access {
  return { repository, scopes: [`repository:${repository.name}:pull,push`, ...(mountFrom === undefined ? [] : [`repository:${mountFrom}:pull`])] };
}

function common(repository: Repository, signal: AbortSignal | undefined): { access: Access; signal?: AbortSignal } {
  return { access: pushAccess(repository), ...(signal === undefined ? {} : { signal }) };
}

function againOf({ blob, onEvent }: Upload): Again {
  return (attempt, why) => onEvent?.({ type: 'push', state: 'again', digest: blob.digest, attempt, why });
}

function brokenProtocol(answer: Answer, why: string): DeployError {
  return new DeployError('ND-REGISTRY-REFUSED', { what: 'the registry does not keep to the protocol', where: printable(answer.url), why: plain(why), next: 'tell those who run the registry' });
}
