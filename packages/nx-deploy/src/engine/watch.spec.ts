import { defaultTerms, type DeployEvent, type Metrics, type Observed, type WatchTerms } from '../model/index.js';
import type { StateStore } from '../releases/index.js';
import { counted } from '../apply/fake-platform.spec-support.js';
import { runChange } from './change.js';
import { build, request } from './changes.spec-support.js';
import type { ChangeRequest, ChangeResult, WatchOrder } from './request.js';
import { StatefulPlatform, tempState, type TempState } from './stateful-platform.spec-support.js';
import { watch as watch_ } from './watch.js';

const GOOD: Metrics = counted(1_000, 0);
const AGENT = { user: 'agent', host: 'here', pid: 1 };

let temp: TempState;
let state: StateStore;
let platform: StatefulPlatform;
let events: DeployEvent[];
beforeEach(async () => {
  temp = await tempState();
  ({ state } = temp);
  platform = new StatefulPlatform(state);
  events = [];
});
afterEach(() => temp.remove());

function order(ms: number): WatchOrder {
  return { ms, attached: true, rollbackHooks: { before: [], after: [] } };
}

async function deployed(version: string, rest: Partial<ChangeRequest> = {}): Promise<{ readonly request: ChangeRequest; readonly result: ChangeResult }> {
  const asked = request(build(version), { watch: order(3_000), ...rest });
  return { request: asked, result: await runChange({ platform, request: asked, emit: () => undefined, signal: new AbortController().signal }) };
}

function watched(change: { readonly request: ChangeRequest; readonly result: ChangeResult }, signal = new AbortController().signal): Promise<ChangeResult> {
  return watch_({ platform, ...change, actor: AGENT, emit: (event) => events.push(event), signal });
}

function crashed(id: string, times: number): void {
  const list = platform.list.bind(platform);
  let looks = 0;
  platform.list = async (): Promise<Observed> => {
    const observed = await list();
    const release = observed[id];
    looks += 1;
    return release === undefined ? observed : { ...observed, [id]: { ...release, crashes: looks > 2 ? times : 0 } };
  };
}

