import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { benchPerTest, deployFile, eventually, type Workbench } from '../commands/workbench.spec-support.js';
import { folderOf } from '../commands/tasks.spec-support.js';
import { identity } from '../shell/process-table.js';

/** What `agent stop` ends, and that nothing begins behind it. */
let bench: Workbench;
benchPerTest((made) => { bench = made; });

async function stop(): Promise<number> {
  const { stopped } = await (await bench.client()).call('stop', { instances: true });
  await bench.agent?.left;
  bench.agent = undefined;
  return stopped;
}

test('while the agent stops no change and no task begins, and what it runs can still be looked at', async () => {
  await bench.build('1', 'ignores-sigterm');
  await bench.deploy();
  await bench.project(deployFile(), { name: 'other' });
  const stopping = stop();
  await eventually(async () => (await readFile(bench.agent?.log.file ?? '', 'utf8')).includes('"msg":"leaving"'), 'the agent to begin');
  expect(await bench.deploy({}, { project: 'other' })).toMatchObject({ exitCode: 3, document: { outcome: 'refused', error: { code: 'ND-AGENT-STOPPING' } } });
  expect(await bench.rollback()).toMatchObject({ exitCode: 3, document: { error: { code: 'ND-AGENT-STOPPING' } } });
  expect((await bench.status()).instances).toHaveLength(1);
  expect(await stopping).toBe(1);
});

/** Each leaves a service that the next agent does not hold. */
test.each([
  ['the record of the service is damaged', (folder: string) => writeFile(join(folder, 'service.json'), '{"schema":1')],
  ['the record of the service is gone', (folder: string) => rm(join(folder, 'service.json'))],
  ['the record of the instances is damaged', (folder: string) => writeFile(join(folder, 'instances.json'), '{')],
  ['both are damaged', async (folder: string) => { await writeFile(join(folder, 'service.json'), ''); await writeFile(join(folder, 'instances.json'), ''); }],
  ['a newer version wrote it', async (folder: string) => {
    const file = join(folder, 'service.json');
    await writeFile(file, (await readFile(file, 'utf8')).replace('"schema":1', '"schema":2'));
  }],
])('instances are ended although %s', async (_why, damage) => {
  await bench.deploy();
  const pid = (await bench.status()).instances[0]?.pid ?? 0;
  await bench.restart(() => damage(folderOf(bench)));
  expect(await identity(pid)).toBeDefined();
  expect(await stop()).toBe(1);
  expect(await identity(pid)).toBeUndefined();
});
