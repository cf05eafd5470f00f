/** Tar headers: POSIX.1-1988 "ustar", with POSIX.1-2001 "pax" records for what does not fit (pax(1), EXTENDED DESCRIPTION). */

export const BLOCK = 512;

export interface Member {
  /** Without a slash at its end. */
  readonly path: string;
  readonly type: 'file' | 'symlink' | 'directory';
  readonly mode: number;
  /** Bytes of content that follow the header. */
  readonly size: number;
  /** Of a symbolic link. */
  readonly target?: string;
}

const TYPE_FLAGS = { file: '0', symlink: '2', directory: '5' } as const;
const NAME = 100;
const PREFIX = 155;
/** Eleven octal digits. */
const LARGEST = 8 ** 11 - 1;
const MAGIC = 'ustar\x0000';
const LAST_ASCII = 0x7f;

/** One block, or with pax records in front of it as many as they need. `mtime` in s since 1970, at most {@link LARGEST_TIME}. */
export function header(member: Member, mtime: number): Buffer {
  const path = member.type === 'directory' ? `${member.path}/` : member.path;
  const target = member.target ?? '';
  const split = splitPath(path);
  const records: [string, string][] = [];
  if (split === undefined) records.push(['path', path]);
  if (!isAscii(target) || target.length > NAME) records.push(['linkpath', target]);
  if (member.size > LARGEST) records.push(['size', String(member.size)]);
  const main = block({
    name: split?.name ?? shortened(path), prefix: split?.prefix ?? '', target: shortened(target), mode: member.mode,
    size: member.size > LARGEST ? 0 : member.size, mtime, flag: TYPE_FLAGS[member.type],
  });
  return records.length === 0 ? main : Buffer.concat([pax(member.path, records, mtime), main]);
}

/** The largest modification time that a header holds, in s since 1970: the year 2242. */
export const LARGEST_TIME = LARGEST;

/** Bytes of zeros that fill the last block of a content. */
export function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

/** What ends an archive: two blocks of zeros. */
export const END = Buffer.alloc(2 * BLOCK);

function pax(path: string, records: readonly (readonly [string, string])[], mtime: number): Buffer {
  const content = Buffer.concat(records.map(([key, value]) => record(key, value)));
  const name = shortened(`PaxHeaders/${path.slice(path.lastIndexOf('/') + 1)}`);
  const head = block({ name, prefix: '', target: '', mode: 0o644, size: content.length, mtime, flag: 'x' });
  return Buffer.concat([head, content, Buffer.alloc(padding(content.length))]);
}

/** `<length> <key>=<value>\n`, where the length, in bytes, counts its own digits. */
function record(key: string, value: string): Buffer {
  const rest = Buffer.from(` ${key}=${value}\n`);
  let length = rest.length;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

/** The path as `prefix/name`; undefined when it does not fit so, or is not plain ASCII. */
function splitPath(path: string): { readonly prefix: string; readonly name: string } | undefined {
  if (!isAscii(path)) return undefined;
  if (path.length <= NAME) return { prefix: '', name: path };
  const at = path.indexOf('/', path.length - NAME - 1);
  return at <= 0 || at > PREFIX || at === path.length - 1 ? undefined : { prefix: path.slice(0, at), name: path.slice(at + 1) };
}

/** For the fixed field of a reader that does not know pax. */
function shortened(text: string): string {
  return text.slice(0, NAME).replace(/[^ -~\n\t]/g, '_');
}

function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) if (text.charCodeAt(index) > LAST_ASCII) return false;
  return true;
}

interface Fields {
  readonly name: string;
  readonly prefix: string;
  readonly target: string;
  readonly mode: number;
  readonly size: number;
  readonly mtime: number;
  readonly flag: string;
}

/** Owner and group are 0 and have no names. */
function block({ name, prefix, target, mode, size, mtime, flag }: Fields): Buffer {
  const bytes = Buffer.alloc(BLOCK);
  bytes.write(name, 0, NAME, 'latin1');
  octal(bytes, mode, 100, 8);
  octal(bytes, 0, 108, 8);
  octal(bytes, 0, 116, 8);
  octal(bytes, size, 124, 12);
  octal(bytes, mtime, 136, 12);
  bytes.fill(' ', 148, 156);
  bytes.write(flag, 156, 'latin1');
  bytes.write(target, 157, NAME, 'latin1');
  bytes.write(MAGIC, 257, 'latin1');
  octal(bytes, 0, 329, 8);
  octal(bytes, 0, 337, 8);
  bytes.write(prefix, 345, PREFIX, 'latin1');
  let sum = 0;
  for (const byte of bytes) sum += byte;
  octal(bytes, sum, 148, 7);
  return bytes;
}

/** Digits that fill the field but for the NUL at its end. */
function octal(bytes: Buffer, value: number, at: number, width: number): void {
  bytes.write(value.toString(8).padStart(width - 1, '0'), at, width - 1, 'latin1');
  bytes[at + width - 1] = 0;
}
