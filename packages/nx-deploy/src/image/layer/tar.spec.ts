import { execFileSync } from 'node:child_process';
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, realpathSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import type { Entry } from './entry.js';
import { header, LARGEST_TIME } from './header.js';
import { membersOf, pack, unpack } from './layer.spec-support.js';
import { CHUNK, writeTar } from './tar.js';

let root: string;
beforeEach(() => { root = realpathSync(mkdtempSync(join(tmpdir(), 'nd tar '))); });
afterEach(() => { rmSync(root, { recursive: true, force: true }); });

const file = (path: string, content = '', mode = 0o644): Entry => ({ path, type: 'file', mode, source: Buffer.from(content) });
const twice = (text: string): string => text + text;

describe('what readers of tar find', () => {
  it('is the entries with the folders above them, without owners, at one time, in the order of bytes', async () => {
    const { tar } = await pack([
      file('b/x-y', 'last'), { path: 'b/x', type: 'directory' }, file('b/x/z', 'inner', 0o700), file('a', 'first', 0o666), { path: 'b/link', type: 'symlink', target: '../a' },
    ], { mtime: 1_700_000_000 });
    const common = { owner: '0:0', mtime: 1_700_000_000, target: undefined };
    expect(await membersOf(tar)).toEqual([
      { ...common, path: 'a', type: 'File', mode: 0o644, content: 'first' },
      { ...common, path: 'b/', type: 'Directory', mode: 0o755, content: '' },
      { ...common, path: 'b/link', type: 'SymbolicLink', mode: 0o777, target: '../a', content: '' },
      { ...common, path: 'b/x/', type: 'Directory', mode: 0o755, content: '' },
      { ...common, path: 'b/x-y', type: 'File', mode: 0o644, content: 'last' },
      { ...common, path: 'b/x/z', type: 'File', mode: 0o755, content: 'inner' },
    ].sort((a, b) => Buffer.compare(Buffer.from(a.path.replace(/\/$/, '')), Buffer.from(b.path.replace(/\/$/, '')))));
  });

  it('is each name as it was', async () => {
    const long = 'n'.repeat(250);
    const names = [
      'plain', 'with blank', 'back\\slash', 'line\nbreak', '\u00e9clair', '\u65e5\u672c', '\ud83d\ude80', '-rf', '@scope', 'quote"\'', 'tab\there', long, `o${long}/${long}/${long}.js`,
      `${'d'.repeat(60)}/${'e'.repeat(60)}/f`, `${twice('g'.repeat(50))}/h`, `${'i'.repeat(155)}/${'j'.repeat(100)}`, `${'k'.repeat(156)}/l`, `m/${'\u00fc'.repeat(120)}`,
    ];
    const { tar } = await pack(names.map((name) => file(name, `content of ${name}`)));
    expect((await membersOf(tar)).filter(({ type }) => type === 'File').map(({ path }) => path).sort()).toEqual([...names].sort());
    unpack(tar, root);
    for (const name of names) expect(readFileSync(join(root, name), 'utf8')).toBe(`content of ${name}`);
  });

  it('is each folder and each link as it was, however long', async () => {
    const folder = `${'p'.repeat(99)}/${'q'.repeat(200)}/${'r'.repeat(99)}`;
    const targets = ['short', 't'.repeat(100), 'u'.repeat(101), '\u00fc', '../../up', '/usr/bin/env', 'line\nbreak'];
    const { tar } = await pack([{ path: folder, type: 'directory' }, ...targets.map((target, index): Entry => ({ path: `l${index}`, type: 'symlink', target }))]);
    unpack(tar, root);
    expect(lstatSync(join(root, folder)).isDirectory()).toBe(true);
    expect(targets.map((_target, index) => readlinkSync(join(root, `l${index}`)))).toEqual(targets);
    expect((await membersOf(tar)).flatMap(({ target }) => target ?? [])).toEqual(targets);
  });

  it('is the same for any tree', async () => {
    const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 90 }).map((text) => text.replaceAll('/', '_').replaceAll('\0', '_')).filter((text) => text !== '.' && text !== '..' && !text.startsWith('.wh.') && Buffer.byteLength(text) < 256 && Buffer.from(text).toString() === text);
    const path = fc.array(name, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/'));
    const tree = fc.dictionary(path, fc.record({ content: fc.uint8Array({ maxLength: 1_500 }), mode: fc.nat(0o777) }), { minKeys: 1, maxKeys: 8 })
      .filter((files) => Object.keys(files).every((one) => !Object.keys(files).some((other) => other.startsWith(`${one}/`))));
    await fc.assert(fc.asyncProperty(tree, async (files) => {
      const entries = Object.entries(files).map(([one, { content, mode }]): Entry => ({ path: one, type: 'file', mode, source: content }));
      const { tar } = await pack(entries);
      const backwards = await pack(entries.reverse());
      expect(backwards.tar.equals(tar)).toBe(true);
      const found = (await membersOf(tar)).filter(({ type }) => type === 'File').map(({ path: one, content, mode }) => [one, content, mode]);
      expect(Object.fromEntries(found.map(([one, ...rest]) => [one, rest]))).toEqual(Object.fromEntries(entries.map((entry) => [
        entry.path, entry.type === 'file' ? [Buffer.from(entry.source as Uint8Array).toString('latin1'), (entry.mode & 0o100) === 0 ? 0o644 : 0o755] : [],
      ])));
      const folder = mkdtempSync(join(root, 'tree'));
      unpack(tar, folder);
      for (const [one, { content }] of Object.entries(files)) expect(readFileSync(join(folder, one)).equals(Buffer.from(content))).toBe(true);
      rmSync(folder, { recursive: true });
    }), { numRuns: 40 });
  });
});

