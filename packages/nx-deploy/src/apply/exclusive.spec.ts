import type { Desired, Release, Step } from '../model/index.js';
import { apply } from './apply.js';
import { FakePlatform, releaseNamed } from './fake-platform.spec-support.js';
import type { ApplyRequest, ApplyResult } from './request.js';

/** `jobs` may run in one release at a time; workers may not care. */
const release = (id: string): Release => {
  const named = releaseNamed(id);
  return { ...named, spec: { ...named.spec, processes: { web: { command: [] }, worker: { command: [] }, jobs: { command: [], exclusive: true } } } };
};
const whole = (web: number, weight: number, jobs = 1): Desired[string] => ({ processes: { web: { fixed: web }, worker: { fixed: 1 }, jobs: { fixed: jobs } }, weight });
const A: Desired = { rA: whole(2, 100) };
const B: Desired = { rB: whole(2, 100) };

/** Fails the test when a call left jobs in two releases. */
class Watched extends FakePlatform {
  readonly twice: string[] = [];

  override async scale(...given: Parameters<FakePlatform['scale']>): Promise<void> {
    await super.scale(...given);
    const running = Object.entries(this.observed()).filter(([, { processes }]) => (processes['jobs']?.running ?? 0) > 0);
    if (running.length > 1) this.twice.push(running.map(([id]) => id).join(' '));
  }
}

function walk(platform: FakePlatform, from: Desired, to: Desired, steps: readonly Step[] = [{ reach: to }]): Promise<ApplyResult> {
  const request: ApplyRequest = {
    platform, plan: { from, to, steps }, releases: new Map(['rA', 'rB'].map((id) => [id, release(id)])), journal: () => Promise.resolve(), emit: () => undefined, signal: new AbortController().signal,
    deadlines: { readyTimeout: () => 100, whole: 10_000, grace: 50 },
  };
  return apply(request);
}

test('what runs in one release at a time ends before it starts in the next; everything else overlaps', async () => {
  const platform = new Watched(A);
  expect(await walk(platform, A, B)).toEqual({ outcome: 'done' });
  expect(platform.twice).toEqual([]);
  expect(platform.changes().filter((call) => call.startsWith('scale'))).toEqual(['scale rA jobs=0 web=2 worker=1', 'scale rB jobs=1 web=2 worker=1', 'scale rA jobs=0 web=0 worker=0']);
});

test('a release that never gets ready gives it back to the one before', async () => {
  const platform = new Watched(A);
  platform.broken.add('rB');
  expect(await walk(platform, A, B)).toMatchObject({ outcome: 'restored' });
  expect(platform.twice).toEqual([]);
  expect(platform.observed()).toMatchObject({ rA: { processes: { jobs: { running: 1 }, worker: { running: 1 }, web: { running: 2 } }, weight: 100 } });
});

test('it goes on where it is as long as the other release does not want it, and changes hands at the switch', async () => {
  const platform = new Watched(A);
  const side = { rA: whole(2, 100), rB: whole(2, 0, 0) };
  const kept = { rA: whole(2, 0, 0), rB: whole(2, 100) };
  expect(await walk(platform, A, kept, [{ reach: side }, { reach: kept, commit: true }])).toEqual({ outcome: 'done' });
  expect(platform.twice).toEqual([]);
  const scales = platform.changes().filter((call) => call.startsWith('scale'));
  expect(scales).toEqual(['scale rB jobs=0 web=2 worker=1', 'scale rA jobs=0 web=2 worker=1', 'scale rB jobs=1 web=2 worker=1']);
});

test('a kill in between is no matter: the next walk goes by what runs', async () => {
  const platform = new Watched({ rA: whole(2, 100, 0), rB: whole(2, 0, 0) });
  expect(await walk(platform, platform.observed() as unknown as Desired, B)).toMatchObject({ outcome: expect.stringMatching(/done|restored/) as string });
  expect(platform.twice).toEqual([]);
  const both = new Watched({ rA: whole(2, 100), rB: whole(2, 0, 1) });
  expect(await walk(both, A, A)).toEqual({ outcome: 'done' });
  expect(both.observed()['rB']).toBeUndefined();
});
