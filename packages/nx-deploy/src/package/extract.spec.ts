import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { DeployError } from '../errors.js';
import { writeLayer, type Entry } from '../image/layer/index.js';
import { temporaryFolder } from '../shell/programs.spec-support.js';
import { file, folder, forged, gzip, link, tar } from './archives.spec-support.js';
import { extractPackage, type Extracted, type ExtractLimits } from './extract.js';

const root = temporaryFolder('extract');
const member = { path: 'a', type: 'file', mode: 0o644, size: 0 } as const;

interface Tried {
  readonly error: unknown;
  readonly taken: Extracted | undefined;
  /** What lies beside and in the folder afterwards. */
  readonly beside: readonly string[];
  readonly inside: readonly string[];
}

async function attempt(archive: Buffer, limits?: ExtractLimits): Promise<Tried> {
  const above = mkdtempSync(join(root, 'try-'));
  const to = join(above, 'to');
  mkdirSync(to);
  const path = join(root, 'archive.tar.gz');
  writeFileSync(path, archive);
  let taken: Extracted | undefined;
  const error = await extractPackage(path, to, limits).then((extracted) => { taken = extracted; }, (thrown: unknown) => thrown);
  const tried = { error, taken, beside: readdirSync(above), inside: readdirSync(to, { recursive: true, encoding: 'utf8' }) };
  rmSync(above, { recursive: true });
  return tried;
}

