import { build } from 'esbuild';
import { createHash } from 'node:crypto';
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import * as files from 'node:fs/promises';
import { appendFile, chmod, link, lstat, mkdir, mkdtemp, readdir, readFile, readlink, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DeployError } from '../errors.js';
import { openBlobStore } from './blob-store.js';
import { collectFiles, type CollectedFile, type CollectedFiles } from './collect.js';
import type { ManifestEntry } from './manifest.js';
import { storageError } from './storage-error.js';

jest.mock('node:fs/promises', () => ({ __esModule: true, ...jest.requireActual<object>('node:fs/promises') }));

let root: string;
let store: ReturnType<typeof openBlobStore>;
beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'nd store ')));
  store = openBlobStore(join(root, 'blobs'));
});
afterEach(async () => {
  jest.restoreAllMocks();
  await rm(root, { recursive: true, force: true });
});

const sha = (content: string | Buffer): string => createHash('sha256').update(content).digest('hex');

async function collected(content: Readonly<Record<string, string | Buffer>>): Promise<CollectedFiles> {
  await rm(join(root, 'dist'), { recursive: true, force: true });
  for (const [path, text] of Object.entries({ 'main.js': 'main', ...content })) {
    await mkdir(dirname(join(root, 'dist', path)), { recursive: true });
    await writeFile(join(root, 'dist', path), text);
  }
  return collectFiles({ artifact: { type: 'files', path: join(root, 'dist'), entry: 'main.js', dependencies: 'bundled' }, workspaceRoot: root });
}

async function one(text: string | Buffer): Promise<CollectedFile> {
  const found = (await collected({ file: text })).files.find(({ path }) => path === 'file');
  if (found === undefined || 'link' in found) throw new Error('not collected');
  return found;
}

const blob = (digest: string): string => join(root, 'blobs/sha256', digest.slice(0, 2), digest);
const temporary = (): Promise<string[]> => readdir(join(root, 'blobs/temporary'));
const failing = (code: string): Error => Object.assign(new Error(`${code}: injected`), { code });

