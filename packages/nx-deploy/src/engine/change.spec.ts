import { fleet } from '../apply/fake-platform.spec-support.js';
import { DeployError } from '../errors.js';
import type { DeployEvent } from '../model/index.js';
import type { StateStore } from '../releases/index.js';
import { runChange } from './change.js';
import { build, request } from './changes.spec-support.js';
import type { Change, ChangeRequest, ChangeResult } from './request.js';
import { StatefulPlatform, tempState, type TempState } from './stateful-platform.spec-support.js';

let temp: TempState;
let folder: string;
let state: StateStore;
let platform: StatefulPlatform;
let events: DeployEvent[];
beforeEach(async () => {
  temp = await tempState();
  ({ folder, state } = temp);
  platform = new StatefulPlatform(state);
});
afterEach(() => temp.remove());

function change(what: Change, rest: Partial<ChangeRequest> = {}, signal = new AbortController().signal): Promise<ChangeResult> {
  events = [];
  return runChange({ platform, request: request(what, rest), emit: (event) => events.push(event), signal });
}

async function outcomes(): Promise<readonly string[]> {
  return (await state.ledger.entries()).map((entry) => (entry.kind === 'end' ? entry.outcome : entry.kind));
}

test('a deploy and a rollback, with their ledger, their stages and nothing left behind', async () => {
  const first = await change(build('1'));
  expect(first).toMatchObject({ outcome: 'done', traffic: { requests: 0, errors: 0 }, size: { bytes: 10 }, configuration: { added: ['VERSION'] } });
  expect(Object.keys(first.stages)).toEqual(['preflight', 'stage', 'walk', 'record']);
  const second = await change(build('2'));
  expect(second).toMatchObject({ outcome: 'done', previous: first.release, manifest: { now: { version: '2' }, before: { version: '1' } } });
  expect(await change({ action: 'rollback' })).toMatchObject({ outcome: 'done', release: first.release });
  expect(await outcomes()).toEqual(['start', 'done', 'start', 'done', 'start', 'done']);
  expect(await state.journal.read()).toBeUndefined();
  expect(await state.lock.holder()).toBeUndefined();
});

test('hooks get the facts of the run', async () => {
  const hook = (label: string) => ({ run: [process.execPath, '-e', `const e = process.env; console.log(${JSON.stringify(label)}, e.NX_DEPLOY_HOOK, e.NX_DEPLOY_ACTION, e.NX_DEPLOY_INSTANCES, e.NX_DEPLOY_PREVIOUS, e.NX_DEPLOY_VERSION, e.NX_DEPLOY_COMMIT?.length)`], env: {}, timeout: 10_000, cwd: folder });
  const { release = '' } = await change(build('1'));
  await change(build('2'), { hooks: { before: [hook('b')], after: [hook('a')] } });
  const lines = (): readonly string[] => events.flatMap((event) => (event.type === 'output' ? [event.line] : []));
  expect(lines()).toEqual([`b preDeploy deploy 2 ${release} 2 40`, `a postDeploy deploy 2 ${release} 2 40`]);
  await change({ action: 'rollback' }, { hooks: { before: [hook('b')], after: [] } });
  expect(lines()).toEqual([expect.stringMatching(/^b preRollback rollback 2 r[0-9a-f]{12} 1 40$/)]);
});

test.each(['before', 'after'] as const)('the deadline holds for the hooks %s the walk too, and ends them', async (when) => {
  const { release = '' } = await change(build('1'));
  const hook = { run: [process.execPath, '-e', 'setTimeout(() => {}, 20_000)'], env: {}, timeout: 60_000, cwd: folder };
  const late = await change(build('2'), { hooks: { before: [], after: [], [when]: [hook] }, deadline: 3_000 });
  expect(late).toMatchObject({ outcome: 'restored', error: { code: 'ND-DEADLINE' } });
  expect(late.durationMs).toBeLessThan(10_000);
  expect((await platform.list())[release]?.weight).toBe(100);
});