const HOSTILE: readonly (readonly [what: string, archive: Buffer, told: RegExp])[] = [
  ['a path with ..', gzip(tar(folder('a'), file('a/../../out', 'x'))), /"a\/\.\.\/\.\.\/out": the path has empty, "\." or "\.\." parts/],
  ['a path that begins with ..', gzip(tar(file('../out', 'x'))), /"\.\.\/out": the path has/],
  ['an absolute path', gzip(tar(file('/out', 'x'))), /"\/out": the path is absolute/],
  ['a link that leaves', gzip(tar(folder('a'), link('a/out', '../../etc'))), /"a\/out": the link to "..\/..\/etc" leaves the package/],
  ['an absolute link', gzip(tar(link('out', '/etc'))), /"out": the link to "\/etc" leaves/],
  ['links that leave together', gzip(tar(folder('a'), link('a/b', '..'), link('c', 'a/b/../x'))), /"c": the link/],
  ['links in a circle', gzip(tar(link('a', 'b'), link('b', 'a'))), /never ends/],
  ['a file through a link', gzip(tar(link('a', '..'), file('a/out', 'x'))), /"a\/out": "a" on its way is no folder of the archive/],
  ['a file through a link that points at a folder of the archive', gzip(tar(folder('b'), link('a', 'b'), file('a/out', 'x'))), /"a\/out": "a" on its way is no folder/],
  ['a file below a file', gzip(tar(file('a'), file('a/b'))), /"a\/b": "a" on its way/],
  ['a file without its folder', gzip(tar(file('a/b'))), /"a\/b": "a" on its way/],
  ['a file twice', gzip(tar(file('a', '1'), file('a', '2'))), /"a": it stands twice/],
  ['a file and a link of one name', gzip(tar(file('a'), link('a', 'b'))), /"a": it stands twice/],
  ['a folder twice', gzip(tar(folder('a'), folder('a'))), /"a": it stands twice/],
  ['a hard link', gzip(tar(file('b'), forged({ ...member, type: 'symlink', mode: 0o644, target: 'b' }, (block) => block.write('1', 156)))), /"a": it is a hard link/],
  ['a character device', gzip(tar(forged(member, (block) => block.write('3', 156)))), /"a": it is a device/],
  ['a block device', gzip(tar(forged(member, (block) => block.write('4', 156)))), /"a": it is a device/],
  ['a named pipe', gzip(tar(forged(member, (block) => block.write('6', 156)))), /"a": it is a named pipe/],
  ['an unknown kind', gzip(tar(forged(member, (block) => block.write('Q', 156)))), /"a": it is of a kind that no package has/],
  ['a long name of GNU tar', gzip(tar(forged({ ...member, path: '././@LongLink', size: 4 }, (block) => block.write('L', 156), Buffer.from('../x')), file('b'))), /of a kind that no package has/],
  ['global records', gzip(tar(forged({ ...member, size: 12 }, (block) => block.write('g', 156), Buffer.from('12 path=../x')), file('b'))), /of a kind that no package has/],
  ['records that say another path than they need to', gzip(tar(forged({ ...member, size: 12 }, (block) => block.write('x', 156), Buffer.from('12 path=b\n\n\n')), file('a'))), /written in another way/],
  ['records of any length', gzip(tar(forged({ ...member, size: 100_000 }, (block) => block.write('x', 156), Buffer.alloc(100_000)), file('a'))), /records that are longer/],
  ['an owner', gzip(tar(forged(member, (block) => block.write('0001750', 108)))), /written in another way/],
  ['the bits of another user', gzip(tar(forged(member, (block) => block.write('0004755', 100)))), /mode is neither 0644 nor 0755/],
  ['a mode of its own', gzip(tar(file('a', 'x', 0o600))), /mode is neither/],
  ['a size in another base', gzip(tar(forged(member, (block) => { block[124] = 0x80; }))), /header cannot be read/],
  ['a folder with content', gzip(tar(forged({ path: 'a', type: 'directory', mode: 0o755, size: 0 }, (block) => block.write('00000000003', 124), Buffer.from('abc')))), /header cannot be read/],
  ['a checksum that is wrong', gzip(tar(Buffer.concat([file('a').subarray(0, 148), Buffer.from('0000000'), file('a').subarray(155)]))), /written in another way/],
  ['two times', gzip(tar(file('a'), forged({ ...member, path: 'b' }, (block) => block.write('00000000002', 136)))), /"b": its header is written in another way/],
  ['something behind a content', gzip(tar(Buffer.concat([file('a', 'xyz').subarray(0, 1_000), Buffer.alloc(24, 'y')]))), /"a": something is written behind its content/],
  ['a name with a NUL', gzip(tar(forged({ ...member, size: 14 }, (block) => block.write('x', 156), Buffer.from('14 path=b\0/../')), file('a'))), /written in another way|NUL/],
  ['a name that is no Unicode', gzip(tar(forged({ ...member, path: 'abc' }, (block) => { block[1] = 0xff; }))), /written in another way|Unicode/],
  ['a name that is longer than a file system allows', gzip(tar(file('x'.repeat(256)))), /longer than a file system allows/],
  ['no end', gzip(file('a')), /ends too early/],
  ['one block of an end', gzip(Buffer.concat([file('a'), Buffer.alloc(512)])), /ends too early/],
  ['something behind the end', gzip(Buffer.concat([tar(file('a')), file('b')])), /something follows its end/],
  ['an end within a file', gzip(file('a', 'x'.repeat(2_000)).subarray(0, 1_024)), /ends too early/],
  ['a compressed part that is cut', gzip(tar(file('a', 'x'.repeat(5_000)))).subarray(0, 60), /compressed part is damaged|checksum/],
  ['another checksum of gzip', Buffer.concat([gzip(tar(file('a'))).subarray(0, -8), Buffer.alloc(8)]), /checksum \(gzip\)/],
  ['a byte behind its end', Buffer.concat([gzip(tar(file('a'))), Buffer.from('x')]), /compressed part|checksum/],
  ['zeros behind its end', Buffer.concat([gzip(tar(file('a'))), Buffer.alloc(100)]), /compressed part|checksum/],
  ['a second gzip behind it', Buffer.concat([gzip(tar(file('a'))), gzip(Buffer.alloc(0))]), /compressed part|checksum/],
  ['the header of another gzip', gzipSync(tar(file('a'))), /no gzip as packages are/],
  ['a tar without gzip', tar(file('a')), /no gzip/],
  ['nothing', Buffer.alloc(0), /too short/],
  ['an empty tar of garbage', gzip(Buffer.alloc(512, 7)), /.*/],
];

