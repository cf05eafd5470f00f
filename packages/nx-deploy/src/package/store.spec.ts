/** The folder of a package: what goes, what stays, and what is left when something goes wrong. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DeployError } from '../errors.js';
import { temporaryFolder } from '../shell/programs.spec-support.js';
import { emptyFolder, layOut, replace, withTemporary, writeArchive } from './store.js';

const root = temporaryFolder('store');
const fresh = (): string => mkdtempSync(join(root, 'of-'));
const names = (folder: string): readonly string[] => readdirSync(folder).sort();
const UUID = '00000000-0000-4000-8000-000000000000';
/** Of a process that has ended. */
const DEAD = spawnSync(process.execPath, ['-e', '']).pid;
const refusal = (work: Promise<unknown>): Promise<unknown> => work.then(() => undefined, (thrown: unknown) => thrown);

test('what is ours or was left by a dead process goes; what others put there, or are at, stays', async () => {
  const folder = fresh();
  const ours = ['api-v1.tar.gz', 'api-v1.tar.gz.sha256', 'info.json', `.package.${DEAD}.${UUID}.tmp`];
  const others = ['api.tar.gz', 'api-v1.zip', 'web-v1.tar.gz', 'my-api-v1.tar.gz', `.package.${process.pid}.${UUID}.tmp`, `.package.1.${UUID}.tmp`, `.package.x.${UUID}.tmp`, `.other.${DEAD}.${UUID}.tmp`, 'notes.txt', '.hidden'];
  for (const name of [...ours, ...others]) writeFileSync(join(folder, name), '');
  mkdirSync(join(folder, 'api-v2.tar.gz'));
  writeFileSync(join(folder, 'api-v2.tar.gz/x'), '');
  symlinkSync(join(root, 'outside'), join(folder, 'api-v3.tar.gz'));
  writeFileSync(join(root, 'outside'), 'kept');
  await emptyFolder(folder, 'api', ['info.json']);
  expect(names(folder)).toEqual([...others].sort());
  expect(readFileSync(join(root, 'outside'), 'utf8')).toBe('kept');
});

test('an archive is there under its name when it is whole, with its digest beside it', async () => {
  const folder = fresh();
  const { file, sha256, size, uncompressed } = await writeArchive(folder, 'api-v1.tar.gz', [{ path: 'a', type: 'file', mode: 0o644, source: Buffer.from('x') }], 1);
  expect(readFileSync(`${file}.sha256`, 'utf8')).toBe(`${sha256}  api-v1.tar.gz\n`);
  expect([size, uncompressed]).toEqual([statSync(file).size, 2_048]);
  expect(names(folder)).toEqual(['api-v1.tar.gz', 'api-v1.tar.gz.sha256']);
});

test.each<[string, (folder: string) => Promise<unknown>, RegExp]>([
  ['an archive of a file that is gone', (folder) => writeArchive(folder, 'api-v1.tar.gz', [{ path: 'a', type: 'file', mode: 0o644, source: join(root, 'gone') }], 1), /ENOENT|gone/],
  ['an archive whose name a folder has', (folder) => { mkdirSync(join(folder, 'api-v1.tar.gz/x'), { recursive: true }); return writeArchive(folder, 'api-v1.tar.gz', [], 1); }, /EISDIR|ENOTEMPTY|EEXIST/],
  ['a record whose name a folder has', (folder) => { mkdirSync(join(folder, 'info.json/x'), { recursive: true }); return replace(folder, 'info.json', 'x'); }, /EISDIR|ENOTEMPTY|EEXIST/],
  ['a name that no file system takes', (folder) => replace(folder, 'x'.repeat(300), 'x'), /ENAMETOOLONG/],
])('%s fails with its reason, and nothing half-made stays', async (_, work, why) => {
  const folder = fresh();
  const error = await refusal(work(folder));
  expect(error).toBeInstanceOf(DeployError);
  expect(JSON.stringify((error as DeployError).parts)).toMatch(why);
  expect(names(folder).filter((name) => name.endsWith('.tmp') || name.endsWith('.sha256'))).toEqual([]);
});

test('a folder that cannot be one is told as what it is', async () => {
  const file = join(fresh(), 'file');
  writeFileSync(file, 'x');
  for (const work of [emptyFolder(file, 'api', []), replace(join(file, 'below'), 'a', 'x'), withTemporary(join(file, 'below'), () => Promise.resolve())]) {
    expect(await refusal(work)).toMatchObject({ code: 'ND-PACKAGE-STORE', parts: { why: expect.stringMatching(/^(?:EEXIST|ENOTDIR)$/) } });
  }
});

test('a temporary folder is private and gone afterwards, whatever came of it; what dead processes left goes too', async () => {
  const folder = join(fresh(), 'packages');
  mkdirSync(join(folder, `.package.${DEAD}.${UUID}.tmp/deep`), { recursive: true });
  mkdirSync(join(folder, `.package.1.${UUID}.tmp`));
  const used = await withTemporary(folder, (temporary) => {
    expect([statSync(temporary).mode & 0o777, names(temporary)]).toEqual([0o700, []]);
    writeFileSync(join(temporary, 'x'), '');
    chmodSync(join(temporary, 'x'), 0o400);
    return Promise.resolve(temporary);
  });
  expect(existsSync(used)).toBe(false);
  const own = new DeployError('ND-PACKAGE-INVALID', { what: 'x' });
  expect(await refusal(withTemporary(folder, () => Promise.reject(own)))).toBe(own);
  expect(await refusal(withTemporary(folder, () => Promise.reject(new TypeError('a bug'))))).toBeInstanceOf(TypeError);
  expect(await refusal(withTemporary(folder, () => Promise.reject(Object.assign(new Error('x'), { code: 'ENOSPC' }))))).toMatchObject({ code: 'ND-DISK-FULL' });
  expect(names(folder)).toEqual([`.package.1.${UUID}.tmp`]);
});

test('files are laid out with their modes, from memory, from the same disk and from another one, and links as links', async () => {
  const [folder, near] = [fresh(), join(fresh(), 'near')];
  const other = existsSync('/dev/shm') ? mkdtempSync('/dev/shm/store-') : fresh();
  const far = join(other, 'far');
  writeFileSync(near, 'near');
  writeFileSync(far, 'far');
  const of = (path: string, source: string | Buffer, mode: 0o644 | 0o755 = 0o644) => ({ path, source, mode, size: 0, sha256: '' });
  await layOut([of('deep/er/memory', Buffer.from('memory'), 0o755), of('deep/near', near), of('far', far), { path: 'deep/link', link: '../nowhere' }], folder);
  expect(['deep/er/memory', 'deep/near', 'far'].map((path) => readFileSync(join(folder, path), 'utf8'))).toEqual(['memory', 'near', 'far']);
  expect(statSync(join(folder, 'deep/er/memory')).mode & 0o111).toBe(0o111);
  expect([lstatSync(join(folder, 'deep/link')).isSymbolicLink(), readlinkSync(join(folder, 'deep/link'))]).toEqual([true, '../nowhere']);
  expect(await refusal(layOut([of('far', near)], folder))).toMatchObject({ code: 'EEXIST' });
  rmSync(other, { recursive: true });
});
