import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describeWith } from '../../../../tools/images/needs.spec-support.js';
import { formatChecksums, parseChecksums } from './checksums.js';
import { unsafePath } from './safe-path.js';
import { folderWith } from './signing.spec-support.js';

const sha256 = (content: string): string => createHash('sha256').update(content).digest('hex');
const DIGEST = 'a'.repeat(64);
const HOSTILE = ['plain.txt', ' two  spaces ', '-dash', '*star', 'back\\slash', 'new\nline', 'carriage\rreturn', '\\', '\\n', 'a\\\nb', '\u00e9t\u00e9/\u65e5\u672c', 'quote\'"$(id)`'];

describe('checksums.txt', () => {
  it('comes back as it was written, for any paths', () => {
    const path = fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ minLength: 1, unit: fc.constantFrom('a', '\\', '\n', '\r', ' ', '/', '.', '\u00e9') })).filter((each) => unsafePath(each) === undefined);
    fc.assert(fc.property(fc.uniqueArray(path, { maxLength: 8 }), (paths) => {
      const text = formatChecksums(paths.map((each) => ({ path: each, sha256: DIGEST })));
      expect(parseChecksums(text)).toEqual({ entries: [...paths].sort().map((each) => ({ path: each, sha256: DIGEST })), problems: [] });
    }));
  });

  it.each([
    [`${DIGEST}  ../x\n`, 'line 1: its path leaves the folder (..)'],
    [`${DIGEST}  a/../../x\n`, 'line 1: its path leaves the folder (..)'],
    [`${DIGEST}  /etc/passwd\n`, 'line 1: its path is absolute'],
    [`${DIGEST}  C:\\x\n`, 'line 1: its path is absolute'],
    [`${DIGEST}  ./x\n`, 'line 1: its path is not in its shortest form'],
    [`${DIGEST}  a//x\n`, 'line 1: its path is not in its shortest form'],
    [`${DIGEST}  a\0x\n`, 'line 1: its path holds a NUL'],
    [`\\${DIGEST}  a\\tb\n`, 'line 1: its path has an unknown escape'],
    [`\\${DIGEST}  a\\\n`, 'line 1: its path has an unknown escape'],
    [`\\${DIGEST}  plain\n`, 'the lines are not in the order or form in which they are written'],
    [`${DIGEST} *x\n`, 'line 1: it is not a digest, two spaces and a path'],
    [`${DIGEST.toUpperCase()}  x\n`, 'line 1: it is not a digest, two spaces and a path'],
    [`${DIGEST}  x`, 'the last line does not end with a newline'],
    [`${DIGEST}  x\n${DIGEST}  x\n`, 'x is listed twice'],
    [`${DIGEST}  b\n${DIGEST}  a\n`, 'the lines are not in the order or form in which they are written'],
  ])('refuses %j', (text, problem) => {
    expect(parseChecksums(text).problems).toContain(problem);
  });
});

describeWith(['sha256sum'], 'sha256sum', () => {
  it('writes the same list, and checks it', async () => {
    const { folder, remove } = await folderWith(Object.fromEntries(HOSTILE.map((path) => [path, path])));
    try {
      const text = formatChecksums(HOSTILE.map((path) => ({ path, sha256: sha256(path) })));
      const theirs = execFileSync('sha256sum', ['--', ...[...HOSTILE].sort()], { cwd: folder, encoding: 'utf8' });
      expect(text).toBe(theirs);
      expect(execFileSync('sha256sum', ['--check', '--strict', '--quiet'], { cwd: folder, input: text, encoding: 'utf8' })).toBe('');
    } finally {
      await remove();
    }
  });
});
