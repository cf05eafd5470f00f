import { DeployError } from '../errors.js';
import { asDesired, type DeployEvent, type Desired, type Step } from '../model/index.js';
import { makePlan } from '../plan/index.js';
import { apply } from './apply.js';
import { FakePlatform, fleet, releaseNamed } from './fake-platform.spec-support.js';
import type { ApplyRequest, ApplyResult } from './request.js';

const A4 = fleet({ rA: [4, 100] });
const B4 = fleet({ rB: [4, 100] });

interface Run {
  readonly events: DeployEvent[];
  readonly journal: string[];
  readonly cancel: AbortController;
  readonly request: ApplyRequest;
  result(): Promise<ApplyResult>;
}

type Changes = Partial<Omit<ApplyRequest, 'deadlines'>> & { readonly deadlines?: Partial<ApplyRequest['deadlines']> };

function run(platform: FakePlatform, plan: ApplyRequest['plan'], changes: Changes = {}): Run {
  const events: DeployEvent[] = [];
  const journal: string[] = [];
  const cancel = new AbortController();
  const ids = [...new Set([plan.from, plan.to, ...plan.steps.map((step) => ('reach' in step ? step.reach : step.desired))].flatMap((each) => Object.keys(each)))];
  const request: ApplyRequest = {
    platform, plan,
    releases: new Map(ids.map((id) => [id, releaseNamed(id)])),
    journal: async ({ kind, key }, committed) => {
      journal.push(`${kind} ${key}${committed ? ' (committed)' : ''}`);
      platform.calls.push(`journal ${kind} ${key}`);
    },
    emit: (event) => events.push(event),
    signal: cancel.signal,
    ...changes,
    deadlines: { readyTimeout: ({ spec }) => spec.health.timeout, whole: 10_000, grace: 50, ...changes.deadlines },
  };
  return { events, journal, cancel, request, result: () => apply(request) };
}

function walkOf(from: Desired, to: Desired, ...steps: Step[]): ApplyRequest['plan'] {
  return { from, to, steps: steps.length === 0 ? [{ reach: to }] : steps };
}

function rollingFrom(platform: FakePlatform, to: Desired): ApplyRequest['plan'] {
  const plan = makePlan({ platform, strategy: { type: 'rolling', batch: 50 }, from: platform.observed(), to, drift: [] });
  if (plan.kind === 'unchanged') throw new Error('nothing to walk');
  return plan;
}

function errorOf(result: ApplyResult): DeployError {
  if (!('error' in result)) throw new Error(`it was ${result.outcome}`);
  return result.error;
}

