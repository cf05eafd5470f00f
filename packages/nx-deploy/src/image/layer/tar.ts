/** Entries as one tar stream, cut into chunks of one size: the same chunks on every machine. */
import { arrange, type Entry, type FileEntry } from './entry.js';
import { END, header, padding, type Member } from './header.js';
import { openSource } from './source.js';

/** Takes the chunks in order; the next one comes when it has resolved. It may keep the chunk. */
export type Sink = (chunk: Uint8Array) => Promise<void> | void;

/** Takes a full chunk (the last one may be shorter) and hands back a buffer of {@link CHUNK} bytes to fill next. */
export type Exchange = (chunk: Buffer) => Promise<Buffer> | Buffer;

/** Bytes; a multiple of the block, so that no header is cut. Large enough for compression to gain nothing by a larger one, small enough for memory. */
export const CHUNK = 512 * 1024;

/** Fills one chunk after the other. */
export class Chunks {
  readonly #exchange: Exchange;
  #chunk: Buffer;
  #used = 0;

  constructor(exchange: Exchange, first: Buffer) {
    this.#exchange = exchange;
    this.#chunk = first;
  }

  /** The free rest of the chunk, never empty; what is written there is counted by {@link filled}. */
  get room(): Buffer {
    return this.#chunk.subarray(this.#used);
  }

  /** True when the chunk is full: {@link flush} has to come next. */
  filled(count: number): boolean {
    this.#used += count;
    return this.#used === this.#chunk.length;
  }

  async flush(): Promise<void> {
    const full = this.#chunk.subarray(0, this.#used);
    this.#used = 0;
    this.#chunk = await this.#exchange(full);
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      const { room } = this;
      const part = bytes.subarray(done, done + room.length);
      room.set(part);
      done += part.length;
      if (this.filled(part.length)) await this.flush();
    }
  }

  /** The chunk that is not full yet, perhaps empty. */
  rest(): Buffer {
    return this.#chunk.subarray(0, this.#used);
  }
}

/** Writes the entries in their order. `onContent` hears how many bytes of content were taken. */
export async function fillTar(entries: readonly Entry[], chunks: Chunks, mtime: number, onContent?: (bytes: number) => void): Promise<void> {
  for (const entry of entries) {
    if (entry.type === 'file') await addFile(entry, chunks, mtime, onContent);
    else await chunks.write(header(entry.type === 'symlink' ? { ...entry, mode: 0o777, size: 0 } : { ...entry, mode: 0o755, size: 0 }, mtime));
  }
  await chunks.write(END);
}

/** The entries as an uncompressed archive. */
export async function writeTar(entries: AsyncIterable<Entry> | Iterable<Entry>, sink: Sink, mtime: number): Promise<void> {
  const chunks = new Chunks(async (chunk) => {
    await sink(chunk);
    return Buffer.allocUnsafeSlow(CHUNK);
  }, Buffer.allocUnsafeSlow(CHUNK));
  await fillTar(await arrange(entries), chunks, mtime);
  const rest = chunks.rest();
  if (rest.length > 0) await sink(rest);
}

async function addFile({ path, mode, source: from, content, size, sha256 }: FileEntry, chunks: Chunks, mtime: number, onContent?: (bytes: number) => void): Promise<void> {
  const member = (bytes: number): Member => ({ path, type: 'file', mode: (mode & 0o100) === 0 ? 0o644 : 0o755, size: bytes });
  const source = content ?? from;
  if (typeof source !== 'string') {
    await chunks.write(header(member(source.length), mtime));
    await chunks.write(source);
    await chunks.write(END.subarray(0, padding(source.length)));
    onContent?.(source.length);
    return;
  }
  const file = openSource(source, size, sha256);
  try {
    await chunks.write(header(member(file.size), mtime));
    for (let left = file.size; left > 0;) {
      const count = file.read(chunks.room);
      left -= count;
      onContent?.(count);
      if (chunks.filled(count)) await chunks.flush();
    }
    file.confirm();
  } finally {
    file.close();
  }
  await chunks.write(END.subarray(0, padding(file.size)));
}
