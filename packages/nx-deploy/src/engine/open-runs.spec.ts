import type { Desired } from '../model/index.js';
import { memoryLock, STATE_SCHEMA } from '../releases/index.js';
import { fleet, releaseNamed } from '../apply/fake-platform.spec-support.js';
import { closeOpenRuns, tellRecovered } from './open-runs.js';
import { StatefulPlatform, tempState, type TempState } from './stateful-platform.spec-support.js';

const OLD = 'raaaaaaaaaaaa';
const NEW = 'rbbbbbbbbbbbb';
const actor = { user: 'tester', host: 'here', pid: 1 };
const AT = '2026-01-31T12:00:00.000Z';

let temp: TempState;
beforeEach(async () => { temp = await tempState(); });
afterEach(() => temp.remove());

async function begun(run: string, instances = 2): Promise<void> {
  await temp.state.ledger.append({ kind: 'start', at: AT, strategy: 'rolling', processes: { web: { fixed: instances } }, release: NEW, run, action: 'deploy', actor, previous: OLD });
}

async function closed(runs: Desired): Promise<readonly unknown[]> {
  await closeOpenRuns({ platform: new StatefulPlatform(temp.state, runs), actor });
  return (await temp.state.ledger.entries()).flatMap((entry) => (entry.kind === 'end' ? [[entry.run, entry.release, entry.outcome, entry.recovered]] : []));
}

test.each([
  ['what ran before runs', fleet({ [OLD]: [2, 100] }), 'restored'],
  ['nothing runs', {}, 'restored'],
  ['it runs with fewer instances than were wanted', fleet({ [NEW]: [1, 100] }), 'restored'],
  ['exactly what was wanted runs', fleet({ [NEW]: [2, 100] }), 'done'],
] as const)('a run that began and wrote nothing more gets its end: %s', async (_name, runs, outcome) => {
  await begun('run-killed');
  expect(await closed(runs)).toEqual([['run-killed', NEW, outcome, true]]);
  // Once.
  expect(await closed(runs)).toHaveLength(1);
  expect(await temp.state.ledger.verify()).toMatchObject({ ok: true, entries: 2 });
});

test('a run with a journal is left to recovery', async () => {
  await begun('run-killed');
  await temp.state.journal.write({
    schema: STATE_SCHEMA, run: 'run-killed', action: 'deploy', actor, startedAt: AT, epoch: 1, effect: { kind: 'scale', key: NEW },
    from: fleet({ [OLD]: [2, 100] }), to: fleet({ [NEW]: [2, 100] }), releases: { [OLD]: releaseNamed(OLD), [NEW]: releaseNamed(NEW) }, committed: false,
  });
  expect(await closed(fleet({ [OLD]: [2, 100] }))).toEqual([]);
});

test('without the lease nothing is written', async () => {
  await begun('run-killed');
  const lock = memoryLock('api');
  const lease = await lock.acquire({ run: 'run-late', action: 'deploy', actor, since: AT });
  await lock.revoke('run-late');
  await expect(closeOpenRuns({ platform: new StatefulPlatform(temp.state, {}), actor, lease })).rejects.toMatchObject({ code: 'ND-LEASE-LOST' });
  expect(await temp.state.ledger.entries()).toHaveLength(1);
});

test('what a recovery ended is told, and nothing else', async () => {
  const told: string[] = [];
  const platform = new StatefulPlatform(temp.state, {});
  const tell = (): Promise<void> => tellRecovered(platform, (event) => { if (event.type === 'note') told.push(event.text); });
  await tell();
  await begun('run-killed');
  await tell();
  expect(told).toEqual([]);
  await closed({});
  await tell();
  expect(told).toEqual([expect.stringMatching(/^the deploy run-killed was interrupted; its recovery ended as restored at 2/)]);
  await begun('run-next');
  await tell();
  expect(told).toHaveLength(1);
});
