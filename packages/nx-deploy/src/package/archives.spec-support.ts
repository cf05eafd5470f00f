/** Archives that no honest program makes: raw blocks of tar in the frame of our gzip. For specs only. */
import { crc32, deflateRawSync } from 'node:zlib';
import { HEADER } from '../image/layer/gzip.js';
import { END, header, padding, type Member } from '../image/layer/header.js';

export function file(path: string, content: string | Buffer = '', mode = 0o644): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([header({ path, type: 'file', mode, size: bytes.length }, 1), bytes, Buffer.alloc(padding(bytes.length))]);
}

export function folder(path: string): Buffer {
  return header({ path, type: 'directory', mode: 0o755, size: 0 }, 1);
}

export function link(path: string, target: string): Buffer {
  return header({ path, type: 'symlink', mode: 0o777, size: 0, target }, 1);
}

/** A header whose bytes were changed afterwards, with a checksum that fits. */
export function forged(member: Member, change: (block: Buffer) => void, content: Buffer = Buffer.alloc(0)): Buffer {
  const block = header(member, 1);
  change(block);
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return Buffer.concat([block, content, Buffer.alloc(padding(content.length))]);
}

export function tar(...members: readonly Buffer[]): Buffer {
  return Buffer.concat([...members, END]);
}

export function gzip(content: Buffer, { level = 6 } = {}): Buffer {
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(content), 0);
  trailer.writeUInt32LE(content.length % 2 ** 32, 4);
  return Buffer.concat([HEADER, deflateRawSync(content, { level }), trailer]);
}