test('what a hook prints holds no secret of the release, and no output of it gets into the ledger', async () => {
  const [first, second] = ['first', 'second'].map((name) => `${name}-secret-value`);
  const withSecret = (value = ''): Change => {
    const made = build(value);
    if (made.action !== 'deploy') throw new Error('not a deploy');
    return { ...made, deployable: { ...made.deployable, config: { values: { KEY: value, PLAIN: 'plain-value' }, secrets: ['KEY', 'UNSET'] } } };
  };
  const leaky = { run: [process.execPath, '-e', `console.log(${JSON.stringify(`${first} ${second} plain-value`)}); process.exitCode = 3`], env: {}, timeout: 10_000, cwd: folder };
  const shown = (): readonly string[] => events.flatMap((event) => (event.type === 'output' ? [event.line] : []));
  await change(withSecret(first));
  const failed = await change(withSecret(second), { hooks: { before: [leaky], after: [] } });
  expect(failed).toMatchObject({ outcome: 'restored', error: { code: 'ND-HOOK-FAILED', problems: [`${first} [KEY] plain-value`] } });
  expect(shown()).toEqual([`${first} [KEY] plain-value`]);
  expect((await state.ledger.entries()).at(-1)).toMatchObject({ kind: 'end', error: { code: 'ND-HOOK-FAILED', why: 'it exited with code 3' } });
  expect((await state.ledger.entries()).at(-1)).not.toHaveProperty('error.problems');
  // A rollback has no values at hand: they are read from the sealed store.
  await change(withSecret(second));
  await change({ action: 'rollback' }, { hooks: { before: [leaky], after: [] } });
  expect(shown()).toEqual([`[KEY] ${second} plain-value`]);
});

test('a cancel before anything changed says so', async () => {
  const cancelled = new AbortController();
  cancelled.abort();
  expect(await change(build('1'), {}, cancelled.signal)).toMatchObject({ outcome: 'restored', error: { code: 'ND-CANCELLED' } });
  expect(platform.changes()).toEqual([]);
  expect(await outcomes()).toEqual([]);
});

test('a target that refuses is refused, one that fails has failed, and the lock is free again', async () => {
  jest.spyOn(platform, 'preflight').mockRejectedValueOnce(new DeployError('ND-PORT-TAKEN', { what: 'taken' }));
  expect(await change(build('1'))).toMatchObject({ outcome: 'refused', error: { code: 'ND-PORT-TAKEN' } });
  expect(events).toContainEqual(expect.objectContaining({ type: 'stage', stage: 'preflight', state: 'failed' }));
  jest.spyOn(platform, 'stage').mockRejectedValueOnce(new Error('the disk is gone'));
  expect(await change(build('1'))).toMatchObject({ outcome: 'restored', error: { code: 'ND-INTERNAL', why: 'the disk is gone' } });
  expect(await outcomes()).toEqual([]);
  expect((await change(build('1'))).outcome).toBe('done');
});

test('a release that does not get ready is taken back and stays in the ledger', async () => {
  const { release = '' } = await change(build('1'));
  const planned = await change(build('2'), { dryRun: true });
  expect(planned).toMatchObject({ outcome: 'planned', plan: expect.stringContaining(planned.release ?? 'none') });
  platform.broken.add(planned.release ?? '');
  expect(await change(build('2'))).toMatchObject({ outcome: 'restored', error: { code: 'ND-NOT-READY' } });
  expect(Object.keys(platform.observed())).toEqual([release]);
  expect((await outcomes()).slice(2)).toEqual(['start', 'restored']);
});

test('an address that cannot be put back is not restored', async () => {
  await change(build('1'));
  platform.broken.add((await change(build('2'), { dryRun: true })).release ?? '');
  jest.spyOn(platform, 'revert').mockRejectedValueOnce(new DeployError('ND-PORT-TAKEN', { what: 'taken meanwhile' }));
  expect(await change(build('2'))).toMatchObject({ outcome: 'not-restored', error: { code: 'ND-NOT-READY' }, restoreError: { code: 'ND-PORT-TAKEN' } });
  expect((await outcomes()).at(-1)).toBe('not-restored');
});

