import { mkdtempSync, readdirSync, realpathSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBlobs, type BlobStore } from './store.js';

let root: string;
let store: BlobStore;
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'nd note ')));
  store = openBlobs(root);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const files = (): string[] => readdirSync(join(root, 'records')).map((name) => join(root, 'records', name));

it('gives back what was written last, to whoever knows the name', async () => {
  expect(await store.note('a').read()).toBeUndefined();
  await store.note('a').write({ one: 1 });
  await store.note('a').write({ two: [2, '\u00e9'] });
  await store.note('b').write({});
  expect(await openBlobs(root).note('a').read()).toEqual({ two: [2, '\u00e9'] });
  expect(await store.note('b').read()).toEqual({});
  expect(files()).toHaveLength(2);
});

it('is none when it is damaged, and is no layer', async () => {
  await store.note('a').write({ digest: `sha256:${'0'.repeat(64)}` });
  for (const damage of ['', '{', 'null', '[]', '{"name":"b","value":{}}']) {
    writeFileSync(files()[0] ?? '', damage);
    expect(await store.note('a').read()).toBeUndefined();
  }
});

it('goes with a prune when it was not used for a month', async () => {
  await store.note('old').write({});
  await store.note('used').write({});
  const now = Date.now();
  for (const file of files()) utimesSync(file, now / 1_000 - 31 * 86_400, now / 1_000 - 31 * 86_400);
  expect(await store.note('used').read()).toEqual({});
  expect(await store.prune({ cap: 1_000, now })).toMatchObject({ leftovers: 1 });
  expect([await store.note('used').read(), await store.note('old').read()]).toEqual([{}, undefined]);
});