describe('put', () => {
  it('stores the content read-only, once, as a file of its own', async () => {
    const file = await one('content');
    expect(await store.put(file)).toEqual({ stored: true });
    expect(await store.put(file)).toEqual({ stored: false });
    const stored = await stat(blob(sha('content')));
    expect([stored.mode & 0o777, stored.nlink, stored.size]).toEqual([0o444, 1, 7]);
    expect(stored.ino).not.toBe((await stat(file.source)).ino);
    await writeFile(file.source, 'CONTENT');
    expect(await readFile(blob(sha('content')), 'utf8')).toBe('content');
    expect(await temporary()).toEqual([]);
  });

  it('keeps an executable beside a plain file of the same content', async () => {
    const file = await one('#!/bin/sh\n');
    await store.put(file);
    await store.put({ ...file, mode: 0o755 });
    expect((await stat(`${blob(file.sha256)}.x`)).mode & 0o777).toBe(0o555);
    expect((await stat(blob(file.sha256))).mode & 0o777).toBe(0o444);
  });

  it.each([['content', 'CONTENT'], ['size', 'more content']])('refuses a source with another %s than was collected', async (_name, now) => {
    const file = await one('content');
    await writeFile(file.source, now);
    await expect(store.put(file)).rejects.toMatchObject({ code: 'ND-ARTIFACT-CHANGED' });
    await rm(file.source);
    await expect(store.put(file)).rejects.toMatchObject({ code: 'ND-ARTIFACT-CHANGED', parts: { why: 'it was removed' } });
    await symlink('main.js', file.source);
    await expect(store.put(file)).rejects.toMatchObject({ code: 'ND-ARTIFACT-CHANGED' });
    expect(await temporary()).toEqual([]);
    expect(await readdir(dirname(blob(file.sha256)))).toEqual([]);
  });

  it.each([['cut', (path: string) => writeFile(path, 'con')], ['rewritten at the same size', (path: string) => writeFile(path, 'CONTENT')]])('stores anew what was %s in the store', async (_name, damage) => {
    const file = await one('content');
    await store.put(file);
    await chmod(blob(file.sha256), 0o644);
    // Its date must not fall on a whole second by chance.
    await damage(blob(file.sha256));
    await files.utimes(blob(file.sha256), 1_700_000_000.5, 1_700_000_000.5);
    expect(await store.put(file)).toEqual({ stored: true });
    expect(await readFile(blob(file.sha256), 'utf8')).toBe('content');
  });

  it.each(['ENOSPC', 'EDQUOT'])('says that the disk is full (%s) and leaves nothing', async (code) => {
    const file = await one(Buffer.alloc(3_000_000, 'x'));
    const open = files.open;
    jest.spyOn(files, 'open').mockImplementation(async (path, flags, mode) => {
      const handle = await open(path, flags, mode);
      if (flags === 'wx') {
        const write = handle.write.bind(handle) as (chunk: Buffer, offset: number) => Promise<{ bytesWritten: number; buffer: Buffer }>;
        let calls = 0;
        const limited = (chunk: Buffer, offset: number): ReturnType<typeof write> => { calls += 1; return calls > 2 ? Promise.reject(failing(code)) : write(chunk, offset); };
        Object.assign(handle, { write: limited });
      }
      return handle;
    });
    const error: unknown = await store.putAll([file]).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DeployError);
    expect(error).toMatchObject({ code: 'ND-DISK-FULL' });
    expect(await temporary()).toEqual([]);
    expect(await readdir(dirname(blob(file.sha256)))).toEqual([]);
  });

  it('names the folder when it cannot be written', async () => {
    const file = await one('content');
    await writeFile(join(root, 'blobs'), 'a file where the store should be');
    await expect(store.put(file)).rejects.toMatchObject({ code: 'ND-AGENT-FAILED', parts: { where: `"${join(root, 'blobs')}"` } });
  });

  it('is stored anew when it was pruned while it was looked at', async () => {
    const file = await one('content');
    await store.put(file);
    jest.spyOn(files, 'utimes').mockImplementationOnce(async (path) => {
      await rm(path);
      throw failing('ENOENT');
    });
    expect(await store.put(file)).toEqual({ stored: true });
    jest.spyOn(files, 'utimes').mockRejectedValueOnce(failing('EIO'));
    await expect(store.put(file)).rejects.toMatchObject({ code: 'ND-AGENT-FAILED', parts: { why: 'EIO' } });
  });

  it.each([['EACCES', 'ND-ARTIFACT-UNSAFE'], ['EPERM', 'ND-ARTIFACT-UNSAFE'], ['EMFILE', 'ND-AGENT-FAILED']])('tells why a source cannot be read (%s)', async (system, code) => {
    const file = await one('content');
    const open = files.open;
    jest.spyOn(files, 'open').mockImplementation((path, flags, mode) => (path === file.source ? Promise.reject(failing(system)) : open(path, flags, mode)));
    await expect(store.put(file)).rejects.toMatchObject({ code });
    expect(await temporary()).toEqual([]);
  });

  it('passes on what is no system error', () => {
    const error = new TypeError('a mistake');
    expect(storageError(error, 'x')).toBe(error);
  });

  it('counts what is new', async () => {
    const first = await collected({ a: 'same', b: 'same', c: 'other' });
    expect(await store.putAll(first.files)).toEqual({ stored: 3, bytes: 13 });
    expect(await store.putAll(first.files)).toEqual({ stored: 0, bytes: 0 });
  });
});

