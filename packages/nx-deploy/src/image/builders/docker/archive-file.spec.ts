/** Members as other programs write them, and damage that none writes. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { temporaryFolder } from '../../../shell/programs.spec-support.js';
import { openArchive } from './archive-file.js';

const ROOT = temporaryFolder('archive-files');
const END = Buffer.alloc(1_024);

interface Fields {
  readonly size?: number;
  readonly link?: string;
  readonly content?: string;
}

/** One member with a header of the oldest kind, without "ustar". */
function member(name: string, flag: string, { link = '', content = '', size = Buffer.byteLength(content) }: Fields = {}): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0, 100);
  header.write(size.toString(8).padStart(11, '0'), 124);
  header.write(flag, 156);
  header.write(link, 157, 100);
  header.fill(' ', 148, 156);
  header.write(`${header.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0')}\0`, 148);
  const body = Buffer.alloc(Math.ceil(Buffer.byteLength(content) / 512) * 512);
  body.write(content);
  return Buffer.concat([header, body]);
}
const pax = (content: string): Buffer => member('PaxHeaders/x', 'x', { content });
const record = (key: string, value: string): string => {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  const length = [1, 2, 3].map((digits) => digits + rest).find((sum) => String(sum).length + rest === sum) ?? 0;
  return `${length} ${key}=${value}\n`;
};

async function opened(...parts: readonly Buffer[]): ReturnType<typeof openArchive> {
  const file = join(mkdtempSync(join(ROOT, 'a-')), 'image.tar');
  writeFileSync(file, Buffer.concat(parts));
  return openArchive(file);
}

describe('an archive', () => {
  it('is read as tar writes it, in each format, with long names and folders', async () => {
    const folder = mkdtempSync(join(ROOT, 'tree-'));
    const long = `${'folder-of-a-long-name/'.repeat(7)}file`;
    mkdirSync(dirname(join(folder, long)), { recursive: true });
    writeFileSync(join(folder, long), 'long');
    writeFileSync(join(folder, 'empty'), '');
    for (const format of ['ustar', 'pax']) {
      execFileSync('tar', ['-C', folder, `--format=${format}`, '-cf', join(folder, `../${format}.tar`), ...['empty', 'folder-of-a-long-name']]);
      const archive = await openArchive(join(folder, `../${format}.tar`));
      expect((await archive.read(long, 10)).toString()).toBe('long');
      expect(await archive.read('empty', 10)).toHaveLength(0);
      expect(archive.has('folder-of-a-long-name/')).toBe(false);
    }
  });

  it('may have what concerns all members, headers of the oldest kind, and links', async () => {
    const archive = await opened(
      member('pax_global_header', 'g', { content: record('comment', 'x') }), member('folder/', '5'), member('a/old', '\0', { content: 'old' }),
      pax(record('path', 'a/\u00e9') + record('size', '5')), member('a/?', '0', { content: 'right', size: 0 }), member('b/link', '2', { link: '../a/old' }),
      pax(record('linkpath', '../a/\u00e9')), member('b/other', '2', { link: 'nowhere' }), END,
    );
    expect(await Promise.all(['a/old', 'a/\u00e9', 'b/link', 'b/other'].map(async (name) => (await archive.read(name, 5)).toString()))).toEqual(['old', 'right', 'old', 'right']);
    await expect(archive.read('a/old', 2)).rejects.toMatchObject({ code: 'ND-IMAGE-INVALID', parts: { why: '"a/old" has more than 2 bytes' } });
    expect(() => archive.open('none')).toThrow(expect.objectContaining({ code: 'ND-IMAGE-INVALID', parts: expect.objectContaining({ why: 'there is no "none" in it' }) as object }));
  });

  it.each<[string, readonly Buffer[], string]>([
    ['a header about a member that is too large', [pax('x'.repeat(70_000)), END], 'a header is too large'],
    ['a record without a key', [pax('6 =ab\n'), member('a', '0'), END], 'a header is damaged'],
    ['a record that is longer than its header', [pax('99 path=a\n'), member('a', '0'), END], 'a header is damaged'],
    ['a record without a length', [pax('path=a\n'), member('a', '0'), END], 'a header holds a number that is none'],
    ['a record of no length', [pax('0 path=a\n'), member('a', '0'), END], 'a header is damaged'],
    ['a size that is none', [pax(record('size', '-1')), member('a', '0'), END], 'a header holds a number that is none'],
    ['a size beyond all numbers', [pax(record('size', '9'.repeat(20))), member('a', '0'), END], 'a header holds a number that is none'],
    ['more than an image has', [Buffer.concat(Array<Buffer>(20_001).fill(member('a/', '5'))), END], 'it has more than 20000 entries'],
    ['no end', [member('a', '0')], 'it ends in the middle'],
  ])('is refused for %s', async (_, parts, why) => {
    await expect(opened(...parts)).rejects.toMatchObject({ code: 'ND-IMAGE-INVALID', parts: { why } });
  });
});