test.each(HOSTILE)('refuses %s, and names it', async (_, archive, told) => {
  const { error, beside, inside } = await attempt(archive);
  expect(error).toBeInstanceOf(DeployError);
  expect(error).toMatchObject({ code: 'ND-PACKAGE-INVALID' });
  expect((error as DeployError).parts.problems?.join('\n')).toMatch(told);
  expect(beside).toEqual(['to']);
  expect(inside.every((path) => !path.includes('out'))).toBe(true);
});

test('refuses a bomb of bytes before it is there, and one of entries', async () => {
  const bomb = gzip(tar(file('a', Buffer.alloc(50_000_000))), { level: 9 });
  expect(bomb.length).toBeLessThan(60_000);
  const { error } = await attempt(bomb, { entries: 10, bytes: 1_000_000 });
  expect(error).toMatchObject({ parts: { problems: ['it holds more than 1000000 bytes'] } });
  const many = await attempt(gzip(tar(...Array.from({ length: 12 }, (_, index) => file(`f${index}`)))), { entries: 10, bytes: 1_000_000 });
  expect(many.error).toMatchObject({ parts: { problems: [expect.stringContaining('it holds more than 10 entries')] } });
  expect(many.inside).toHaveLength(10);
});

test('takes what the writer wrote: names of any length and sign, executables, links, which it does not make', async () => {
  const long = `${'d'.repeat(200)}/${'\u00e9'.repeat(100)}/${'\u4e16'.repeat(80)}.js`;
  const entries: Entry[] = [
    { path: 'empty', type: 'directory' }, { path: long, type: 'file', mode: 0o644, source: Buffer.from('long') }, { path: 'bin/run', type: 'file', mode: 0o755, source: Buffer.alloc(700_001, 'r') },
    { path: 'link', type: 'symlink', target: long }, { path: 'lost', type: 'symlink', target: 'nowhere' },
  ];
  const parts: Uint8Array[] = [];
  await writeLayer(entries, (chunk) => void parts.push(Buffer.from(chunk)), { mtime: 1_700_000_000 });
  const to = mkdtempSync(join(root, 'good-'));
  const archive = join(root, 'good.tar.gz');
  writeFileSync(archive, Buffer.concat(parts));
  const { files, links } = await extractPackage(archive, to);
  expect(files.map(({ path, size, executable }) => [path, size, executable])).toEqual([['bin/run', 700_001, true], [long, 4, false]]);
  expect(links).toEqual([{ path: 'link', target: long }, { path: 'lost', target: 'nowhere' }]);
  expect(readFileSync(join(to, long), 'utf8')).toBe('long');
  expect(lstatSync(join(to, 'bin/run')).mode & 0o777).toBe(0o700);
  expect(readdirSync(to).sort()).toEqual(['bin', 'd'.repeat(200), 'empty']);
});

test('a changed byte is found, or changes nothing of what is taken: compressed data can be written in more than one way', async () => {
  const archive = gzip(tar(folder('a'), file('a/main.js', 'console.log(1)\n'), link('a/b', 'main.js')));
  const before = await attempt(archive);
  expect(before.error).toBeUndefined();
  let silent = 0;
  for (let at = 0; at < archive.length; at += 1) {
    for (const bit of [0, 7]) {
      const changed = Buffer.from(archive);
      changed[at] = (changed[at] ?? 0) ^ (1 << bit);
      const { error, taken } = await attempt(changed);
      if (error !== undefined) continue;
      silent += 1;
      expect(taken).toEqual(before.taken);
    }
  }
  expect(silent).toBeLessThan(archive.length / 10);
});
