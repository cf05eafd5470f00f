/**
 * One gzip member (RFC 1952), its chunks compressed at the same time in libuv's thread pool: each is raw deflate (RFC 1951) that ends on a byte by an empty block and
 * knows the last 32 KiB before it, so the whole is one stream that any reader takes. The bytes depend on the content and on the zlib in Node alone: the boundaries
 * are by bytes, and the header is ours.
 */
import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import { constants, crc32, deflateRaw } from 'node:zlib';
import type { Digest } from '../oci.js';
import { CHUNK, type Sink } from './tar.js';

const deflate = promisify<Buffer, Parameters<typeof deflateRaw>[1], Buffer>(deflateRaw);

/** Magic, deflate, no flags, no time, no hint, unknown operating system. */
export const HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
const WINDOW = 32 * 1024;
/** libuv has this many threads unless UV_THREADPOOL_SIZE says otherwise; more chunks at once would only take memory. */
const POOL = 4;

export interface Compressed {
  /** Of what went in. */
  readonly diffId: Digest;
  /** Of what came out. */
  readonly digest: Digest;
  /** Bytes that came out. */
  readonly size: number;
  /** Bytes that went in. */
  readonly uncompressed: number;
}

export interface Pending {
  readonly packed: Promise<Buffer>;
  readonly chunk: Buffer;
}

export class ParallelGzip {
  readonly #sink: Sink;
  readonly #level: number;
  readonly #plain = createHash('sha256');
  readonly #packed = createHash('sha256');
  readonly #pending: Pending[] = [];
  readonly #atOnce = Math.max(2, Math.min(availableParallelism(), POOL));
  #free: Buffer[] = [];
  #window: Buffer | undefined;
  #crc = 0;
  #length = 0;
  #size = 0;

  constructor(sink: Sink, level: number) {
    this.#sink = sink;
    this.#level = level;
  }

  /** A buffer of {@link CHUNK} bytes to fill. */
  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(CHUNK);
  }

  /** The chunk belongs to this object until {@link take} hands it out again. Resolves when there is room for another one. */
  async push(chunk: Buffer): Promise<void> {
    this.#begin(chunk, constants.Z_SYNC_FLUSH);
    while (this.#pending.length > this.#atOnce) await this.#next();
  }

  /** The last chunk; it may be empty. */
  async end(chunk: Buffer): Promise<Compressed> {
    this.#begin(chunk, constants.Z_FINISH);
    while (this.#pending.length > 0) await this.#next();
    const trailer = Buffer.alloc(8);
    trailer.writeUInt32LE(this.#crc, 0);
    trailer.writeUInt32LE(this.#length % 2 ** 32, 4);
    await this.#out(trailer);
    return { diffId: `sha256:${this.#plain.digest('hex')}`, digest: `sha256:${this.#packed.digest('hex')}`, size: this.#size, uncompressed: this.#length };
  }

  /** After a failure: waits until no thread works on a chunk any more. */
  async abandon(): Promise<void> {
    await Promise.allSettled(this.#pending.splice(0).map(({ packed }) => packed));
  }

  #begin(chunk: Buffer, finishFlush: number): void {
    const options = {
      level: this.#level, finishFlush, chunkSize: bound(chunk.length), ...(this.#window === undefined ? {} : { dictionary: this.#window }),
    };
    const packed = deflate(chunk, options);
    // A failure is met when its turn comes.
    packed.catch(() => undefined);
    this.#pending.push({ packed, chunk });
    // While threads compress, this one does what has to see the chunks in order.
    this.#plain.update(chunk);
    this.#crc = crc32(chunk, this.#crc);
    this.#length += chunk.length;
    this.#window = Buffer.from(chunk.subarray(Math.max(0, chunk.length - WINDOW)));
  }

  async #next(): Promise<void> {
    const [first] = this.#pending;
    if (first === undefined) return;
    const packed = await first.packed;
    this.#pending.shift();
    if (first.chunk.length === CHUNK) this.#free.push(first.chunk);
    if (this.#size === 0) await this.#out(HEADER);
    await this.#out(packed);
  }

  async #out(bytes: Buffer): Promise<void> {
    this.#packed.update(bytes);
    this.#size += bytes.length;
    await this.#sink(bytes);
  }
}

/** What deflate can make of so many bytes at most (deflateBound of zlib), and the empty block: the result then comes in one piece. */
function bound(length: number): number {
  return length + (length >>> 12) + (length >>> 14) + 64;
}