describe('a walk that goes well', () => {
  test('make before break: stage, grow, wait, route, then shrink, each after its record', async () => {
    const platform = new FakePlatform(A4);
    const { result, journal } = run(platform, rollingFrom(platform, B4));
    expect(await result()).toEqual({ outcome: 'done' });
    expect(platform.changes()).toEqual([
      'stage rB', 'scale rB web=2', 'route rA=50 rB=50', 'scale rA web=2',
      'scale rB web=4', 'route rA=0 rB=100', 'scale rA web=0',
    ]);
    expect(journal).toEqual([
      'stage rB', 'scale rB web=2', 'ready rB', 'route rA=50 rB=50', 'scale rA web=2',
      'scale rB web=4', 'ready rB', 'route rA=0 rB=100', 'scale rA web=0', 'commit step 2 (committed)',
    ]);
    expect(asDesired(platform.observed())).toEqual(B4);
    expect(platform.stranded).toEqual([]);
  });

  test('break before make where the platform cannot overlap: nothing new starts before the old is gone', async () => {
    const platform = new FakePlatform(A4);
    platform.can = [];
    const { result } = run(platform, walkOf(A4, B4, { reach: {} }, { reach: B4 }));
    expect(await result()).toEqual({ outcome: 'done' });
    expect(platform.changes()).toEqual(['route rA=0', 'scale rA web=0', 'stage rB', 'scale rB web=4', 'route rB=100']);
  });

  test('what is there already is not done again', async () => {
    const platform = new FakePlatform(B4);
    const { result, journal } = run(platform, walkOf(A4, B4));
    expect(await result()).toEqual({ outcome: 'done' });
    expect(platform.changes()).toEqual([]);
    expect(journal).toEqual(['commit step 1 (committed)']);
  });

  test('settings that drifted are brought in line by a route, although the weights are right', async () => {
    const platform = new FakePlatform(B4);
    platform.drifted = ['listen'];
    expect(await run(platform, walkOf(B4, B4)).result()).toEqual({ outcome: 'done' });
    expect(platform.changes()).toEqual(['route rB=100']);
  });

  test('instances of the wanted release that are not ready are waited for', async () => {
    const platform = new FakePlatform(B4, ['rB']);
    platform.broken.clear();
    expect(await run(platform, walkOf(B4, B4)).result()).toEqual({ outcome: 'done' });
    expect(platform.observed()['rB']?.processes['web']).toEqual({ running: 4, ready: 4, draining: 0 });
  });

  test('a broken release can be replaced: it is neither waited for nor started again, and loses its traffic first', async () => {
    const platform = new FakePlatform(A4, ['rA']);
    const { result } = run(platform, rollingFrom(platform, B4));
    expect(await result()).toEqual({ outcome: 'done' });
    expect(platform.calls).not.toContain('ready rA');
    expect(platform.changes()).toContain('route rA=0 rB=100');
    expect(platform.changes()).not.toContain('route rA=50 rB=50');
    expect(asDesired(platform.observed())).toEqual(B4);
  });

  test('workers change hands with the last step and the other way round in one release', async () => {
    const platform = new FakePlatform(fleet({ rA: [2, 100, 1] }));
    const to = fleet({ rA: [1, 100, 3] });
    expect(await run(platform, walkOf(fleet({ rA: [2, 100, 1] }), to)).result()).toEqual({ outcome: 'done' });
    expect(platform.changes()).toEqual(['scale rA web=2 worker=3', 'scale rA web=1 worker=3']);
  });

  test('a range is left to its autoscaler while the number is within it', async () => {
    const platform = new FakePlatform(A4);
    const within: Desired = { rA: { processes: { web: { min: 2, max: 6 } }, weight: 100 } };
    const above: Desired = { rA: { processes: { web: { min: 6, max: 8 } }, weight: 100 } };
    expect(await run(platform, walkOf(A4, within)).result()).toEqual({ outcome: 'done' });
    expect(platform.changes()).toEqual([]);
    const { result, journal } = run(platform, walkOf(A4, above));
    expect(await result()).toEqual({ outcome: 'done' });
    expect(journal).toContain('scale rA web=6-8');
  });

  test('it tells steps, waits and fleets; a listener that throws does not matter', async () => {
    const platform = new FakePlatform(A4);
    const first = run(platform, rollingFrom(platform, B4));
    await first.result();
    expect(first.events.filter(({ type }) => type === 'step').map((event) => event.type === 'step' && [event.index, event.of])).toEqual([[0, 2], [1, 2]]);
    expect(first.events).toContainEqual({ type: 'waiting', release: 'rB', for: 'every instance to be ready (web=2)' });
    expect(first.events).toContainEqual({ type: 'waiting', release: 'rA', for: 'instances to drain and stop (web=0)' });
    expect(first.events.at(-1)).toEqual({ type: 'fleet', observed: platform.observed() });

    const deaf = new FakePlatform(A4);
    const emit = () => { throw new Error('EPIPE'); };
    expect(await run(deaf, rollingFrom(deaf, B4), { emit }).result()).toEqual({ outcome: 'done' });
  });

  test('a walk of the platform itself is judged by what it leaves', async () => {
    const platform = new FakePlatform(A4);
    platform.native = { rolling: async () => { platform.calls.push('native rolling'); await platform.scale('rA', { web: { fixed: 1 } }); } };
    const { result, journal } = run(platform, walkOf(A4, B4, { native: 'rolling', release: 'rB', desired: B4 }));
    expect(await result()).toEqual({ outcome: 'done' });
    expect(journal[0]).toBe('scale rolling rB');
    expect(asDesired(platform.observed())).toEqual(B4);
  });
});

