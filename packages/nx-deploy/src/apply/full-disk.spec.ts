/** A journal that cannot be written stops what is new, and never the way back. */
import { DeployError, type ErrorCode } from '../errors.js';
import { asDesired, type DeployEvent } from '../model/index.js';
import { makePlan } from '../plan/index.js';
import { apply } from './apply.js';
import { FakePlatform, fleet, releaseNamed } from './fake-platform.spec-support.js';
import type { ApplyRequest, ApplyResult, Effect } from './request.js';

const A4 = fleet({ rA: [4, 100] });
const B4 = fleet({ rB: [4, 100] });

interface Walked {
  readonly result: ApplyResult;
  readonly platform: FakePlatform;
  /** Effects that were recorded. */
  readonly recorded: readonly string[];
  readonly notes: readonly string[];
  /** Changes until the restore began. */
  readonly forward: readonly string[];
}

/** From four of A to four of B in two steps; from the first effect on that `full` picks, the journal cannot be written. */
async function walk(full: (effect: Effect) => boolean, code: ErrorCode = 'ND-DISK-FULL', rest: Partial<ApplyRequest> = {}, prepare: (platform: FakePlatform) => void = () => undefined): Promise<Walked> {
  const platform = new FakePlatform(A4);
  prepare(platform);
  const plan = makePlan({ platform, strategy: { type: 'rolling', batch: 50 }, from: platform.observed(), to: B4, drift: [] });
  if (plan.kind === 'unchanged') throw new Error('nothing to walk');
  const recorded: string[] = [];
  const events: DeployEvent[] = [];
  let forward: readonly string[] = [];
  let stopped = false;
  const result = await apply({
    platform, plan, releases: new Map(['rA', 'rB'].map((id) => [id, releaseNamed(id)])), signal: new AbortController().signal,
    async journal(effect) {
      stopped ||= full(effect);
      if (stopped) throw new DeployError(code, { what: 'the state of the service could not be written', why: 'the disk is full' });
      recorded.push(`${effect.kind} ${effect.key}`);
      return Promise.resolve();
    },
    emit: (event) => {
      events.push(event);
      if (event.type === 'restore') forward = platform.changes();
    },
    deadlines: { readyTimeout: () => 1_000, whole: 10_000, grace: 50 },
    ...rest,
  });
  return { result, platform, recorded, forward, notes: events.flatMap((event) => (event.type === 'note' ? [event.text] : [])) };
}

test.each(['stage', 'scale', 'route', 'commit'])('a disk that is full before %s of the walk: it ends there, and what ran before runs again without a record', async (kind) => {
  const { result, platform, recorded, forward, notes } = await walk((effect) => effect.kind === kind);
  expect(result).toMatchObject({ outcome: 'restored', error: { code: 'ND-DISK-FULL' } });
  expect(asDesired(platform.observed())).toEqual(A4);
  expect(platform.stranded).toEqual([]);
  // Forward, nothing happened without its record.
  expect(forward).toEqual(recorded.filter((effect) => !effect.startsWith('ready ')));
  expect(notes).toEqual(['going on without a record, for it cannot be written: the state of the service could not be written: the disk is full']);
});

test('what is on its way after the commit goes on to its end', async () => {
  let past = false;
  const { result, platform } = await walk(() => past, 'ND-DISK-FULL', {
    plan: { from: A4, to: B4, steps: [{ reach: fleet({ rA: [2, 50], rB: [2, 50] }), commit: true }, { reach: B4 }] },
  }, (made) => { made.watch = (call) => { if (call.startsWith('route rA=0')) past = true; }; });
  expect(result).toEqual({ outcome: 'done' });
  expect(asDesired(platform.observed())).toEqual(B4);
});

test.each(['ND-LEASE-LOST', 'ND-INTERNAL', 'ND-STATE-DAMAGED'] as const)('any other reason why it cannot be recorded stops the way back: %s', async (code) => {
  const { result, platform, notes } = await walk((effect) => effect.kind === 'route', code);
  expect(result).toMatchObject({ outcome: 'not-restored', error: { code }, restoreError: { code } });
  expect(platform.changes()).toEqual(['stage rB', 'scale rB web=2']);
  expect(notes).toEqual([]);
});
