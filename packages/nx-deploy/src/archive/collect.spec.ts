import { createHash } from 'node:crypto';
import { execFile } from 'node:child_process';
import { appendFileSync, writeFileSync } from 'node:fs';
import { chmod, cp, mkdir, mkdtemp, realpath, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { FilesArtifact } from '../config/resolved.js';
import { DeployError } from '../errors.js';
import { collectFiles } from './collect.js';
import { mapLimited } from './parallel.js';
import { readSource } from './source-file.js';

let root: string;
beforeEach(async () => { root = await realpath(await mkdtemp(join(tmpdir(), 'nd collect '))); });
afterEach(async () => { await rm(root, { recursive: true, force: true }); });

async function write(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
}

const artifact = (change: Partial<FilesArtifact> = {}): FilesArtifact => ({ type: 'files', path: join(root, 'dist'), entry: 'main.js', dependencies: 'bundled', ...change });
const collect = (change: Partial<FilesArtifact> = {}): ReturnType<typeof collectFiles> => collectFiles({ artifact: artifact(change), workspaceRoot: root });

async function failure(change: Partial<FilesArtifact> = {}): Promise<DeployError> {
  const error: unknown = await collect(change).then(() => undefined, (thrown: unknown) => thrown);
  if (error instanceof DeployError) return error;
  throw error ?? new Error('it did not fail');
}

const sha = (text: string): string => createHash('sha256').update(text).digest('hex');

describe('collectFiles, bundled', () => {
  it('lists every file sorted, with mode, size and digest', async () => {
    await write({ 'dist/main.js': 'main', 'dist/b/z.txt': '', 'dist/B.txt': 'B', 'dist/b/a/x': 'x' });
    await mkdir(join(root, 'dist/empty'));
    await chmod(join(root, 'dist/b/a/x'), 0o710);
    const result = await collect();
    expect(result.files).toEqual([
      { path: 'B.txt', source: join(root, 'dist/B.txt'), mode: 0o644, size: 1, sha256: sha('B') },
      { path: 'b/a/x', source: join(root, 'dist/b/a/x'), mode: 0o755, size: 1, sha256: sha('x') },
      { path: 'b/z.txt', source: join(root, 'dist/b/z.txt'), mode: 0o644, size: 0, sha256: sha('') },
      { path: 'main.js', source: join(root, 'dist/main.js'), mode: 0o644, size: 4, sha256: sha('main') },
    ]);
    expect(result).toMatchObject({ entry: 'main.js', cwd: '.', bytes: 6, count: 4, warnings: [] });
    expect(result.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
  });

  it('gives the same digest for the same files anywhere, and another for any difference', async () => {
    await write({ 'dist/main.js': 'main', 'dist/a/b.txt': 'b' });
    const before = await collect();
    await cp(join(root, 'dist'), join(root, 'copy'), { recursive: true });
    await utimes(join(root, 'copy/main.js'), 1, 1);
    await chmod(join(root, 'copy/main.js'), 0o600);
    expect((await collect({ path: join(root, 'copy') })).digest).toBe(before.digest);
    await chmod(join(root, 'copy/main.js'), 0o700);
    const digests = [before.digest, (await collect({ path: join(root, 'copy') })).digest];
    await write({ 'dist/a/b.txt': 'c' });
    digests.push((await collect()).digest);
    await symlink('main.js', join(root, 'dist/link'));
    digests.push((await collect()).digest);
    await rm(join(root, 'dist/link'));
    await symlink('a/b.txt', join(root, 'dist/link'));
    digests.push((await collect()).digest);
    expect(new Set(digests).size).toBe(digests.length);
  });

  it('takes any name as it is', async () => {
    const names = ['new\nline', 'quote"\'s', '$(touch x)', 'u\u0308', '\u00fc', 'back\\slash', '-rf', '@scope', '\u{1f600}', ' ', '...'];
    await write(Object.fromEntries([['dist/main.js', ''], ...names.map((name) => [`dist/${name}`, name])]) as Record<string, string>);
    expect((await collect()).files.map(({ path }) => path)).toEqual([...names, 'main.js'].sort());
  });

  it('accepts an entry written in another way, and an artifact behind a link', async () => {
    await write({ 'dist/v1/main.js': 'x' });
    await symlink('dist', join(root, 'alias'));
    await symlink('v1', join(root, 'dist/current'));
    expect(await collect({ path: join(root, 'alias'), entry: './current/main.js' })).toMatchObject({ entry: 'current/main.js', count: 2 });
  });

  it('keeps links that stay inside, relative', async () => {
    await write({ 'dist/main.js': '', 'dist/a/real.txt': '' });
    await symlink('../a/real.txt', join(root, 'dist/a/one'));
    await symlink(join(root, 'dist/a'), join(root, 'dist/absolute'));
    await symlink(join(root, 'dist'), join(root, 'dist/a/up'));
    await symlink('gone.txt', join(root, 'dist/dangling'));
    const result = await collect();
    expect(result.files.filter((file) => 'link' in file)).toEqual([
      { path: 'a/one', link: '../a/real.txt' }, { path: 'a/up', link: '..' }, { path: 'absolute', link: 'a' }, { path: 'dangling', link: 'gone.txt' },
    ]);
    expect(result.warnings).toEqual(['the link "dangling" points to "gone.txt", which is not part of the artifact']);
  });

  it('refuses every link that leaves, at once', async () => {
    await write({ 'dist/main.js': '', 'dist/p/q/file': '', 'outside.txt': '', 'dist/s/file': '' });
    await symlink('../outside.txt', join(root, 'dist/up'));
    await symlink('/etc/hostname', join(root, 'dist/absolute'));
    await symlink('loop', join(root, 'dist/loop'));
    // Stays inside when read as text, leaves when the first link is followed.
    await symlink('../../s', join(root, 'dist/p/q/r'));
    await symlink('p/q/r/../../outside.txt', join(root, 'dist/sly'));
    const { code, parts } = await failure();
    expect(code).toBe('ND-ARTIFACT-UNSAFE');
    expect(parts.problems).toEqual([
      '"absolute": the link to "/etc/hostname" leaves the artifact or never ends',
      '"loop": the link to "loop" leaves the artifact or never ends',
      '"sly": the link to "p/q/r/../../outside.txt" leaves the artifact or never ends',
      '"up": the link to "../outside.txt" leaves the artifact or never ends',
    ]);
  });

  it('refuses sockets and pipes without opening them', async () => {
    await write({ 'dist/main.js': '' });
    await promisify(execFile)('mkfifo', [join(root, 'dist/pipe')]);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(root, 'dist/sock'), resolve));
    const { code, parts } = await failure();
    await new Promise((resolve) => server.close(resolve));
    expect([code, parts.problems]).toEqual(['ND-ARTIFACT-UNSAFE', ['"pipe": it is a named pipe', '"sock": it is a socket']]);
  });

  it('refuses a name that is no text', async () => {
    await write({ 'dist/main.js': '', 'dist/fine \ufffd': '' });
    await writeFile(Buffer.concat([Buffer.from(join(root, 'dist/')), Buffer.from([0xff, 0x41])]), '');
    expect((await failure()).parts.problems).toEqual(['"\\ufffdA": the name is no valid UTF-8']);
  });

  it.each([
    ['no folder', {}, 'the folder does not exist'],
    ['an empty folder', { 'dist/x/y': '' }, 'it holds no "main.js"'],
    ['a file', { dist: '' }, 'it is no folder'],
    ['an entry that is a folder', { 'dist/main.js/x': '' }, '"main.js" in it is no file'],
  ])('says that the build is missing: %s', async (_name, files, why) => {
    await write(files);
    const error = await failure();
    expect(error).toMatchObject({ code: 'ND-ARTIFACT-MISSING', parts: { where: join(root, 'dist'), why } });
    expect(error.parts.next).toContain('run the build');
  });

  it('refuses an entry outside the artifact', async () => {
    await write({ 'dist/main.js': '', 'other.js': '' });
    expect((await failure({ entry: '../other.js' })).code).toBe('ND-ARTIFACT-UNSAFE');
  });

  it('hashes many files and a large one', async () => {
    const large = Buffer.alloc(64 * 1024 * 1024 + 1, 'large');
    await write({ 'dist/main.js': '' });
    for (let folder = 0; folder < 60; folder += 1) {
      await mkdir(join(root, `dist/${folder}`));
      for (let file = 0; file < 100; file += 1) writeFileSync(join(root, `dist/${folder}/${file}.js`), `${folder} ${file}`);
    }
    await writeFile(join(root, 'dist/large'), large);
    const result = await collect();
    expect(result.count).toBe(6_002);
    expect(result.files.find(({ path }) => path === 'large')).toMatchObject({ size: large.length, sha256: createHash('sha256').update(large).digest('hex') });
    expect((await collect()).digest).toBe(result.digest);
  });
});