describe('a walk that fails', () => {
  test('a release that does not get ready is taken back, with the reason and its last lines in ASCII', async () => {
    const platform = new FakePlatform(A4);
    platform.broken.add('rB');
    const { result, events, journal } = run(platform, rollingFrom(platform, B4));
    const outcome = await result();
    expect(outcome.outcome).toBe('restored');
    expect(errorOf(outcome).toJSON()).toEqual({
      code: 'ND-NOT-READY',
      what: 'release rB did not get ready',
      why: 'GET /health answered 503',
      problems: ['starting', 'caf? closed'],
      next: expect.stringContaining('deploy again') as string,
    });
    expect(events).toContainEqual({ type: 'restore', reason: 'release rB did not get ready: GET /health answered 503' });
    expect(journal).toContain('restore from');
    expect(platform.changes()).toEqual(['stage rB', 'scale rB web=2', 'scale rB web=0']);
    expect(platform.observed()).toEqual(new FakePlatform(A4).observed());
  });

  test('a first deploy that fails leaves nothing', async () => {
    const platform = new FakePlatform();
    platform.watch = (call) => { if (call === 'drift') throw new Error('gone'); };
    const { result } = run(platform, walkOf({}, B4));
    expect(errorOf(await result())).toMatchObject({ code: 'ND-INTERNAL' });
    expect(platform.observed()).toEqual({});

    const routed = new FakePlatform();
    const gate: Step = { reach: B4, then: [{ smoke: [{ path: '/', status: 200 }] }] };
    expect((await run(routed, walkOf({}, B4, gate)).result()).outcome).toBe('restored');
    expect(routed.changes().slice(-2)).toEqual(['route rB=0', 'scale rB web=0']);
    expect(routed.observed()).toEqual({});
  });

  test('what carries traffic stops only after the old release is ready and routed', async () => {
    const platform = new FakePlatform(A4);
    const last: Step = { reach: B4, then: [{ smoke: [] }, { smoke: [{ path: '/', status: 200 }] }] };
    const { result } = run(platform, walkOf(A4, B4, last));
    expect((await result()).outcome).toBe('restored');
    const back = platform.calls.slice(platform.calls.indexOf('journal restore from')).filter((call) => /^(scale|ready|route)/.test(call));
    expect(back).toEqual(['scale rA web=4', 'ready rA', 'route rA=100 rB=0', 'scale rB web=0']);
    expect(platform.stranded).toEqual([]);
  });

  test('a recreate goes back as it came: never two releases at a time', async () => {
    const platform = new FakePlatform(A4);
    platform.broken.add('rB');
    const { result } = run(platform, walkOf(A4, B4, { reach: {} }, { reach: B4 }));
    expect((await result()).outcome).toBe('restored');
    expect(platform.changes()).toEqual(['route rA=0', 'scale rA web=0', 'stage rB', 'scale rB web=4', 'scale rB web=0', 'scale rA web=4', 'route rA=100']);
    expect(asDesired(platform.observed())).toEqual(A4);
  });

  test('both errors are told when the way back fails too', async () => {
    const platform = new FakePlatform(A4);
    platform.broken.add('rB');
    const { result } = run(platform, rollingFrom(platform, B4), {});
    platform.watch = (call) => { if (call === 'scale rB web=0') throw new DeployError('ND-AGENT-FAILED', { what: 'no answer' }); };
    expect(await result()).toMatchObject({ outcome: 'not-restored', error: { code: 'ND-NOT-READY' }, restoreError: { code: 'ND-AGENT-FAILED' } });
  });

  test('nothing is touched when the record cannot be written', async () => {
    const platform = new FakePlatform(A4);
    const { result } = run(platform, rollingFrom(platform, B4), { journal: () => Promise.reject(new DeployError('ND-LOCKED', { what: 'the lease was lost' })) });
    expect(await result()).toMatchObject({ outcome: 'not-restored', error: { code: 'ND-LOCKED' }, restoreError: { code: 'ND-LOCKED' } });
    expect(platform.changes()).toEqual([]);
  });

  test('nothing stops while the router still sends it traffic', async () => {
    const platform = new FakePlatform(A4);
    platform.route = () => { platform.calls.push('route ignored'); return Promise.resolve(); };
    const outcome = await run(platform, walkOf(A4, B4)).result();
    expect(errorOf(outcome)).toMatchObject({ code: 'ND-INTERNAL', parts: { problems: ['rA: 100 percent'] } });
    expect(platform.changes()).not.toContain('scale rA web=0');
    expect(asDesired(platform.observed())).toEqual(A4);
  });

  test('a platform that says it scaled and did not is not believed', async () => {
    const platform = new FakePlatform(A4);
    platform.stuck.add('rB');
    const outcome = await run(platform, walkOf(A4, B4)).result();
    expect(errorOf(outcome).code).toBe('ND-NOT-READY');
    expect(asDesired(platform.observed())).toEqual(A4);

    const sticky = new FakePlatform(A4);
    sticky.stuck.add('rA');
    expect(errorOf(await run(sticky, walkOf(A4, B4)).result()).parts.problems).toEqual(['rA web: 4 running, 0 wanted']);
  });

  test('a release of `from` whose files are gone cannot be started again: told with both errors', async () => {
    const platform = new FakePlatform(A4);
    const plan = walkOf(A4, B4, { reach: B4, then: [{ smoke: [{ path: '/', status: 200 }] }] });
    const { request } = run(platform, plan);
    platform.watch = (call) => { if (call.startsWith('address')) platform.staged.delete('rA'); };
    const result = await apply({ ...request, releases: new Map([['rB', releaseNamed('rB')]]) });
    expect(result).toMatchObject({ outcome: 'not-restored', error: { code: 'ND-GATE-FAILED' }, restoreError: { code: 'ND-ARTIFACT-MISSING' } });
    expect(platform.observed()['rB']).toMatchObject({ weight: 100 });
  });

  test('a release of `from` without a record is started again from its files, and gets a minute to become ready', async () => {
    const platform = new FakePlatform(A4);
    const plan = walkOf(A4, B4, { reach: B4, then: [{ smoke: [{ path: '/', status: 200 }] }] });
    const { request } = run(platform, plan, { clock: () => 0, deadlines: { whole: 200_000 } });
    const times: [string, number][] = [];
    const ready = platform.ready.bind(platform);
    platform.ready = (id: string, deadline?: number) => { times.push([id, deadline ?? -1]); return ready(id); };
    expect((await apply({ ...request, releases: new Map([['rB', releaseNamed('rB')]]) })).outcome).toBe('restored');
    expect(times).toEqual([['rB', 5_000], ['rA', 60_000]]);
    expect(asDesired(platform.observed())).toEqual(A4);
  });

  test('going back to a release that was broken before is told, and fails nothing while it serves as much as it did', async () => {
    const platform = new FakePlatform(A4, ['rA']);
    platform.broken.add('rB');
    const { result, events } = run(platform, walkOf(A4, B4));
    expect((await result()).outcome).toBe('restored');
    expect(events).toContainEqual({ type: 'note', text: 'release rA is not ready, as before: GET /health answered 503' });
    expect(asDesired(platform.observed())).toEqual(A4);
  });

  test('the traffic is not given back to a release that cannot serve while the new one can', async () => {
    const platform = new FakePlatform(A4, ['rA']);
    const { result } = run(platform, walkOf(A4, B4, { reach: B4, then: [{ smoke: [{ path: '/', status: 200 }] }] }));
    expect(await result()).toMatchObject({
      outcome: 'not-restored', error: { code: 'ND-GATE-FAILED' }, restoreError: { code: 'ND-NOT-READY', parts: { what: 'the traffic was left where it is' } },
    });
    expect(platform.observed()['rB']).toMatchObject({ weight: 100, processes: { web: { ready: 4 } } });
  });
});

