import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { outputFacts } from './artifacts.js';

let folder: string;
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'build-manifest-')); });
afterEach(async () => { await rm(folder, { recursive: true, force: true }); });
const sha256 = (content: string | Buffer): string => createHash('sha256').update(content).digest('hex');

describe('outputFacts', () => {
  it('lists every file with size and digest, sorted, whatever its name', async () => {
    const names = ['main.js', 'a\nb.txt', '\u00e9.txt', '.hidden', 'B.js', "it's \"quoted\" $(x).txt"];
    await mkdir(join(folder, 'sub/empty'), { recursive: true });
    for (const name of names) await writeFile(join(folder, name), name);
    await writeFile(join(folder, 'sub/x.js'), Buffer.alloc(300_000, 7));
    await writeFile(join(folder, 'sub/none'), '');
    const { files, bytes } = await outputFacts(folder);
    const paths = files.map(({ path }) => path);
    expect(paths).toEqual([...names, 'sub/x.js', 'sub/none'].sort());
    expect(files).toContainEqual({ path: 'a\nb.txt', bytes: 7, sha256: sha256('a\nb.txt') });
    expect(files).toContainEqual({ path: 'sub/x.js', bytes: 300_000, sha256: sha256(Buffer.alloc(300_000, 7)) });
    expect(files).toContainEqual({ path: 'sub/none', bytes: 0, sha256: sha256('') });
    expect(bytes).toBe(300_000 + names.reduce((sum, name) => sum + Buffer.byteLength(name), 0));
  });

  it('records links without following them, also to themselves and out of the folder', async () => {
    await symlink('.', join(folder, 'loop'));
    await symlink('/etc/passwd', join(folder, 'out'));
    await symlink('gone', join(folder, 'broken'));
    expect(await outputFacts(folder)).toEqual({ bytes: 0, files: [{ path: 'broken', link: 'gone' }, { path: 'loop', link: '.' }, { path: 'out', link: '/etc/passwd' }] });
  });

  it('handles more files than it opens at a time, and an empty folder', async () => {
    expect(await outputFacts(folder)).toEqual({ files: [], bytes: 0 });
    await Promise.all(Array.from({ length: 100 }, async (_, index) => writeFile(join(folder, `f${index}`), 'x')));
    const { files, bytes } = await outputFacts(folder);
    expect([files.length, bytes]).toEqual([100, 100]);
  });

  it('fails for what is no folder, and for a pipe in it instead of waiting', async () => {
    await expect(outputFacts(join(folder, 'missing'))).rejects.toThrow('ENOENT');
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    await expect(outputFacts(folder)).rejects.toThrow('pipe is neither a file, a folder nor a link');
  });
});
