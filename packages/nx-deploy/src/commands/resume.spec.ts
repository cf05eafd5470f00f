import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileStateStore, keyName, memoryLock, STATE_SCHEMA, type StateStore } from '../releases/index.js';
import { benchPerTest, get, type Workbench } from './workbench.spec-support.js';

let bench: Workbench;
benchPerTest((made) => { bench = made; });

function folder(): string {
  return join(bench.home.services, keyName({ workspace: 'acme', environment: 'staging', service: 'api' }));
}

function state(): StateStore {
  return fileStateStore({ folder: folder(), keyFile: bench.home.targetKey, lock: memoryLock('spec') });
}

test('goes forward to what was interrupted, without a build, an environment file, or a first step back', async () => {
  const { document: { release: first = '' } } = await bench.deploy();
  await bench.build('2');
  const { document: { release: second = '' } } = await bench.deploy();
  await bench.rollback();
  const { releases, journal } = state();
  const records = { [first]: await releases.get(first), [second]: await releases.get(second) } as Record<string, NonNullable<Awaited<ReturnType<typeof releases.get>>>>;
  const fleet = (id: string): object => ({ [id]: { processes: { web: { fixed: 1 } }, weight: 100 } });
  await journal.write({
    schema: STATE_SCHEMA, run: 'run-killed', action: 'deploy', actor: { user: 'ann', host: 'there', pid: 1 }, startedAt: '2026-01-31T12:00:00.000Z', epoch: 3,
    effect: { kind: 'scale', key: second }, from: fleet(first), to: fleet(second), releases: records, committed: false,
  } as Parameters<typeof journal.write>[0]);
  await rm(join(bench.root, 'apps/api/dist'), { recursive: true });
  await bench.write('apps/api/environments/staging.env', 'not a line of an environment file');

  expect(await bench.deploy({ resume: true, dryRun: true })).toMatchObject({ exitCode: 0, document: { outcome: 'planned', release: second } });
  const resumed = await bench.deploy({ resume: true });
  expect(resumed.output.errors).toEqual([]);
  expect(resumed).toMatchObject({ exitCode: 0, document: { outcome: 'done', action: 'deploy', release: second, previous: first } });
  expect(JSON.parse((await get(resumed.document.url)).body)).toMatchObject({ version: '2' });
  expect((await bench.status()).interrupted).toBeUndefined();
  expect(await bench.deploy({ resume: true })).toMatchObject({ exitCode: 3, document: { outcome: 'refused', error: { code: 'ND-NOT-INTERRUPTED' } } });
});

test('what was never deployed, and a damaged record, cannot be resumed', async () => {
  expect(await bench.deploy({ resume: true })).toMatchObject({ exitCode: 3, document: { error: { code: 'ND-NOT-DEPLOYED' } } });
  await bench.deploy();
  await writeFile(join(folder(), 'journal.json'), '{');
  expect(await bench.deploy({ resume: true })).toMatchObject({ exitCode: 3, document: { error: { code: 'ND-STATE-DAMAGED' } } });
});