describe('cancel and deadlines', () => {
  test('cancelled before it begins: nothing is done', async () => {
    const platform = new FakePlatform(A4);
    const { result, cancel } = run(platform, rollingFrom(platform, B4));
    cancel.abort();
    expect(await result()).toMatchObject({ outcome: 'restored', error: { code: 'ND-CANCELLED' } });
    expect(platform.changes()).toEqual([]);
  });

  test('cancelled in the middle: restored, the cancel does not stop the restore', async () => {
    const platform = new FakePlatform(A4);
    const { result, cancel } = run(platform, rollingFrom(platform, B4));
    platform.watch = (call) => { if (call === 'scale rB web=4') cancel.abort(); };
    expect(await result()).toMatchObject({ outcome: 'restored', error: { code: 'ND-CANCELLED' } });
    expect(asDesired(platform.observed())).toEqual(A4);
    expect(platform.stranded).toEqual([]);
  });

  test('a change under way gets its grace before it is undone', async () => {
    const platform = new FakePlatform(A4);
    const { result, cancel } = run(platform, walkOf(A4, B4), { deadlines: { grace: 2_000 } });
    const scale = platform.scale.bind(platform);
    let under = 0;
    platform.scale = async (id, processes) => {
      expect(under).toBe(0);
      under += 1;
      if (!cancel.signal.aborted) cancel.abort();
      await new Promise((resolve) => setTimeout(resolve, 60));
      await scale(id, processes);
      under -= 1;
    };
    expect((await result()).outcome).toBe('restored');
    expect(asDesired(platform.observed())).toEqual(A4);
  });

  test('a call that never returns is bounded by the deadline', async () => {
    for (const name of ['list', 'ready rB', 'scale rB web=4', 'stage rB']) {
      const platform = new FakePlatform(A4);
      let hung = false;
      platform.watch = (call) => {
        platform.fault = !hung && call === name ? { at: platform.calls.length - 1, kind: 'hang' } : undefined;
        hung ||= call === name;
      };
      const outcome = await run(platform, walkOf(A4, B4), { deadlines: { whole: 80, restore: 5_000 } }).result();
      expect([name, outcome.outcome, errorOf(outcome).code]).toEqual([name, 'restored', 'ND-DEADLINE']);
      expect(errorOf(outcome).parts.what).toBe('the deploy was not finished within 80ms');
      expect(asDesired(platform.observed())).toEqual(A4);
    }
  });

  test('the way back has a deadline of its own', async () => {
    const platform = new FakePlatform(A4);
    platform.fault = { at: 1, kind: 'hang', forever: true };
    const outcome = await run(platform, walkOf(A4, B4), { deadlines: { whole: 60, restore: 70 } }).result();
    expect(outcome).toMatchObject({ outcome: 'not-restored', error: { code: 'ND-DEADLINE' }, restoreError: { code: 'ND-DEADLINE', parts: { what: 'restoring was not finished within 70ms' } } });
  });

  test('durations are of the clock that is given', async () => {
    const platform = new FakePlatform(A4);
    let now = 1_000;
    platform.watch = (call) => { if (call === 'ready rB') now += 20_000; };
    const outcome = await run(platform, walkOf(A4, B4), { clock: () => now }).result();
    expect(outcome).toMatchObject({ outcome: 'restored', error: { code: 'ND-DEADLINE' } });
  });

  test('instances get their own time to become ready, and no more than the deploy has', async () => {
    const times: number[] = [];
    for (const whole of [10_000, 3_000]) {
      const platform = new FakePlatform();
      platform.ready = (_id: string, deadline?: number) => { times.push(deadline ?? -1); return Promise.resolve({ ready: true }); };
      await run(platform, walkOf({}, B4), { clock: () => 0, deadlines: { whole } }).result();
    }
    expect(times).toEqual([5_000, 3_000]);
  });
});

