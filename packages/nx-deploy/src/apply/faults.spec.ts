/** Every call of a walk fails once, in every way, for many walks: what is left is always one of the two fleets. */
import fc from 'fast-check';
import type { StrategyOptions } from '../config/resolved.js';
import { asDesired, shares, type Ability, type Desired } from '../model/index.js';
import { makePlan } from '../plan/index.js';
import { apply } from './apply.js';
import { FakePlatform, fleet, releaseNamed, type Fault, type FaultKind } from './fake-platform.spec-support.js';
import type { ApplyResult } from './request.js';

interface Case {
  readonly from: Desired;
  readonly to: Desired;
  readonly strategy: StrategyOptions;
  readonly can: readonly Ability[];
}

const counts = fc.integer({ min: 1, max: 4 });
const workers = fc.option(fc.integer({ min: 0, max: 2 }), { nil: undefined });

/** Nothing, one release, or a mix that an interruption left. */
const before: fc.Arbitrary<Desired> = fc.uniqueArray(fc.record({ id: fc.constantFrom('rA', 'rB', 'rC'), web: counts, idle: fc.boolean(), worker: workers }), { selector: ({ id }) => id, maxLength: 2 })
  .map((list) => {
    const weights = shares(Object.fromEntries(list.map(({ id, web, idle }, index) => [id, idle && index > 0 ? 0 : web])));
    return fleet(Object.fromEntries(list.map(({ id, web, worker }) => [id, worker === undefined ? [web, weights[id] ?? 0] : [web, weights[id] ?? 0, worker]])));
  });

const after: fc.Arbitrary<Desired> = fc.record({ id: fc.constantFrom('rA', 'rB'), web: counts, worker: workers })
  .map(({ id, web, worker }) => fleet({ [id]: worker === undefined ? [web, 100] : [web, 100, worker] }));

const overlapping: fc.Arbitrary<Case> = fc.record({
  from: before, to: after,
  strategy: fc.oneof(fc.constant<StrategyOptions>({ type: 'recreate' }), fc.integer({ min: 1, max: 100 }).map((batch): StrategyOptions => ({ type: 'rolling', batch }))),
  can: fc.constant<readonly Ability[]>(['overlap', 'split', 'many']),
});

const single: fc.Arbitrary<Case> = fc.record({
  from: before.filter((fleetBefore) => Object.keys(fleetBefore).length < 2), to: after,
  strategy: fc.constant<StrategyOptions>({ type: 'recreate' }),
  can: fc.constant<readonly Ability[]>([]),
});

const keepWarm = fc.constantFrom(0, 60_000);

/** Both run two releases side by side and commit before the last fleet. */
const sideBySide: fc.Arbitrary<Case> = fc.record({
  from: before, to: after,
  strategy: fc.oneof(
    keepWarm.map((kept): StrategyOptions => ({ type: 'blue-green', smoke: [], soak: 0, keepWarm: kept })),
    fc.tuple(keepWarm, fc.uniqueArray(fc.integer({ min: 1, max: 99 }), { minLength: 1, maxLength: 3 })).map(([kept, weights]): StrategyOptions => ({
      type: 'canary', steps: weights.sort((a, b) => a - b).map((weight) => ({ weight, soak: 0 })), smoke: [], soak: 0, keepWarm: kept, sticky: false,
    })),
  ),
  can: fc.constant<readonly Ability[]>(['overlap', 'split', 'many']),
});

interface Ran {
  readonly platform: FakePlatform;
  readonly result: ApplyResult;
}

async function walk({ from, to, strategy, can }: Case, fault: Fault | undefined, prepare: (platform: FakePlatform) => void = () => undefined): Promise<Ran | undefined> {
  const platform = new FakePlatform(from);
  platform.can = can;
  platform.fault = fault;
  prepare(platform);
  const plan = makePlan({ platform, strategy, from: platform.observed(), to, drift: [] });
  if (plan.kind === 'unchanged') return undefined;
  const releases = new Map([...Object.keys(from), ...Object.keys(to)].map((id) => [id, releaseNamed(id)]));
  const result = await apply({
    platform, plan, releases,
    journal: async ({ kind, key }) => { platform.calls.push(`journal ${kind} ${key}`); },
    emit: () => undefined,
    signal: new AbortController().signal,
    deadlines: { readyTimeout: () => 1_000, whole: fault?.kind === 'hang' ? 60 : 5_000, restore: 5_000, grace: 1 },
  });
  return { platform, result };
}

