import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { openBlobStore } from './blob-store.js';
import { collectFiles } from './collect.js';

let root: string;
beforeEach(() => { root = realpathSync(mkdtempSync(join(tmpdir(), 'nd scope '))); });
afterEach(() => { rmSync(root, { recursive: true, force: true }); });

function write(files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}

const collect = (path = 'ws/api/dist'): ReturnType<typeof collectFiles> => collectFiles({ artifact: { type: 'files', path: join(root, path), entry: 'main.js', dependencies: 'bundled' }, workspaceRoot: join(root, 'ws') });
const paths = async (path?: string): Promise<string[]> => (await collect(path)).files.map((file) => file.path);

describe('an ES module whose package.json lies above the output', () => {
  it('stays one where the files are laid out', async () => {
    write({ 'ws/api/package.json': '{"name":"api","type":"module"}', 'ws/api/dist/main.js': 'console.log(typeof require, import.meta.url.slice(0, 4));', 'ws/api/dist/sub/a.txt': '' });
    const collected = await collect();
    const store = openBlobStore(join(root, 'blobs'));
    expect(await store.putAll(collected.files)).toMatchObject({ stored: 3, bytes: collected.bytes });
    await store.materialise(collected.files, join(root, 'release'));
    // As a Node that does not guess by the syntax.
    expect(execFileSync(process.execPath, ['--no-experimental-detect-module', join(root, 'release/main.js')], { encoding: 'utf8' })).toBe('undefined file\n');
    const { digest } = collected;
    write({ 'ws/api/package.json': '{"name":"api","version":"2.0.0","type":"module"}' });
    expect((await collect()).digest).toBe(digest);
  });

  it('is asked of the nearest one alone, and not of any outside the workspace', async () => {
    write({ 'package.json': '{"type":"module"}', 'ws/api/dist/main.js': '' });
    expect(await paths()).toEqual(['main.js']);
    write({ 'ws/package.json': '{"type":"module"}' });
    expect(await paths()).toEqual(['main.js', 'package.json']);
    for (const nearest of ['{}', 'null', 'nonsense', '{"type":"commonjs"}']) {
      write({ 'ws/api/package.json': nearest });
      expect(await paths()).toEqual(['main.js']);
    }
    write({ 'elsewhere/main.js': '' });
    expect(await paths('elsewhere')).toEqual(['main.js']);
  });

  it('needs none beside one of the output, or where no file is a .js file of its own', async () => {
    write({ 'ws/package.json': '{"type":"module"}', 'ws/api/dist/main.js': '', 'ws/api/dist/package.json': '{"name":"own"}' });
    expect((await collect()).files.find(({ path }) => path === 'package.json')).toMatchObject({ source: join(root, 'ws/api/dist/package.json') });
    rmSync(join(root, 'ws/api/dist/package.json'));
    symlinkSync('main.js', join(root, 'ws/api/dist/package.json'));
    expect((await collect()).files.find(({ path }) => path === 'package.json')).toEqual({ path: 'package.json', link: 'main.js' });
    write({ 'ws/web/dist/main.mjs': '', 'ws/web/dist/node_modules/a/index.js': '' });
    const collected = await collectFiles({ artifact: { type: 'files', path: join(root, 'ws/web/dist'), entry: 'main.mjs', dependencies: 'bundled' }, workspaceRoot: join(root, 'ws') });
    expect(collected.files.map(({ path }) => path)).toEqual(['main.mjs', 'node_modules/a/index.js']);
  });
});
