/**
 * checksums.txt in the format of GNU sha256sum, so that `sha256sum -c` reads it: `<64 hex digits>  <path>`, one a line. A path with a backslash,
 * newline or carriage return is escaped (`\\`, `\n`, `\r`) and its line begins with a backslash (coreutils, "cksum general options").
 */
import { unsafePath } from './safe-path.js';

export interface Checksum {
  /** Relative to the folder of the list, with `/`. */
  readonly path: string;
  /** Of the content, hexadecimal, lower case. */
  readonly sha256: string;
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r' };
const UNESCAPES: Readonly<Record<string, string>> = { '\\\\': '\\', '\\n': '\n', '\\r': '\r' };

/** Text of the list, sorted by path, by UTF-16 code units. */
export function formatChecksums(checksums: readonly Checksum[]): string {
  const sorted = [...checksums].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  return sorted.map(({ path, sha256 }) => {
    const escaped = path.replace(/[\\\n\r]/g, (character) => ESCAPES[character] ?? character);
    return `${escaped === path ? '' : '\\'}${sha256}  ${escaped}\n`;
  }).join('');
}

/**
 * Reads a list that {@link formatChecksums} could have written, and no other: every byte of it counts.
 * @returns the entries and every problem; a line with a problem gives no entry
 */
export function parseChecksums(text: string): { readonly entries: readonly Checksum[]; readonly problems: readonly string[] } {
  const entries: Checksum[] = [];
  const problems: string[] = [];
  const lines = text.split('\n');
  if (lines.pop() !== '') problems.push('the last line does not end with a newline');
  for (const [index, line] of lines.entries()) {
    const entry = parseLine(line);
    if (typeof entry === 'string') problems.push(`line ${index + 1}: ${entry}`);
    else entries.push(entry);
  }
  const paths = new Set<string>();
  for (const { path } of entries) {
    if (paths.has(path)) problems.push(`${path} is listed twice`);
    paths.add(path);
  }
  if (problems.length === 0 && formatChecksums(entries) !== text) problems.push('the lines are not in the order or form in which they are written');
  return { entries, problems };
}

function parseLine(line: string): Checksum | string {
  const [, escaped, sha256, written] = /^(\\?)([0-9a-f]{64}) {2}(.+)$/s.exec(line) ?? [];
  if (sha256 === undefined || written === undefined) return 'it is not a digest, two spaces and a path';
  if (escaped === '\\' && written.replace(/\\[\\nr]/g, '').includes('\\')) return 'its path has an unknown escape';
  const path = escaped === '\\' ? written.replace(/\\[\\nr]/g, (pair) => UNESCAPES[pair] ?? pair) : written;
  const why = unsafePath(path);
  return why === undefined ? { path, sha256 } : `its path ${why}`;
}
