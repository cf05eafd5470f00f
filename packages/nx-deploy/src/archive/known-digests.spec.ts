import { chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { collectFiles } from './collect.js';
import { openKnownDigests, type KnownDigests } from './known-digests.js';

let root = '';
let now = 0;
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'nd known ')));
  mkdirSync(join(root, 'out/sub'), { recursive: true });
  writeFileSync(join(root, 'out/main.js'), 'one');
  writeFileSync(join(root, 'out/sub/a b \u00e9.js'), 'two');
  // Files are old enough to be kept.
  now = Date.now() + 10_000;
});
afterEach(() => rmSync(root, { recursive: true }));

const file = (): string => join(root, 'out/main.js');
const open = (folder = join(root, 'out')): Promise<KnownDigests> => openKnownDigests(join(root, 'known'), folder, () => now);
const collect = () => collectFiles({ artifact: { type: 'files', path: join(root, 'out'), entry: 'main.js', dependencies: 'bundled' }, workspaceRoot: root, known: open });
const kept = (): string => join(root, 'known', readdirSync(join(root, 'known'))[0] ?? '');
/** Were the files read, the digests would be others. */
const forge = (): void => writeFileSync(kept(), readFileSync(kept(), 'utf8').replace(/[0-9a-f]{64}/g, '0'.repeat(64)));
const digestOf = async (path = 'main.js'): Promise<string | undefined> => (await collect()).files.flatMap((one) => ('sha256' in one && one.path === path ? [one.sha256] : []))[0];
const ONE = '7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed';

test('what did not change is not read again, and gives the same', async () => {
  const first = await collect();
  expect(await collect()).toEqual(first);
  forge();
  expect(await digestOf()).toBe('0'.repeat(64));
  expect(await digestOf('sub/a b \u00e9.js')).toBe('0'.repeat(64));
});

describe('a file is read again', () => {
  beforeEach(async () => {
    await collect();
    forge();
  });

  test('that has another content, of the same size and with its old date', async () => {
    const { atime, mtime } = statSync(file());
    writeFileSync(file(), 'eno');
    utimesSync(file(), atime, mtime);
    expect(await digestOf()).not.toBe('0'.repeat(64));
  });

  test('that was replaced by another of the same size and date', async () => {
    const { atime, mtime } = statSync(file());
    writeFileSync(`${file()}.new`, 'one');
    utimesSync(`${file()}.new`, atime, mtime);
    renameSync(`${file()}.new`, file());
    expect(await digestOf()).toBe(ONE);
  });

  test('that has another mode', async () => {
    chmodSync(file(), 0o755);
    const found = (await collect()).files.find(({ path }) => path === 'main.js');
    expect(found).toMatchObject({ mode: 0o755, sha256: ONE });
  });

  test.each(['', '{', '[]', '{"version":9,"files":[]}', 'null', '{"version":1,"files":{}}'])('when what was kept is %j', async (text) => {
    writeFileSync(kept(), text);
    expect(await digestOf()).toBe(ONE);
    expect(await digestOf()).toBe(ONE);
  });

  test.each([['a digest', /"0{64}"/, '"../x"'], ['a number', /\[3,/, '["3",'], ['the folder', 'out"', 'in"']])('when %s in it is not right', async (_what, from, to) => {
    writeFileSync(kept(), readFileSync(kept(), 'utf8').replace(from, to));
    expect(await digestOf()).toBe(ONE);
  });
});

test('a file that was written just now is read the next time too, as it may be written again within one tick of the clock', async () => {
  now = Math.floor(lstatSync(file()).ctimeMs) + 1_000;
  await collect();
  expect(existsSync(join(root, 'known'))).toBe(false);
  now += 1_500;
  await collect();
  forge();
  expect(await digestOf()).toBe('0'.repeat(64));
});

test('what is gone is forgotten; what is kept is this user\'s, and each folder has its own', async () => {
  await collect();
  rmSync(join(root, 'out/sub'), { recursive: true });
  await collect();
  expect(readFileSync(kept(), 'utf8')).not.toContain('a b');
  expect(statSync(kept()).mode & 0o777).toBe(0o600);
  const other = await open(join(root, 'other'));
  expect(other.find('main.js', lstatSync(file()))).toBeUndefined();
  expect(readdirSync(join(root, 'known'))).toHaveLength(1);
});

test('a place that cannot be written makes it slower, and fails nothing', async () => {
  writeFileSync(join(root, 'known'), 'a file');
  expect(await digestOf()).toBe(ONE);
  expect(await digestOf()).toBe(ONE);
});

test('a change while the files are read is found, and nothing of it is kept', async () => {
  const known: Promise<KnownDigests> = open();
  const spoiled = async (): Promise<KnownDigests> => {
    const real = await known;
    return { ...real, find: (path, stat) => {
      if (path === 'main.js') rmSync(file());
      return real.find(path, stat);
    } };
  };
  await expect(collectFiles({ artifact: { type: 'files', path: join(root, 'out'), entry: 'main.js', dependencies: 'bundled' }, workspaceRoot: root, known: spoiled })).rejects.toMatchObject({ code: 'ND-ARTIFACT-CHANGED' });
});
