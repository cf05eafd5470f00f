import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { prune, type PruneOptions } from './prune.js';
import { done, folderOf, interrupt, namesIn, stateOf, type Done } from './tasks.spec-support.js';
import { deployFile, eventually, Recorder, Workbench } from './workbench.spec-support.js';

let bench: Workbench;
let ids: string[];
beforeAll(async () => {
  bench = await Workbench.open();
  await bench.start();
  await bench.project();
});
afterAll(() => bench.close());

function remove(options: PruneOptions = {}): Promise<Done> {
  return done(bench, (context) => prune(context, options));
}

const stored = async (): Promise<readonly string[]> => (await namesIn(join(folderOf(bench), 'app'))).filter((name) => name.startsWith('r')).sort();

test('what was never deployed is refused, and so is a number of releases that is none', async () => {
  expect(await remove()).toMatchObject({ exitCode: 3, document: { error: { code: 'ND-NOT-DEPLOYED' } } });
  for (const keep of [0, -1, 1.5, 1001, '', 'all', '2; rm -rf /', '1e2', Number.NaN]) {
    expect(await remove({ keep })).toMatchObject({ exitCode: 3, document: { outcome: 'refused', error: { code: 'ND-OPTION-INVALID' } } });
  }
});

test('a dry run shows what would go and changes nothing; then it goes, and nothing that is needed does', async () => {
  ids = [];
  for (const version of ['1', '2', '3', '4']) {
    await bench.build(version);
    ids.push((await bench.deploy()).document.release ?? '');
  }
  await bench.build('5', 'exits-at-start');
  const failed = (await bench.deploy()).document.release ?? '';
  const all = [...ids, failed].sort();
  expect(await stored()).toEqual(all);

  const planned = await remove({ keep: 2, dryRun: true });
  expect(planned).toMatchObject({ exitCode: 0, document: { outcome: 'planned', action: 'prune', removed: { content: { files: 0, bytes: 0 } } } });
  const doomed = [ids[0], ids[1], failed].sort();
  expect(planned.document.removed?.releases.map(({ id }) => id).sort()).toEqual(doomed);
  expect(planned.output.lines).toEqual([expect.stringMatching(/^would remove from api staging: 3 releases \(\d.* k?B\), 0 stored files that nothing needs \(0 B\)$/), 'dry run: nothing was changed']);
  expect(await stored()).toEqual(all);

  const removed = await remove({ keep: '2' });
  expect(removed).toMatchObject({ exitCode: 0, document: { outcome: 'done' } });
  expect(removed.document.removed?.releases).toEqual(planned.document.removed?.releases);
  expect(removed.document.notes).toHaveLength(3);
  expect(removed.output.text).toMatch(/^removed from api staging: 3 releases/);
  expect(await stored()).toEqual([ids[2], ids[3]].sort());
  expect(await remove({ keep: 2 })).toMatchObject({ exitCode: 0, document: { outcome: 'unchanged' } });
  expect((await bench.rollback()).document).toMatchObject({ outcome: 'done', release: ids[2] });
});

test('what is live, and what an unfinished change came from or leads to, stays whatever is to be kept', async () => {
  // Live is the third, the last that succeeded too; the fourth is older than it.
  const [, , third = '', fourth = ''] = ids;
  await interrupt(bench, fourth, third);
  expect((await remove({ keep: 1 })).document.outcome).toBe('unchanged');
  await stateOf(bench).journal.clear();
  expect((await remove({ keep: 1 })).document.removed?.releases).toMatchObject([{ id: fourth }]);
  expect((await bench.status()).live).toBe(third);
  expect(await stored()).toEqual([third]);
});

test('content that nothing refers to goes when it is old enough', async () => {
  const manifests = join(bench.home.blobs, 'manifests');
  const before = (await namesIn(manifests)).length;
  const old = new Date(Date.now() - 2 * 60 * 60 * 1_000);
  for (const name of await namesIn(manifests)) await utimes(join(manifests, name), old, old);
  await remove({ keep: 1, dryRun: true });
  expect(await namesIn(manifests)).toHaveLength(before);
  await remove({ keep: 1 });
  expect(await namesIn(manifests)).toHaveLength(1);
});

test('while a deploy goes on it is refused, and a dry run is not', async () => {
  await bench.write('apps/api/deploy.json', deployFile({ hooks: { preDeploy: [['node', '-e', 'console.log("waiting"); setTimeout(() => {}, 60000)']] } }));
  await bench.build('6');
  const output = new Recorder();
  const running = bench.deploy({}, {}, output);
  await eventually(() => output.events.some(({ type }) => type === 'output'), 'the hook');
  expect(await remove({ keep: 1 })).toMatchObject({ exitCode: 3, document: { outcome: 'refused', error: { code: 'ND-LOCKED' } } });
  expect(await remove({ keep: 1, dryRun: true })).toMatchObject({ exitCode: 0, document: { outcome: 'planned' } });
  const { lock } = await bench.status();
  await (await bench.client()).call('cancel', { run: lock?.run ?? '' });
  expect((await running).exitCode).toBe(1);
});