describe('the commit', () => {
  const kept: Desired = { ...fleet({ rA: [4, 0] }), ...B4 };
  const switched: readonly Step[] = [{ reach: kept, commit: true }, { reach: B4 }];

  test('what fails after it is brought to its end', async () => {
    const platform = new FakePlatform(A4);
    const { result, events, journal } = run(platform, { from: A4, to: B4, steps: switched });
    let failed = false;
    platform.watch = (call) => { if (call === 'scale rA web=0' && !failed) { failed = true; throw new Error('no answer'); } };
    expect(await result()).toEqual({ outcome: 'done' });
    expect(events).toContainEqual({ type: 'note', text: 'after the commit the deploy is brought to its end: an unexpected error: no answer' });
    expect(journal.slice(-2)).toEqual(['restore to (committed)', 'scale rA web=0 (committed)']);
    expect(journal.filter((entry) => entry.startsWith('commit'))).toEqual(['commit step 1 (committed)']);
    expect(asDesired(platform.observed())).toEqual(B4);
  });

  test('a cancel after it changes nothing', async () => {
    const platform = new FakePlatform(A4);
    const { result, cancel } = run(platform, { from: A4, to: B4, steps: switched });
    platform.watch = (call) => { if (call === 'scale rA web=0') cancel.abort(); };
    expect(await result()).toEqual({ outcome: 'done' });
    expect(asDesired(platform.observed())).toEqual(B4);
  });

  test('both errors are told when its end cannot be reached', async () => {
    const platform = new FakePlatform(A4);
    platform.watch = (call) => { if (call === 'scale rA web=0') throw new Error('no answer'); };
    expect(await run(platform, { from: A4, to: B4, steps: switched }).result())
      .toMatchObject({ outcome: 'not-restored', error: { parts: { why: 'no answer' } }, restoreError: { parts: { why: 'no answer' } } });
  });

  test('a commit that cannot be recorded is none', async () => {
    const platform = new FakePlatform(A4);
    const written: string[] = [];
    const journal: ApplyRequest['journal'] = ({ kind }, committed) => {
      if (kind === 'commit') return Promise.reject(new Error('disk full'));
      written.push(`${kind} ${String(committed)}`);
      return Promise.resolve();
    };
    expect((await run(platform, walkOf(A4, B4), { journal }).result()).outcome).toBe('restored');
    expect(written).not.toContain('restore true');
    expect(asDesired(platform.observed())).toEqual(A4);
  });

  test('what must succeed after the walk runs before the last commit, and takes everything back', async () => {
    const platform = new FakePlatform(A4);
    const seen: string[][] = [];
    const { request, journal } = run(platform, rollingFrom(platform, B4));
    const afterWalk = () => { seen.push(Object.keys(platform.observed())); return Promise.reject(new DeployError('ND-HOOK-FAILED', { what: 'postDeploy failed' })); };
    expect(await apply({ ...request, afterWalk })).toMatchObject({ outcome: 'restored', error: { code: 'ND-HOOK-FAILED' } });
    expect(seen).toEqual([['rB']]);
    expect(journal.some((entry) => entry.startsWith('commit'))).toBe(false);
    expect(asDesired(platform.observed())).toEqual(A4);
  });
});