describe('readSource', () => {
  const changed = { code: 'ND-ARTIFACT-CHANGED' };

  it.each([
    ['grows', (file: string) => { appendFileSync(file, 'x'); }],
    ['is rewritten at the same size', (file: string) => { writeFileSync(file, 'y'.repeat(3_000_000)); }],
  ])('notices a file that %s while it is read', async (_name, change) => {
    await write({ file: 'x'.repeat(3_000_000) });
    let chunks = 0;
    const reading = readSource(join(root, 'file'), async () => {
      chunks += 1;
      // The date of a file has the resolution of the kernel's tick.
      if (chunks === 1) await new Promise((resolve) => setTimeout(resolve, 20));
      if (chunks === 1) change(join(root, 'file'));
    });
    await expect(reading).rejects.toMatchObject(changed);
  });

  it('notices a file that is removed, replaced, or becomes a link or a pipe', async () => {
    await write({ one: '1', two: '2' });
    await expect(readSource(join(root, 'one'), () => rm(join(root, 'one')))).rejects.toMatchObject({ ...changed, parts: { why: 'it was removed' } });
    await expect(readSource(join(root, 'one'))).rejects.toMatchObject({ ...changed, parts: { why: 'it was removed' } });
    await symlink('two', join(root, 'link'));
    await expect(readSource(join(root, 'link'))).rejects.toMatchObject(changed);
    await expect(readSource(root)).rejects.toMatchObject(changed);
    await promisify(execFile)('mkfifo', [join(root, 'pipe')]);
    await expect(readSource(join(root, 'pipe'))).rejects.toMatchObject(changed);
    await expect(readSource(join(root, 'two'), async () => {
      await rm(join(root, 'two'));
      await writeFile(join(root, 'two'), '3');
    })).rejects.toMatchObject(changed);
  });
});

