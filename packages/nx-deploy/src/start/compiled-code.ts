/**
 * What V8 made of a program's files, kept from one start to the next. One file: a line of JSON that says what follows, then V8's data of each file.
 * V8 itself compares no more of a source than its length, and takes damaged data as it is: each part counts only with the digest of both.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';

export interface Compiled {
  /** V8's data by the name of the file that it was made of. */
  readonly parts: ReadonlyMap<string, Part>;
  /** How long (ms) the program had been at work: V8 has only the functions that have run by then. */
  readonly after: number;
}

export interface Part {
  readonly data: Buffer;
  /** SHA-256 of source and data, in hex. */
  readonly digest: string;
}

interface Line extends Pick<Part, 'digest'> {
  readonly name: string;
  readonly length: number;
}

const END_OF_LINE = 10;

/** Nothing when there is no such file or it is no such file. */
export function readCompiled(file: string): Compiled {
  try {
    const content = readFileSync(file);
    const end = content.indexOf(END_OF_LINE);
    const { after, lines } = JSON.parse(content.toString('latin1', 0, end)) as Readonly<Record<string, unknown>>;
    let from = end + 1;
    const parts = new Map((lines as readonly unknown[]).filter(isLine).map(({ name, length, digest }) => [name, { data: content.subarray(from, from += length), digest }]));
    return { parts, after: Number(after) };
  } catch {
    return { parts: new Map(), after: 0 };
  }
}

function isLine(value: unknown): value is Line {
  return typeof value === 'object' && value !== null && 'name' in value && typeof value.name === 'string'
    && 'length' in value && typeof value.length === 'number' && 'digest' in value && typeof value.digest === 'string';
}

/** The file is there whole or not at all. @throws a system error */
export function writeCompiled(file: string, { parts, after }: Compiled): void {
  const lines = [...parts].map(([name, { data, digest }]): Line => ({ name, length: data.length, digest }));
  const temp = `${file}.${process.pid}`;
  try {
    writeFileSync(temp, Buffer.concat([Buffer.from(`${JSON.stringify({ after, lines })}\n`), ...[...parts.values()].map(({ data }) => data)]), { mode: 0o600 });
    renameSync(temp, file);
  } catch (error) {
    rmSync(temp, { force: true });
    throw error;
  }
}

export function part(source: Buffer, data: Buffer): Part {
  return { data, digest: digestOf(source, data) };
}

/** V8's data of this very source, when it is whole. */
export function dataOf(found: Part | undefined, source: Buffer): Buffer | undefined {
  return found !== undefined && found.digest === digestOf(source, found.data) ? found.data : undefined;
}

function digestOf(source: Buffer, data: Buffer): string {
  return process.getBuiltinModule('node:crypto').createHash('sha256').update(source).update(data).digest('hex');
}