describe('what must succeed beside a commit in the middle of the walk', () => {
  const switched = fleet({ rA: [4, 0], rB: [4, 100] });
  const steps: readonly Step[] = [{ reach: switched, commit: true }, { reach: B4 }];

  test('runs before that commit, with the old release still there, and takes everything back', async () => {
    const platform = new FakePlatform(A4);
    const seen: string[][] = [];
    const { request, journal } = run(platform, walkOf(A4, B4, ...steps));
    const afterWalk = () => { seen.push(Object.keys(platform.observed())); return Promise.reject(new DeployError('ND-HOOK-FAILED', { what: 'postDeploy failed' })); };
    expect(await apply({ ...request, afterWalk })).toMatchObject({ outcome: 'restored', error: { code: 'ND-HOOK-FAILED' } });
    expect(seen).toEqual([['rA', 'rB']]);
    expect(journal.some((entry) => entry.startsWith('commit'))).toBe(false);
    expect(asDesired(platform.observed())).toEqual(A4);
  });

  test('runs once', async () => {
    const platform = new FakePlatform(A4);
    let calls = 0;
    const afterWalk = () => { calls += 1; return Promise.resolve(); };
    expect(await apply({ ...run(platform, walkOf(A4, B4, ...steps)).request, afterWalk })).toEqual({ outcome: 'done' });
    expect(calls).toBe(1);
    expect(asDesired(platform.observed())).toEqual(B4);
  });
});

describe('what is refused before anything begins', () => {
  test('a release without a record', async () => {
    const platform = new FakePlatform(A4);
    const { request } = run(platform, walkOf(A4, B4));
    await expect(apply({ ...request, releases: new Map() })).rejects.toMatchObject({ code: 'ND-RELEASE-UNKNOWN' });
    expect(platform.calls).toEqual([]);
  });

  test('gates and walks that the platform cannot do', async () => {
    const platform = new FakePlatform(A4);
    const native: Step = { native: 'canary', release: 'rB', desired: B4 };
    await expect(run(platform, walkOf(A4, B4, native)).result()).rejects.toMatchObject({ code: 'ND-ABILITY-MISSING' });
    expect(platform.calls).toEqual([]);
  });
});
