import { fleet, releaseNamed } from '../apply/fake-platform.spec-support.js';
import { liveRelease, type DeployEvent } from '../model/index.js';
import { STATE_SCHEMA, type JournalRecord } from '../releases/index.js';
import { runChange } from './change.js';
import { recover } from './recover.js';
import type { ChangeRequest, ChangeResult, Hooks } from './request.js';
import { StatefulPlatform, tempState, type TempState } from './stateful-platform.spec-support.js';

const OLD = 'raaaaaaaaaaaa';
const NEW = 'rbbbbbbbbbbbb';
const actor = { user: 'ann', host: 'here', pid: 1 };
const none: Hooks = { before: [], after: [] };

let temp: TempState;
let platform: StatefulPlatform;
let events: DeployEvent[];
beforeEach(async () => {
  temp = await tempState();
  events = [];
});
afterEach(() => temp.remove());

let runs = 0;
function resume(rest: Partial<ChangeRequest> = {}, rollbackHooks = none, signal = new AbortController().signal): Promise<ChangeResult> {
  runs += 1;
  const request: ChangeRequest = {
    run: `run-resume-${runs}`, actor, service: 'api', environment: 'staging', change: { action: 'resume', rollbackHooks },
    strategy: { type: 'rolling', batch: 50 }, hooks: none, deadline: 20_000, keep: 5, dryRun: false, ...rest,
  };
  return runChange({ platform, request, emit: (event) => events.push(event), signal });
}

/** What a run that was killed in the middle left. */
async function killed(rest: Partial<JournalRecord> = {}): Promise<void> {
  platform = new StatefulPlatform(temp.state, fleet({ [OLD]: [1, 50], [NEW]: [1, 50] }));
  const config = await temp.state.config.seal({ values: { KEY: 'value' }, secrets: [] });
  const journal: JournalRecord = {
    schema: STATE_SCHEMA, run: 'run-killed', action: 'deploy', actor, startedAt: new Date().toISOString(), epoch: 4, effect: { kind: 'scale', key: `${NEW} web=1` },
    from: fleet({ [OLD]: [2, 100] }), to: fleet({ [NEW]: [2, 100] }), releases: { [OLD]: releaseNamed(OLD), [NEW]: { ...releaseNamed(NEW), config } }, committed: false, ...rest,
  };
  for (const id of [OLD, NEW]) await temp.state.releases.put({ ...releaseNamed(id), config });
  const { run, action } = journal;
  if (action !== 'repair') await temp.state.ledger.append({ kind: 'start', run, action, release: NEW, previous: OLD, at: journal.startedAt, actor, strategy: 'rolling', processes: { web: { fixed: 2 } } });
  await temp.state.journal.write(journal);
}

const says = (text: string, line: string): Hooks['after'][number] => ({ run: [process.execPath, '-e', `console.log(${JSON.stringify(text)}, ${line})`], env: {}, timeout: 10_000, cwd: '/' });
const output = (): readonly string[] => events.flatMap((event) => (event.type === 'output' ? [event.line] : []));

test('goes on to what was wanted, runs the hooks behind it, and ends the record of the interrupted run', async () => {
  await killed();
  const result = await resume({ hooks: { before: [], after: [says('after', 'process.env.NX_DEPLOY_RELEASE, process.env.NX_DEPLOY_PREVIOUS, process.env.NX_DEPLOY_INSTANCES')] } });
  expect(result).toMatchObject({ outcome: 'done', action: 'deploy', release: NEW, previous: OLD, run: expect.stringMatching(/^run-resume/) });
  expect(platform.observed()).toMatchObject({ [NEW]: { weight: 100, processes: { web: { running: 2, ready: 2 } } } });
  expect(platform.observed()[OLD]).toBeUndefined();
  expect(output()).toEqual([`after ${NEW} ${OLD} 2`]);
  expect((await temp.state.ledger.entries()).at(-1)).toMatchObject({ kind: 'end', run: 'run-killed', outcome: 'done', recovered: true });
  expect(await temp.state.journal.read()).toBeUndefined();
  expect(await temp.state.lock.holder()).toBeUndefined();
  expect(await resume()).toMatchObject({ outcome: 'refused', error: { code: 'ND-NOT-INTERRUPTED' } });
});