test.each(['deploy', 'failing deploy'])('a %s whose record cannot be finished never passes for restored or refused', async (kind) => {
  await change(build('1'));
  const id = (await change(build('2'), { dryRun: true })).release ?? '';
  if (kind !== 'deploy') platform.broken.add(id);
  const append = state.ledger.append.bind(state.ledger);
  jest.spyOn(state.ledger, 'append').mockImplementation((body) => (body.kind === 'end' ? Promise.reject(new DeployError('ND-STATE-DAMAGED', { what: 'the ledger is damaged' })) : append(body)));
  const result = await change(build('2'));
  expect(result).toMatchObject(kind === 'deploy'
    ? { outcome: 'not-restored', release: id, error: { code: 'ND-NOT-RESTORED', why: 'ND-STATE-DAMAGED: the ledger is damaged' } }
    : { outcome: 'restored', error: { code: 'ND-NOT-READY' } });
  expect(events).toContainEqual({ type: 'note', text: 'the record of this run could not be finished: the ledger is damaged' });
  expect(Object.keys(platform.observed()).includes(id)).toBe(kind === 'deploy');
  expect(await state.lock.holder()).toBeUndefined();
});

test('a platform without metrics counts nothing, a gone record of an old release is no obstacle', async () => {
  platform = new StatefulPlatform(state, fleet({ raaaaaaaaaaaa: [2, 100] }));
  jest.spyOn(platform, 'metrics').mockImplementation(() => Promise.reject(new Error('never asked')));
  Object.defineProperty(platform, 'metrics', { value: undefined });
  const result = await change(build('1'));
  expect(result).toMatchObject({ outcome: 'done', previous: 'raaaaaaaaaaaa', traffic: { requests: 0, errors: 0 } });
});

test('a release without a version or a commit names none to its hooks', async () => {
  const made = build('1');
  if (made.action !== 'deploy') throw new Error('no deploy');
  const { manifest: _manifest, ...deployable } = made.deployable;
  const hook = { run: [process.execPath, '-e', 'console.log(process.env.NX_DEPLOY_VERSION, process.env.NX_DEPLOY_COMMIT, process.env.NX_DEPLOY_PREVIOUS)'], env: {}, timeout: 10_000, cwd: folder };
  expect((await change({ ...made, deployable }, { hooks: { before: [hook], after: [] } })).outcome).toBe('done');
  expect(events).toContainEqual({ type: 'output', source: 'preDeploy', line: 'undefined undefined undefined' });
});

test('an address that cannot be asked for makes no other outcome of what was done', async () => {
  jest.spyOn(platform, 'url').mockRejectedValue(new DeployError('ND-INTERRUPTED', { what: 'the platform is gone' }));
  const result = await change(build('1'));
  expect(result).toMatchObject({ outcome: 'done' });
  expect(result.url).toBeUndefined();
  expect(await outcomes()).toEqual(['start', 'done']);
});

test('a plain rollback after an interrupted deploy ends on what ran before it, not one further back', async () => {
  await change(build('1'));
  const { release: second = '' } = await change(build('2'));
  const records = Object.fromEntries((await state.releases.list()).map((release) => [release.id, release]));
  const from = fleet({ [second]: [2, 100] });
  await state.journal.write({
    schema: 1, run: 'run-killed', action: 'deploy', actor: { user: 'ann', host: 'here', pid: 1 }, startedAt: '2026-01-31T12:00:00.000Z', epoch: 1,
    effect: { kind: 'scale', key: second }, from, to: fleet({ rcccccccccccc: [2, 100] }), releases: records, committed: false,
  });
  const back = await change({ action: 'rollback' });
  expect(back).toMatchObject({ outcome: 'done', release: second });
  expect(Object.keys(platform.observed())).toEqual([second]);
});