describe('mapLimited', () => {
  it('keeps the order and the limit', async () => {
    let running = 0;
    let most = 0;
    const results = await mapLimited([5, 1, 4, 2, 3], 2, async (ms) => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setTimeout(resolve, ms));
      running -= 1;
      return ms * 2;
    });
    expect(results).toEqual([10, 2, 8, 4, 6]);
    expect(most).toBe(2);
  });

  it('fails only when nothing runs any more', async () => {
    const done: number[] = [];
    await expect(mapLimited([1, 2, 3, 4], 2, async (item) => {
      if (item === 1) throw new Error('first');
      await new Promise((resolve) => setTimeout(resolve, 20));
      done.push(item);
    })).rejects.toThrow('first');
    expect(done).toEqual([2]);
  });
});

describe('what never becomes part of an artifact', () => {
  test('environment files and the folders of version control are left out, and the files are named', async () => {
    await write({
      'dist/main.js': 'x', 'dist/.env': 'A=1', 'dist/.env.production': 'A=1', 'dist/environments/staging.env': 'A=1', 'dist/environments/index.js': 'x',
      'dist/.git/config': 'x', 'dist/sub/.git/config': 'x', 'dist/envy.js': 'x',
    });
    const { files, warnings } = await collect();
    expect(files.map((file) => file.path)).toEqual(['environments/index.js', 'envy.js', 'main.js']);
    expect(warnings.join('\n')).toContain('".env", ".env.production", "environments/staging.env"');
  });
});
