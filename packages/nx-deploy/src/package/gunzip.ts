/** The content of a gzip file that gzip.ts wrote, with every byte of its frame checked. */
import { createReadStream } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { crc32, createInflateRaw } from 'node:zlib';
import { HEADER } from '../image/layer/gzip.js';

const TRAILER = 8;
const PIECE = 256 * 1024;

/**
 * Memory is bounded.
 * @param refuse makes the error that is thrown for anything that is wrong
 * @param most bytes of content; a file that holds more is refused before they are there
 */
export async function *gunzip(file: string, most: number, refuse: (why: string) => Error): AsyncGenerator<Buffer> {
  const { size, trailer } = await frameOf(file, refuse);
  const inflate = createInflateRaw({ chunkSize: PIECE });
  const fed = pipeline(createReadStream(file, { start: HEADER.length, end: size - TRAILER - 1, highWaterMark: PIECE }), inflate);
  fed.catch(() => undefined);
  let crc = 0;
  let length = 0;
  try {
    for await (const piece of inflate as AsyncIterable<Buffer>) {
      crc = crc32(piece, crc);
      length += piece.length;
      if (length > most) throw refuse(`it holds more than ${most} bytes`);
      yield piece;
    }
  } catch (thrown) {
    throw isZlib(thrown) ? refuse('its compressed part is damaged') : thrown;
  }
  if (inflate.bytesWritten !== size - HEADER.length - TRAILER) throw refuse('something stands behind its compressed part');
  if (trailer.readUInt32LE(0) !== crc || trailer.readUInt32LE(4) !== length % 2 ** 32) throw refuse('its checksum (gzip) is not that of its content');
}

async function frameOf(file: string, refuse: (why: string) => Error): Promise<{ readonly size: number; readonly trailer: Buffer }> {
  const handle = await open(file, 'r');
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw refuse('it is no file');
    if (stat.size <= HEADER.length + TRAILER) throw refuse('it is too short');
    if (!(await at(handle, 0, HEADER.length)).equals(HEADER)) throw refuse('it is no gzip as packages are');
    return { size: stat.size, trailer: await at(handle, stat.size - TRAILER, TRAILER) };
  } finally {
    await handle.close();
  }
}

async function at(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer } = await handle.read(Buffer.alloc(length), 0, length, position);
  return buffer;
}

function isZlib(thrown: unknown): boolean {
  return typeof thrown === 'object' && thrown !== null && 'code' in thrown && typeof thrown.code === 'string' && (thrown.code.startsWith('Z_') || thrown.code === 'ERR_STREAM_PREMATURE_CLOSE');
}
