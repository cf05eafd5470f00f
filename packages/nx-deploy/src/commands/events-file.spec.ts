/** Events that go to a named pipe instead of a file. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { benchPerTest, deployFile, type Workbench } from './workbench.spec-support.js';

let bench: Workbench;
benchPerTest((opened) => { bench = opened; });

test('events go to a pipe that somebody reads, in full also when it is slow; without a reader the deploy is refused instead of waiting', async () => {
  await bench.project(deployFile({ watch: '0s', hooks: { preDeploy: [['node', '-e', 'for (let i = 0; i < 200; i += 1) console.log("x".repeat(600))']] } }));
  const pipe = join(bench.folder, 'pipe');
  spawnSync('mkfifo', [pipe]);
  expect(await bench.deploy({ events: pipe })).toMatchObject({ exitCode: 3, document: { error: { code: 'ND-OPTION-INVALID', why: 'it is a pipe that nobody reads' } } });
  const reader = spawn('sh', ['-c', 'exec 3<"$0"; sleep 2; cat <&3', pipe], { stdio: ['ignore', 'pipe', 'inherit'] });
  let read = '';
  reader.stdout.setEncoding('utf8').on('data', (text: string) => { read += text; });
  const over = once(reader, 'close');
  let done = await bench.deploy({ events: pipe });
  while (done.exitCode === 3) done = await bench.deploy({ events: pipe });
  await over;
  expect(done.exitCode).toBe(0);
  const told = read.trimEnd().split('\n').map((line) => JSON.parse(line) as { readonly type: string });
  expect(told.filter(({ type }) => type === 'output')).toHaveLength(200);
  // More than the pipe holds.
  expect(read.length).toBeGreaterThan(100_000);
  expect(told.at(-1)).toMatchObject({ type: 'result', outcome: 'done' });
}, 30_000);

test('that can be written no longer cost events and a note, not the deploy', async () => {
  await bench.project(deployFile({ watch: '0s' }));
  const done = await bench.deploy({ events: '/dev/full' });
  expect(done).toMatchObject({ exitCode: 0, document: { outcome: 'done' } });
  expect(done.output.events.filter(({ type }) => type === 'note')).toEqual([{ type: 'note', text: 'no more events are written to /dev/full: ENOSPC' }]);
});