test('a release that crashes is taken back, and the ledger says why', async () => {
  const first = await deployed('1');
  const second = await deployed('2');
  crashed(second.result.release ?? '', 1);
  const result = await watched(second);
  expect(result).toMatchObject({ outcome: 'restored', release: second.result.release, error: { code: 'ND-WATCH-FAILED', problems: [expect.stringMatching(/ended by themselves, 1 time in /)] } });
  expect(platform.observed()).toEqual({ [first.result.release ?? '']: expect.objectContaining({ weight: 100 }) });
  const entries = await state.ledger.entries();
  expect(entries.slice(-2)).toMatchObject([
    { kind: 'start', action: 'rollback', actor: AGENT, release: first.result.release, reason: expect.stringMatching(/did badly .* after its deploy \(.*ended by themselves/) },
    { kind: 'end', action: 'rollback', outcome: 'done' },
  ]);
});

test('errors for three looks in a row take it back; one bad look does not', async () => {
  await deployed('1');
  const second = await deployed('2', { watch: order(10_000) });
  platform.counted.set(second.result.release ?? '', { ...GOOD, errors: 300 });
  const result = await watched(second);
  expect(result).toMatchObject({ outcome: 'restored', error: { problems: [`${second.result.release}: errorRate 30% (300 of 1000 requests) is not below 5%`] } });
  expect(result.durationMs).toBeLessThan(9_000);
});

test('what is not known to do well is told, and taken back where that is wanted', async () => {
  const first = await deployed('1');
  const second = await deployed('2', { watch: order(1_100) });
  expect(await watched(second)).toEqual(second.result);
  expect(events).toContainEqual({ type: 'note', text: `the watch of ${second.result.release} knows too little: errorRate: 0 requests, 20 needed` });
  const strict = await deployed('3', { watch: { ...order(1_100), terms: { ...defaultTerms(undefined), inconclusive: 'rollback' } } });
  expect(await watched(strict)).toMatchObject({ outcome: 'restored', error: { code: 'ND-WATCH-FAILED', what: expect.stringContaining('was not known to do well'), problems: ['errorRate: 0 requests, 20 needed'] } });
  expect(Object.keys(platform.observed())).toEqual([second.result.release]);
  expect(first.result.release).not.toBe(second.result.release);
});

test('the figures from before the deploy are compared with', async () => {
  const watch: WatchOrder = { ...order(5_000), terms: { ...defaultTerms(undefined), triggers: [{ rules: [{ metric: 'errorRate', below: 1.5, of: 'baseline' }], window: 1_000 }] } };
  const first = await deployed('1');
  platform.counted.set(first.result.release ?? '', counted(10_000, 100));
  let baseline: Metrics | undefined;
  const asked = request(build('2'), { watch });
  const result = await runChange({ platform, request: asked, emit: () => undefined, signal: new AbortController().signal, onBaseline: (metrics) => { baseline = metrics; } });
  expect(baseline).toMatchObject({ requests: 10_000, errors: 100 });
  platform.counted.set(result.release ?? '', counted(2_000, 80));
  const ended = await watch_({ platform, request: asked, result, baseline, actor: AGENT, emit: (event) => events.push(event), signal: new AbortController().signal });
  expect(ended).toMatchObject({ outcome: 'restored', error: { problems: [expect.stringMatching(/errorRate 4% \(80 of 2000 requests\) is not below 1.5x baseline \(1%, 100 of 10000 requests\)/)] } });
});

test('a good release stays, and the result is the one of the deploy', async () => {
  await deployed('1');
  const second = await deployed('2', { watch: order(1_100) });
  platform.counted.set(second.result.release ?? '', GOOD);
  expect(await watched(second)).toEqual(second.result);
});

test('without an earlier release there is nothing to go back to, and that is said', async () => {
  const first = await deployed('1');
  crashed(first.result.release ?? '', 3);
  expect(await watched(first)).toMatchObject({ outcome: 'not-restored', error: { code: 'ND-WATCH-FAILED' }, restoreError: { code: 'ND-RELEASE-UNKNOWN' } });
  expect(platform.observed()).toMatchObject({ [first.result.release ?? '']: { weight: 100 } });
});

test('the first release has nothing to be compared with, and stays when too little is known', async () => {
  const rules = [{ metric: 'errorRate', below: 1.5, of: 'baseline' }, { metric: 'errorRate', below: 0.05, of: 'absolute' }] as const;
  const terms: WatchTerms = { ...defaultTerms(undefined), triggers: [{ rules, window: 1_000 }], inconclusive: 'rollback' };
  const first = await deployed('1', { watch: { ...order(1_100), terms } });
  expect(await watched(first)).toEqual(first.result);
  expect(events).toContainEqual({ type: 'note', text: `the watch of ${first.result.release} knows too little: errorRate: 0 requests, 20 needed, in the last 1.0s` });
  platform.counted.set(first.result.release ?? '', GOOD);
  events = [];
  expect(await watched(first)).toEqual(first.result);
  expect(events.map(({ type }) => type)).toEqual(['waiting']);
});

test('another change, another live release or a cancel ends the watch: nothing is taken back', async () => {
  await deployed('1');
  const second = await deployed('2');
  crashed(second.result.release ?? '', 9);
  const stop = new AbortController();
  stop.abort();
  expect(await watched(second, stop.signal)).toEqual(second.result);
  expect(events).toContainEqual({ type: 'note', text: `the watch of ${second.result.release} was ended before its time` });
  const lease = await state.lock.acquire({ run: 'other', actor: AGENT, action: 'deploy', since: 'now' });
  expect(await watched(second)).toEqual(second.result);
  await lease.release();
  const third = await deployed('3');
  expect(await watched(second)).toEqual(second.result);
  expect(platform.observed()).toEqual({ [third.result.release ?? '']: expect.objectContaining({ weight: 100 }) });
});

test('while something else holds the lock the watch waits, and goes on with the release that is still live', async () => {
  const first = await deployed('1');
  const second = await deployed('2', { watch: order(10_000) });
  crashed(second.result.release ?? '', 9);
  const lease = await state.lock.acquire({ run: 'tidy', actor: AGENT, action: 'prune', since: 'now' });
  const watching = watched(second);
  await new Promise((resolve) => { setTimeout(resolve, 1_500); });
  expect(platform.observed()).toMatchObject({ [second.result.release ?? '']: { weight: 100 } });
  await lease.release();
  expect(await watching).toMatchObject({ outcome: 'restored', error: { code: 'ND-WATCH-FAILED' } });
  expect(platform.observed()).toEqual({ [first.result.release ?? '']: expect.objectContaining({ weight: 100 }) });
});

test('what cannot be asked is a reason to take it back only where that is wanted', async () => {
  await deployed('1');
  const second = await deployed('2', { watch: order(1_100) });
  const metrics = platform.metrics.bind(platform);
  platform.metrics = (id) => (events.some(({ type }) => type === 'restore') ? metrics(id) : Promise.reject(new Error('gone')));
  expect(await watched(second)).toEqual(second.result);
  expect(events).toContainEqual({ type: 'note', text: `the watch of ${second.result.release} knows too little: the platform could not be asked: gone` });
  const strict: ChangeRequest = { ...second.request, watch: { ...order(1_100), terms: { ...defaultTerms(undefined), inconclusive: 'rollback' } } };
  expect(await watched({ ...second, request: strict })).toMatchObject({ outcome: 'restored', error: { problems: ['the platform could not be asked: gone'] } });
});

test.each<[string, Partial<ChangeRequest>, Partial<ChangeResult>]>([
  ['no watch was asked for', { watch: order(0) }, {}],
  ['it failed', {}, { outcome: 'restored' }],
  ['it was a rollback', {}, { action: 'rollback' }],
  ['a dry run', { dryRun: true }, {}],
])('nothing is watched when %s', async (_what, asked, result) => {
  const first = await deployed('1');
  const calls = platform.calls.length;
  const changed = { request: { ...first.request, ...asked }, result: { ...first.result, ...result } };
  expect(await watched(changed)).toEqual(changed.result);
  expect(platform.calls.length).toBe(calls);
});