describe('files', () => {
  it.each([0, 1, 511, 512, 513, CHUNK - 512, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 7])('of %d bytes come back', async (size) => {
    const content = Buffer.alloc(size, 'some content, ');
    writeFileSync(join(root, 'source'), content, { mode: 0o777 });
    const { tar, uncompressed } = await pack([{ path: 'a/file', type: 'file', mode: 0o755, source: join(root, 'source'), size }, file('b', 'after')]);
    expect(uncompressed).toBe(tar.length);
    expect(tar.length % 512).toBe(0);
    mkdirSync(join(root, 'out'));
    unpack(tar, join(root, 'out'));
    expect(readFileSync(join(root, 'out/a/file')).equals(content)).toBe(true);
    expect(readFileSync(join(root, 'out/b'), 'utf8')).toBe('after');
    expect(readdirSync(join(root, 'out'))).toEqual(['a', 'b']);
  });

  it('are the same from a file and from memory', async () => {
    writeFileSync(join(root, 'source'), 'the content');
    const fromFile = await pack([{ path: 'x', type: 'file', mode: 0o644, source: join(root, 'source') }]);
    expect(fromFile.tar.equals((await pack([file('x', 'the content')])).tar)).toBe(true);
  });
});

describe('writeTar', () => {
  it('writes the tar of the layer, in chunks that may be kept', async () => {
    writeFileSync(join(root, 'large'), '');
    truncateSync(join(root, 'large'), 3 * CHUNK);
    const entries: Entry[] = [file('a', 'first'), { path: 'large', type: 'file', mode: 0o644, source: join(root, 'large') }, file('z', 'last')];
    const kept: Uint8Array[] = [];
    await writeTar(entries, (chunk) => void kept.push(chunk), 1);
    expect(Buffer.concat(kept).equals((await pack(entries, { mtime: 1 })).tar)).toBe(true);
  });
});

describe('header', () => {
  it('tells sizes above 8 GiB by pax', () => {
    const bytes = header({ path: 'large', type: 'file', mode: 0o644, size: 8 ** 11 }, 1);
    expect(bytes.toString('latin1')).toContain('19 size=8589934592\n');
    expect(header({ path: 'large', type: 'file', mode: 0o644, size: 8 ** 11 - 1 }, 1)).toHaveLength(512);
  });

  it('counts the digits of a pax record by themselves', async () => {
    // 98 bytes with two digits, 100 with three.
    for (const length of [88, 89, 90, 91, 92]) {
      const path = `${'\u00fc'.repeat(10)}${'x'.repeat(length - 20)}`;
      expect((await membersOf((await pack([file(path)])).tar)).map((member) => member.path)).toEqual([path]);
    }
  });

  it('holds the largest time', async () => {
    expect(await membersOf((await pack([file('x')], { mtime: LARGEST_TIME })).tar)).toMatchObject([{ mtime: LARGEST_TIME }]);
  });

  it('is what GNU tar calls ustar', async () => {
    writeFileSync(join(root, 'x'), 'content');
    execFileSync('tar', ['--format=ustar', '--owner=0', '--group=0', '--numeric-owner', '--mtime=@1', '--mode=0644', '-cf', join(root, 'theirs.tar'), '-C', root, 'x']);
    const theirs = readFileSync(join(root, 'theirs.tar'));
    const ours = (await pack([file('x', 'content')], { mtime: 1 })).tar;
    // GNU fills the names of the root owner although told not to, in older versions; the other fields are byte for byte the same.
    expect(ours.subarray(0, 148).equals(theirs.subarray(0, 148))).toBe(true);
    expect(ours.subarray(156, 265).equals(theirs.subarray(156, 265))).toBe(true);
    expect(ours.subarray(512, 1024).equals(theirs.subarray(512, 1024))).toBe(true);
  });
});
