import { copyFileSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync, statSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { filesIn } from '../blobs/blobs.spec-support.js';
import { fixture, type Fixture } from './layout.spec-support.js';
import { blobFile, readLayout } from './read.js';
import { writeLayout } from './write.js';

let root: string;
let folder: string;
let made: Fixture;
beforeEach(async () => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'nd again ')));
  folder = join(root, 'dist/image');
  made = await fixture(root);
  await writeLayout(folder, [made.image('amd64')], { store: made.store });
});
afterEach(() => { rmSync(root, { recursive: true, force: true }); });

const own = (): string => blobFile(folder, made.app.digest);
const write = (): Promise<unknown> => writeLayout(folder, [made.image('amd64')], { store: made.store });
const contents = async (): Promise<string[]> => (await filesIn(folder)).map((name) => `${name} ${readFileSync(join(folder, name), 'latin1')}`);

describe('the layers of the image that is replaced', () => {
  it('serve again, and nothing else of it does', async () => {
    const before = await contents();
    const { ino } = statSync(own());
    writeFileSync(join(folder, 'index.json'), '{}');
    writeFileSync(join(folder, 'blobs/sha256/other'), 'x');
    await write();
    expect(statSync(own())).toMatchObject({ ino, nlink: 1 });
    expect(await contents()).toEqual(before);
  });

  it.each<[string, () => void]>([
    ['another content of the same size', () => writeFileSync(own(), Buffer.alloc(statSync(own()).size))],
    ['another size', () => writeFileSync(own(), 'x')],
    ['a link, to the right content', () => {
      copyFileSync(own(), join(root, 'elsewhere'));
      unlinkSync(own());
      symlinkSync(join(root, 'elsewhere'), own());
    }],
    ['nothing', () => unlinkSync(own())],
  ])('are copied from the store when there is %s', async (_, damage) => {
    const before = await contents();
    damage();
    await write();
    expect(await contents()).toEqual(before);
    expect(statSync(own()).nlink).toBe(1);
    await expect(readLayout(folder)).resolves.toMatchObject({ images: { length: 1 } });
  });

  it('do not stand in for those that the store lacks', async () => {
    rmSync(made.store.pathOf(made.app.digest), { force: true });
    await expect(write()).rejects.toMatchObject({ code: 'ND-IMAGE-INCOMPLETE' });
    await expect(readLayout(folder)).resolves.toBeDefined();
  });
});

describe('a layout that waits for its checks', () => {
  it('takes its place when they went well, and not before', async () => {
    let pass: () => void = () => undefined;
    const ready = new Promise<void>((resolve) => { pass = resolve; });
    const before = await contents();
    const writing = writeLayout(folder, [made.image('arm64')], { store: made.store, ready });
    // Everything is there but the change of places.
    while (!readdirSync(dirname(folder)).some((name) => name.endsWith('.tmp') && readdirSync(join(dirname(folder), name)).includes('index.json'))) await new Promise(setImmediate);
    expect(await contents()).toEqual(before);
    pass();
    const { root: image } = await writing;
    expect((await readLayout(folder)).roots).toEqual([image]);
  });

  it('leaves nothing behind when they did not', async () => {
    const before = await contents();
    await expect(writeLayout(folder, [made.image('arm64')], { store: made.store, ready: Promise.reject(new Error('no')) })).rejects.toThrow('no');
    expect(await contents()).toEqual(before);
    expect(readdirSync(dirname(folder))).toEqual(['image']);
  });
});