describe('materialise', () => {
  it('builds a complete folder of links to the store', async () => {
    await collected({ 'a/b/c.txt': 'deep', run: 'x', 'new\nline \u00fc': 'n' });
    await chmod(join(root, 'dist/run'), 0o755);
    await symlink('a/b', join(root, 'dist/link'));
    const { files: manifest } = await collectFiles({ artifact: { type: 'files', path: join(root, 'dist'), entry: 'main.js', dependencies: 'bundled' }, workspaceRoot: root });
    await store.putAll(manifest);
    const target = join(root, 'releases/r1');
    await store.materialise(manifest, target);
    expect((await readdir(target, { recursive: true })).sort()).toEqual(['a', 'a/b', 'a/b/c.txt', 'link', 'link/c.txt', 'main.js', 'new\nline \u00fc', 'run']);
    expect(await readlink(join(target, 'link'))).toBe('a/b');
    expect(await readFile(join(target, 'link/c.txt'), 'utf8')).toBe('deep');
    expect((await stat(join(target, 'run'))).mode & 0o777).toBe(0o555);
    expect((await stat(join(target, 'a/b/c.txt'))).ino).toBe((await stat(blob(sha('deep')))).ino);
    expect(await readdir(join(root, 'releases'))).toEqual(['r1']);
  });

  it('leaves a target that exists alone', async () => {
    const { files: manifest } = await collected({});
    await store.putAll(manifest);
    const target = join(root, 'r1');
    await store.materialise(manifest, target);
    await writeFile(join(target, 'written by the service'), '');
    await store.materialise(manifest, target);
    expect((await readdir(target)).sort()).toEqual(['main.js', 'written by the service']);
  });

  it('builds one release when several want it at once', async () => {
    const { files: manifest } = await collected(Object.fromEntries(Array.from({ length: 200 }, (_value, index) => [`f${index}`, `${index}`])));
    await store.putAll(manifest);
    await Promise.all([1, 2, 3, 4].map(() => store.materialise(manifest, join(root, 'releases/r1'))));
    expect(await readdir(join(root, 'releases'))).toEqual(['r1']);
    expect(await readdir(join(root, 'releases/r1'))).toHaveLength(201);
  });

  it.each(['EXDEV', 'EMLINK', 'EPERM'])('copies where links cannot be made (%s)', async (code) => {
    const file = { ...await one('content'), mode: 0o755 as const };
    await store.put(file);
    jest.spyOn(files, 'link').mockRejectedValue(failing(code));
    await store.materialise([file], join(root, 'r1'));
    const copy = await stat(join(root, 'r1/file'));
    expect([copy.mode & 0o777, copy.nlink]).toEqual([0o555, 1]);
    expect(await readFile(join(root, 'r1/file'), 'utf8')).toBe('content');
  });

  it.each([['ENOSPC', 'ND-DISK-FULL'], ['EROFS', 'ND-DISK-FULL'], ['EIO', 'ND-AGENT-FAILED'], ['ENOENT', 'ND-STATE-DAMAGED'], ['EEXIST', 'ND-ARTIFACT-UNSAFE']])('leaves nothing behind on %s', async (system, code) => {
    const { files: manifest } = await collected({ a: 'a', b: 'b' });
    await store.putAll(manifest);
    let calls = 0;
    jest.spyOn(files, 'link').mockImplementation((from, to) => { calls += 1; return calls > 1 ? Promise.reject(failing(system)) : link(from, to); });
    await expect(store.materialise(manifest, join(root, 'releases/r1'))).rejects.toMatchObject({ code });
    expect(await readdir(join(root, 'releases'))).toEqual([]);
  });

  it.each([['gone', (path: string) => rm(path)], ['longer', async (path: string) => { await chmod(path, 0o644); await appendFile(path, '!'); }]])('says when a stored file is %s', async (_name, damage) => {
    const file = await one('content');
    await store.put(file);
    await damage(blob(file.sha256));
    await expect(store.materialise([file], join(root, 'r1'))).rejects.toMatchObject({ code: 'ND-STATE-DAMAGED' });
    await expect(lstat(join(root, 'r1'))).rejects.toThrow('ENOENT');
  });

  it('removes what a killed builder left, not what one under way builds', async () => {
    const { files: manifest } = await collected({});
    await store.putAll(manifest);
    await mkdir(join(root, 'releases/.r1.old.building/x'), { recursive: true });
    await mkdir(join(root, 'releases/.r2.old.building'), { recursive: true });
    await store.materialise(manifest, join(root, 'releases/r1'));
    expect((await readdir(join(root, 'releases'))).sort()).toEqual(['.r1.old.building', '.r2.old.building', 'r1']);
    await rm(join(root, 'releases/r1'), { recursive: true });
    const now = Date.now();
    jest.spyOn(Date, 'now').mockReturnValue(now + 2 * 60 * 60 * 1_000);
    await store.materialise(manifest, join(root, 'releases/r1'));
    expect((await readdir(join(root, 'releases'))).sort()).toEqual(['.r2.old.building', 'r1']);
  });
});

