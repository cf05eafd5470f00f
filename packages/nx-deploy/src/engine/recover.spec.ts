import { fleet, releaseNamed } from '../apply/fake-platform.spec-support.js';
import type { Desired } from '../model/index.js';
import { STATE_SCHEMA, type JournalRecord } from '../releases/index.js';
import { mostTraffic, recover, type Recovery } from './recover.js';
import { StatefulPlatform, tempState, type TempState } from './stateful-platform.spec-support.js';

const OLD = 'raaaaaaaaaaaa';
const NEW = 'rbbbbbbbbbbbb';
const actor = { user: 'agent', host: 'here', pid: 1 };

let temp: TempState;
let platform: StatefulPlatform;
let notes: string[];
beforeEach(async () => {
  temp = await tempState();
  notes = [];
});
afterEach(() => temp.remove());

interface Left {
  readonly runs: Desired;
  readonly from: Desired;
  readonly to: Desired;
  readonly committed?: boolean;
  /** Its entry in the ledger was written. */
  readonly begun?: boolean;
  /** Artifacts that are gone. */
  readonly gone?: readonly string[];
  /** It was a rollback, by a watch where there is a reason. */
  readonly rollback?: { readonly reason?: string };
}

async function after({ runs, from, to, committed = false, begun = true, gone = [], rollback }: Left, resume?: boolean): Promise<Recovery | undefined> {
  platform = new StatefulPlatform(temp.state, runs);
  for (const id of [OLD, NEW]) platform.staged.add(id);
  for (const id of gone) platform.staged.delete(id);
  const common = { run: 'run-killed', action: rollback === undefined ? 'deploy' : 'rollback', actor } as const;
  if (begun) await temp.state.ledger.append({ ...rollback, kind: 'start', at: '2026-01-31T12:00:00.000Z', strategy: 'rolling', processes: {}, release: NEW, ...common });
  const journal: JournalRecord = {
    schema: STATE_SCHEMA, ...common, startedAt: '2026-01-31T12:00:00.000Z', epoch: 7, effect: { kind: 'scale', key: NEW }, from, to,
    releases: { [OLD]: releaseNamed(OLD), [NEW]: releaseNamed(NEW) }, committed,
  };
  await temp.state.journal.write(journal);
  return recoverNow(resume);
}

function recoverNow(resume?: boolean): Promise<Recovery | undefined> {
  return recover({ platform, actor, emit: (event) => { if (event.type === 'note') notes.push(event.text); }, ...(resume === undefined ? {} : { resume }) });
}

async function outcomes(): Promise<readonly unknown[]> {
  return (await temp.state.ledger.entries()).map((entry) => (entry.kind === 'end' ? [entry.release, entry.outcome, entry.recovered] : entry.kind));
}

const half = { runs: fleet({ [OLD]: [1, 50], [NEW]: [1, 50] }), from: fleet({ [OLD]: [2, 100] }), to: fleet({ [NEW]: [2, 100] }) };

test('a clock that was set back since makes no time negative', async () => {
  jest.spyOn(Date, 'now').mockReturnValue(Date.parse('2026-01-30T12:00:00.000Z'));
  await after(half);
  jest.restoreAllMocks();
  expect((await temp.state.ledger.entries()).at(-1)).toMatchObject({ kind: 'end', recovered: true, durationMs: 0 });
});

test('nothing was interrupted: nothing is done', async () => {
  platform = new StatefulPlatform(temp.state, fleet({ [OLD]: [2, 100] }));
  expect(await recoverNow()).toBeUndefined();
  expect(platform.calls).toEqual([]);
  expect(notes).toEqual([]);
});

test('before its commit a change is taken back, and a second recovery finds nothing', async () => {
  expect(await after(half)).toEqual({ way: 'back', run: 'run-killed' });
  expect(platform.observed()).toMatchObject({ [OLD]: { weight: 100, processes: { web: { running: 2 } } } });
  expect(Object.keys(platform.observed())).toEqual([OLD]);
  expect(await outcomes()).toEqual(['start', [NEW, 'restored', true]]);
  expect(notes[0]).toBe(`the deploy run-killed of 2026-01-31T12:00:00.000Z was interrupted at scale ${NEW}`);
  expect(await temp.state.journal.read()).toBeUndefined();
  expect(await recoverNow()).toBeUndefined();
});