/** Without releases and processes that have nothing. */
function bare(fleetOrFleets: Desired): unknown {
  return Object.fromEntries(Object.entries(fleetOrFleets)
    .map(([id, { processes, weight }]) => [id, { weight, processes: Object.fromEntries(Object.entries(processes).filter(([, scale]) => 'fixed' in scale && scale.fixed > 0)) }]));
}

/** Without what is kept warm. */
function serving(fleetAfter: Desired): Desired {
  return Object.fromEntries(Object.entries(fleetAfter).filter(([, { until }]) => until === undefined));
}

function expectRecorded(platform: FakePlatform): void {
  platform.calls.forEach((call, index) => {
    const [, verb = '', key = ''] = /^(stage|scale|route) (.*)$/.exec(call) ?? [];
    if (verb !== '') expect(platform.calls[index - 1]).toBe(`journal ${verb} ${key}`);
  });
}

async function expectOneOfBoth(each: Case, kind: FaultKind): Promise<void> {
  const clean = await walk(each, undefined);
  if (clean === undefined) return;
  expect(clean.result).toEqual({ outcome: 'done' });
  const reachedEnd = bare(asDesired(clean.platform.observed()));
  expect(bare(serving(asDesired(clean.platform.observed())))).toEqual(bare(each.to));
  expectRecorded(clean.platform);
  expect(clean.platform.stranded).toEqual([]);

  const calls = clean.platform.calls.flatMap((call, at) => (call.startsWith('journal') ? [] : [at]));
  const commit = clean.platform.calls.findIndex((call) => call.startsWith('journal commit'));
  for (const at of calls) {
    const ran = await walk(each, { at, kind });
    const end = bare(asDesired(ran!.platform.observed()));
    expect([at, ran!.result.outcome, end]).toEqual(at < commit ? [at, 'restored', bare(each.from)] : [at, 'done', reachedEnd]);
    expectRecorded(ran!.platform);
    if (each.can.includes('overlap')) expect(ran!.platform.stranded).toEqual([]);
  }
}

test.each<FaultKind>(['before', 'after'])('a call that fails (%s it had its effect), with overlap', async (kind) => {
  await fc.assert(fc.asyncProperty(overlapping, (each) => expectOneOfBoth(each, kind)), { numRuns: 60 });
});

test.each<FaultKind>(['before', 'after'])('a call that fails (%s it had its effect), side by side: taken back until the commit, from there on brought to its end', async (kind) => {
  await fc.assert(fc.asyncProperty(sideBySide, (each) => expectOneOfBoth(each, kind)), { numRuns: 60 });
});

test.each<FaultKind>(['before', 'after'])('a call that fails (%s it had its effect), without overlap', async (kind) => {
  await fc.assert(fc.asyncProperty(single, (each) => expectOneOfBoth(each, kind)), { numRuns: 40 });
});

test('a call that hangs', async () => {
  await fc.assert(fc.asyncProperty(overlapping, (each) => expectOneOfBoth(each, 'hang')), { numRuns: 4 });
});

test('a platform that fails for good: both errors, and what has traffic was not stopped', async () => {
  await fc.assert(fc.asyncProperty(fc.oneof(overlapping, sideBySide), fc.nat(30), async (each, at) => {
    const ran = await walk(each, { at, kind: 'before', forever: true });
    if (ran === undefined || ran.result.outcome === 'done') return;
    expect(ran.result.outcome).toBe('not-restored');
    expect(ran.platform.stranded).toEqual([]);
    expectRecorded(ran.platform);
  }), { numRuns: 200 });
});

test('a release that never gets ready: always restored', async () => {
  await fc.assert(fc.asyncProperty(fc.oneof(overlapping, sideBySide), async (each) => {
    const arriving = Object.keys(each.to).filter((id) => each.from[id] === undefined);
    fc.pre(arriving.length > 0);
    const ran = await walk(each, undefined, (platform) => arriving.forEach((id) => platform.broken.add(id)));
    expect(ran!.result).toMatchObject({ outcome: 'restored', error: { code: 'ND-NOT-READY' } });
    expect(bare(asDesired(ran!.platform.observed()))).toEqual(bare(each.from));
    expect(ran!.platform.stranded).toEqual([]);
  }), { numRuns: 100 });
});
