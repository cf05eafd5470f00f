import { existsSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Build } from '../../image/builder.js';
import { readLayout } from '../../image/layout/index.js';
import { fixture, type Fixture } from '../../image/layout/layout.spec-support.js';
import { PreparedLayout } from './prepared-layout.js';

let root: string;
let made: Fixture;
let prepared: PreparedLayout;
beforeEach(async () => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'nd prepared ')));
  made = await fixture(root);
  prepared = new PreparedLayout(join(root, 'dist/image'), made.store);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const build = (architecture: string): Build => ({
  images: [{ platform: { os: 'linux', architecture }, image: made.image(architecture), layers: [] }], warnings: [], made: [],
});

it('is in place once it is finished, begun before or not', async () => {
  const one = build('amd64');
  prepared.begin(one);
  prepared.begin(one);
  const { root: image } = await prepared.finish({ ...one, warnings: ['known by now'] });
  expect((await readLayout(join(root, 'dist/image'))).roots).toEqual([image]);
  const other = new PreparedLayout(join(root, 'dist/other'), made.store);
  expect((await other.finish(one)).root).toEqual(image);
});

it('is of the image that it is finished with', async () => {
  prepared.begin(build('amd64'));
  await prepared.finish(build('arm64'));
  expect((await readLayout(join(root, 'dist/image'))).images.map(({ platform }) => platform.architecture)).toEqual(['arm64']);
  expect(readdirSync(join(root, 'dist'))).toEqual(['image']);
});

it('leaves nothing when it is abandoned', async () => {
  prepared.begin(build('amd64'));
  await prepared.abandon(new Error('no'));
  expect(existsSync(join(root, 'dist')) ? readdirSync(join(root, 'dist')) : []).toEqual([]);
  await new PreparedLayout(join(root, 'dist/image'), made.store).abandon(new Error('nothing was begun'));
});