describe('a hostile manifest', () => {
  const file = (path: string, change: object = {}): ManifestEntry => ({ path, mode: 0o644, size: 1, sha256: sha('x'), ...change });
  it.each<[string, ManifestEntry[], RegExp]>([
    ['..', [file('../x')], /parts/], ['a/../../x', [file('a/../../x')], /parts/], ['/x', [file('/x')], /absolute/], ['empty', [file('')], /empty/],
    ['.', [file('./x')], /parts/], ['//', [file('a//x')], /parts/], ['NUL', [file('a\0b')], /NUL/], ['surrogate', [file('\ud800')], /Unicode/],
    ['twice', [file('x'), file('x')], /twice/], ['a file as a folder', [file('x'), file('x/y')], /no folder/],
    ['through a link', [{ path: 'l', link: 'd' }, file('l/y')], /no folder/],
    ['a link out', [{ path: 'a/l', link: '../../x' }], /leaves/], ['an absolute link', [{ path: 'l', link: '/etc' }], /leaves/], ['an empty link', [{ path: 'l', link: '' }], /no target/],
    ['links that cross', [{ path: 'a', link: 'b' }, { path: 'b', link: 'a' }], /never ends/],
    ['a digest with a path', [file('x', { sha256: '../../../etc/passwd' })], /SHA-256/], ['size', [file('x', { size: -1 })], /size/], ['mode', [file('x', { mode: 0o4755 })], /mode/],
  ])('is refused before anything is written: %s', async (_name, manifest, problem) => {
    const error: unknown = await store.materialise(manifest, join(root, 'releases/r1')).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'ND-ARTIFACT-UNSAFE', parts: { problems: expect.arrayContaining([expect.stringMatching(problem)]) as string[] } });
    expect(await readdir(root)).toEqual([]);
  });

  it('shows twenty problems and counts the rest, in ASCII', async () => {
    const manifest = Array.from({ length: 25 }, (_value, index) => file(`../\u00fc\x1b${index}`));
    const error: unknown = await store.materialise(manifest, join(root, 'r1')).catch((thrown: unknown) => thrown);
    const problems = error instanceof DeployError ? error.parts.problems ?? [] : [];
    expect(problems).toHaveLength(21);
    expect(problems.at(-1)).toBe('and 5 more');
    expect(problems.join('')).toMatch(/^[\x20-\x7e]+$/);
  });
});

describe('prune', () => {
  const later = (): ReturnType<typeof openBlobStore> => openBlobStore(join(root, 'blobs'), { now: () => Date.now() + 61 * 60 * 1_000 });

  it('removes what nothing keeps and is old, and only that', async () => {
    const { files: manifest } = await collected({ keep: 'keep', go: 'gone!' });
    await store.putAll(manifest);
    await store.materialise(manifest, join(root, 'r1'));
    await writeFile(join(root, 'blobs/temporary/left'), 'by a killed writer');
    await writeFile(join(root, 'blobs/sha256/README'), 'not ours');
    await writeFile(join(dirname(blob(sha('gone!'))), 'notes'), 'not ours');
    expect(await store.prune(new Set())).toEqual({ removed: 0, bytes: 0 });
    expect(await temporary()).toEqual(['left']);
    expect(await later().prune(new Set([sha('keep'), sha('main')]))).toEqual({ removed: 1, bytes: 5 });
    expect(await temporary()).toEqual([]);
    await expect(lstat(blob(sha('gone!')))).rejects.toThrow('ENOENT');
    expect(await readdir(dirname(blob(sha('gone!'))))).toEqual(['notes']);
    expect(await readFile(join(root, 'r1/go'), 'utf8')).toBe('gone!');
    expect(await readFile(blob(sha('keep')), 'utf8')).toBe('keep');
  });

  it('finds nothing in a store that was never used', async () => {
    expect(await store.prune(new Set())).toEqual({ removed: 0, bytes: 0 });
  });

  it('spares what a deploy under way found stored', async () => {
    const file = await one('content');
    await store.put(file);
    const { ctimeMs, mtimeMs } = await stat(blob(file.sha256));
    await new Promise((resolve) => setTimeout(resolve, 20));
    await store.put(file);
    const again = await stat(blob(file.sha256));
    expect(again.mtimeMs).toBe(mtimeMs);
    expect(again.ctimeMs).toBeGreaterThan(ctimeMs);
  });
});