test.each([['after its commit', { committed: true }, undefined], ['asked to resume', {}, true]] as const)('%s a change is brought to its end', async (_when, extra, resume) => {
  expect(await after({ ...half, ...extra }, resume)).toEqual({ way: 'forward', run: 'run-killed' });
  expect(Object.keys(platform.observed())).toEqual([NEW]);
  expect(await outcomes()).toEqual(['start', [NEW, 'done', true]]);
});

test.each([['by a watch goes on, away from what did badly', { reason: 'release did badly' }, [], 'forward'], ['that somebody asked for is taken back', {}, [], 'back'], ['by a watch to what is gone is taken back', { reason: 'release did badly' }, [NEW], 'back']] as const)('a rollback %s', async (_what, rollback, gone, way) => {
  expect(await after({ ...half, rollback, gone })).toEqual({ way, run: 'run-killed' });
  expect(Object.keys(platform.observed())).toEqual([way === 'forward' ? NEW : OLD]);
  expect(await outcomes()).toEqual(['start', [NEW, way === 'forward' ? 'done' : 'restored', true]]);
});

test('a change that never began in the ledger gets no end there', async () => {
  expect(await after({ ...half, begun: false })).toMatchObject({ way: 'back' });
  expect(await outcomes()).toEqual([]);
});

test('when what ran before is gone, the healthy release with the most traffic gets all of it', async () => {
  const runs = fleet({ [OLD]: [1, 30], [NEW]: [1, 70] });
  expect(await after({ ...half, runs, gone: [OLD] })).toEqual({ way: 'healthiest', run: 'run-killed' });
  expect(platform.observed()).toMatchObject({ [NEW]: { weight: 100, processes: { web: { running: 2 } } } });
  expect(await outcomes()).toEqual(['start', [NEW, 'done', true]]);
});

test('a first deploy with a healthy instance that has traffic keeps it', async () => {
  expect(await after({ runs: fleet({ [NEW]: [1, 100] }), from: {}, to: fleet({ [NEW]: [2, 100] }) })).toMatchObject({ way: 'healthiest' });
  expect(platform.observed()).toMatchObject({ [NEW]: { processes: { web: { running: 2 } } } });
});

test('with nothing to go to nothing is touched, and the ledger says that it was not restored', async () => {
  expect(await after({ runs: fleet({ [NEW]: [1, 0] }), from: {}, to: fleet({ [NEW]: [2, 100] }) })).toEqual({ way: 'stuck', run: 'run-killed' });
  expect(platform.changes()).toEqual([]);
  expect(await outcomes()).toEqual(['start', [NEW, 'not-restored', true]]);
  expect(notes.at(-1)).toMatch(/^nothing was touched/);
});

test('a way that fails leaves the record for the next attempt', async () => {
  platform = new StatefulPlatform(temp.state);
  const scale = jest.spyOn(StatefulPlatform.prototype, 'scale').mockRejectedValue(new Error('no room'));
  const failed = await after(half);
  expect(failed).toMatchObject({ way: 'stuck', run: 'run-killed', error: { message: expect.stringContaining('no room') } });
  expect(await temp.state.journal.read()).toMatchObject({ run: 'run-killed' });
  expect(notes.at(-1)).toMatch(/^recovery failed: /);
  scale.mockRestore();
  expect(await recoverNow()).toMatchObject({ way: 'back' });
  expect(Object.keys(platform.observed())).toEqual([OLD]);
});

test('mostTraffic passes over what has no traffic or no ready instance', () => {
  const counts = (ready: number) => ({ web: { running: 1, ready, draining: 0 } });
  expect(mostTraffic({})).toBeUndefined();
  expect(mostTraffic({ a: { weight: 90, processes: counts(0) }, b: { weight: 0, processes: counts(1) }, c: { weight: 3, processes: {} } })).toBeUndefined();
  expect(mostTraffic({ a: { weight: 90, processes: counts(0) }, b: { weight: 4, processes: counts(1) }, c: { weight: 6, processes: counts(1) } })).toBe('c');
});
