/** What is done, and what is left alone, where a ledger or a release's record does not tell any more what is wanted. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fleet, releaseNamed } from '../apply/fake-platform.spec-support.js';
import { prune } from './prune.js';
import { StatefulPlatform, tempState, type TempState } from './stateful-platform.spec-support.js';
import { runTask, type TaskOrder, type TaskResult } from './task.js';

const [OLD, MIDDLE, NEW] = ['raaaaaaaaaaaa', 'rbbbbbbbbbbbb', 'rcccccccccccc'] as const;
const actor = { user: 'ann', host: 'here', pid: 1 };

let temp: TempState;
let notes: string[];
beforeEach(async () => {
  temp = await tempState();
  notes = [];
});
afterEach(() => temp.remove());

let changes = 0;
async function succeeded(release: string): Promise<void> {
  changes += 1;
  const common = { run: `run-${changes}`, action: 'deploy', release, at: '2026-01-31T12:00:00.000Z', actor } as const;
  await temp.state.releases.put(releaseNamed(release));
  await temp.state.ledger.append({ ...common, kind: 'start', strategy: 'rolling', processes: { web: { fixed: 2 } } });
  await temp.state.ledger.append({ ...common, kind: 'end', outcome: 'done', durationMs: 1 });
}

function task(platform: StatefulPlatform, order: TaskOrder): Promise<TaskResult> {
  const upkeep = { mend: () => Promise.resolve([]), withdraw: () => Promise.resolve(), erase: () => Promise.resolve() };
  return runTask({
    platform: Object.assign(platform, upkeep), request: { run: 'run-task', actor, service: 'api', environment: 'staging', order }, emit: () => undefined,
    sweep: () => Promise.resolve({ files: 0, bytes: 0 }),
  });
}

const stored = async (): Promise<readonly string[]> => (await temp.state.releases.list()).map(({ id }) => id);

test('a ledger that was emptied costs no release, until as many have succeeded behind the damage as are kept', async () => {
  for (const release of [OLD, MIDDLE, NEW]) await succeeded(release);
  const segment = join(temp.folder, 'ledger', '000001.jsonl');
  await writeFile(segment, '');
  const platform = new StatefulPlatform(temp.state, fleet({ [NEW]: [2, 100] }));
  const context = { platform, request: { keep: 2 }, emit: (event: { readonly type: string }): void => void notes.push(JSON.stringify(event)) };
  expect(await prune(context, NEW)).toEqual([]);
  expect(notes).toEqual([expect.stringContaining('the ledger does not tell which ones are still wanted')]);
  expect(await task(platform, { action: 'prune', keep: 2, dryRun: false })).toMatchObject({
    outcome: 'refused', error: { code: 'ND-STATE-DAMAGED', where: expect.stringContaining(segment) },
  });
  await succeeded(MIDDLE);
  expect(await prune(context, NEW)).toEqual([]);
  expect(await stored()).toEqual([OLD, MIDDLE, NEW]);
  await succeeded(NEW);
  expect(await task(platform, { action: 'prune', keep: 2, dryRun: false })).toMatchObject({ outcome: 'done', removed: { releases: [{ id: OLD }] } });
});

test('a repair says that the release which should run cannot be started, when its record is gone', async () => {
  await succeeded(NEW);
  await temp.state.releases.remove(NEW);
  const platform = new StatefulPlatform(temp.state, {});
  expect(await task(platform, { action: 'repair' })).toMatchObject({
    outcome: 'not-restored', error: { code: 'ND-RELEASE-UNKNOWN', what: `release ${NEW} should run and cannot be started`, why: 'its record is gone', next: 'deploy again' },
  });
});