describe('several processes', () => {
  const running = new Set<ChildProcess>();
  afterEach(() => { running.forEach((child) => child.kill('SIGKILL')); });

  /** A program that puts everything of a folder into the store, again and again when asked to. */
  async function writer(): Promise<string> {
    const program = join(root, 'writer.js');
    await build({
      stdin: {
        contents: `import { openBlobStore } from './blob-store'; import { collectFiles } from './collect';
          (async () => {
            const [folder, path] = process.argv.slice(2);
            const { files } = await collectFiles({ artifact: { type: 'files', path, entry: 'main.js', dependencies: 'bundled' }, workspaceRoot: path });
            const store = openBlobStore(folder);
            process.send('go');
            const result = await store.putAll(files);
            await store.materialise(files, folder + '-release');
            process.send(result);
            process.disconnect();
          })().catch((error) => { console.error(error); process.exit(1); });`,
        resolveDir: __dirname, loader: 'ts',
      },
      bundle: true, platform: 'node', format: 'cjs', outfile: program, external: ['@vercel/nft'], logLevel: 'error',
    });
    return program;
  }

  function start(program: string): ChildProcess {
    const child = fork(program, [join(root, 'blobs'), join(root, 'dist')], { execArgv: [] });
    running.add(child);
    child.once('exit', () => running.delete(child));
    return child;
  }

  it('write the same files at once', async () => {
    const { files: manifest } = await collected(Object.fromEntries(Array.from({ length: 300 }, (_value, index) => [`f${index}`, `${index}`.repeat(500)])));
    const program = await writer();
    const codes = await Promise.all([start(program), start(program), start(program)].map(async (child) => (await once(child, 'exit'))[0] as unknown));
    expect(codes).toEqual([0, 0, 0]);
    expect(await temporary()).toEqual([]);
    for (const file of manifest) if ('sha256' in file) expect(sha(await readFile(blob(file.sha256)))).toBe(file.sha256);
    expect(await readdir(join(root, 'blobs-release'))).toHaveLength(301);
  });

  it('survive the kill of a writer', async () => {
    const { files: manifest } = await collected({ large: Buffer.alloc(64 * 1024 * 1024, 'large'), ...Object.fromEntries(Array.from({ length: 100 }, (_value, index) => [`f${index}`, `${index}`])) });
    const program = await writer();
    for (const delay of [0, 15, 40, 80]) {
      const child = start(program);
      await once(child, 'message');
      await new Promise((resolve) => setTimeout(resolve, delay));
      child.kill('SIGKILL');
      await once(child, 'exit');
      for (const prefix of await readdir(join(root, 'blobs/sha256')).catch(() => [])) {
        for (const name of await readdir(join(root, 'blobs/sha256', prefix))) expect(sha(await readFile(join(root, 'blobs/sha256', prefix, name)))).toBe(name);
      }
    }
    await store.putAll(manifest);
    await store.materialise(manifest, join(root, 'blobs-release'));
    expect(sha(await readFile(join(root, 'blobs-release/large')))).toBe(sha(Buffer.alloc(64 * 1024 * 1024, 'large')));
    expect(await readdir(join(root, 'blobs-release'))).toHaveLength(102);
  });
});