test('an interrupted rollback is a rollback, with its own hooks', async () => {
  await killed({ action: 'rollback' });
  const rollback = { before: [], after: [says('rollback', 'process.env.NX_DEPLOY_HOOK, process.env.NX_DEPLOY_ACTION')] };
  expect(await resume({ hooks: { before: [], after: [says('deploy', '1')] } }, rollback)).toMatchObject({ outcome: 'done', action: 'rollback' });
  expect(output()).toEqual(['rollback postRollback rollback']);
});

test('what a recovery has taken back meanwhile is deployed again as stored', async () => {
  await killed();
  await recover({ platform, actor, emit: () => undefined });
  expect(liveRelease(platform.observed())).toBe(OLD);
  expect(await resume({ dryRun: true })).toMatchObject({ outcome: 'planned', release: NEW });
  const result = await resume({ hooks: { before: [says('before', '1')], after: [] } });
  expect(result).toMatchObject({ outcome: 'done', action: 'deploy', release: NEW, previous: OLD });
  expect(output()).toEqual(['before 1']);
  expect(liveRelease(platform.observed())).toBe(NEW);
  expect((await resume()).error).toMatchObject({ code: 'ND-NOT-INTERRUPTED' });
});

test('a hook that fails leaves it unfinished and says so; what ran keeps running', async () => {
  await killed();
  const result = await resume({ hooks: { before: [], after: [{ run: [process.execPath, '-e', 'process.exit(3)'], env: {}, timeout: 10_000, cwd: '/' }] } });
  expect(result).toMatchObject({ outcome: 'not-restored', error: { code: 'ND-HOOK-FAILED' }, restoreError: { code: 'ND-NOT-RESTORED' } });
  expect(await temp.state.journal.read()).toMatchObject({ run: 'run-killed' });
  expect(platform.stranded).toEqual([]);
  expect(await resume()).toMatchObject({ outcome: 'done' });
});

test('a cancelled resume stays unfinished', async () => {
  await killed();
  const cancel = new AbortController();
  platform.watch = (call) => { if (call.startsWith('scale')) cancel.abort(); };
  expect(await resume({}, none, cancel.signal)).toMatchObject({ outcome: 'not-restored', error: { code: 'ND-CANCELLED' } });
  expect(await temp.state.journal.read()).toBeDefined();
});

test('nothing interrupted, never deployed, or a run that ended well: refused', async () => {
  platform = new StatefulPlatform(temp.state);
  expect(await resume()).toMatchObject({ outcome: 'refused', error: { code: 'ND-NOT-INTERRUPTED' } });
  const common = { run: 'run-1', action: 'deploy', release: NEW, at: '', actor } as const;
  await temp.state.ledger.append({ ...common, kind: 'start', strategy: 'rolling', processes: {} });
  await temp.state.ledger.append({ ...common, kind: 'end', outcome: 'restored', durationMs: 1 });
  expect(await resume()).toMatchObject({ outcome: 'refused', error: { code: 'ND-NOT-INTERRUPTED' } });
  await temp.state.ledger.append({ ...common, kind: 'end', outcome: 'restored', durationMs: 1, recovered: true });
  // Its record was removed since.
  expect(await resume()).toMatchObject({ outcome: 'refused', error: { code: 'ND-NOT-INTERRUPTED' } });
});

test('a journal that wanted nothing, and one whose files are gone, cannot be resumed', async () => {
  await killed({ to: {} });
  expect(await resume()).toMatchObject({ outcome: 'refused', error: { code: 'ND-NOT-INTERRUPTED' } });
  await killed();
  platform.staged.delete(NEW);
  expect(await resume()).toMatchObject({ outcome: 'refused', error: { code: 'ND-ARTIFACT-MISSING', why: expect.stringContaining(NEW) } });
  expect(platform.changes()).toEqual([]);
});

test('a run whose lease was taken away does nothing more, and leaves the record to others', async () => {
  await killed();
  let taken: string | undefined;
  platform.watch = (call) => {
    if (!call.startsWith('scale') || taken !== undefined) return;
    taken = `run-resume-${runs}`;
    void temp.state.lock.revoke(taken);
  };
  const result = await resume();
  expect(result).toMatchObject({ outcome: 'not-restored', error: { code: 'ND-LEASE-LOST' } });
  expect(platform.changes()).toHaveLength(1);
  expect(await temp.state.journal.read()).toMatchObject({ run: 'run-killed' });
  platform.watch = () => undefined;
  expect((await resume()).outcome).toBe('done');
});
