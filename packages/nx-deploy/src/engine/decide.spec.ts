import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CanaryOptions } from '../config/resolved.js';
import type { DeployEvent } from '../model/index.js';
import type { LedgerEntry, StateStore } from '../releases/index.js';
import { runChange } from './change.js';
import { build, request } from './changes.spec-support.js';
import { expirePause, refusePause, waiting, type Waiting } from './decide.js';
import { closeOpenRuns } from './open-runs.js';
import { recover } from './recover.js';
import { repair } from './repair.js';
import type { ChangeRequest, ChangeResult } from './request.js';
import { StatefulPlatform, tempState, type TempState } from './stateful-platform.spec-support.js';

const DAY = 24 * 60 * 60_000;
const canary: CanaryOptions = {
  type: 'canary', steps: [{ weight: 25, soak: 1, approve: { text: 'look at the dashboard', expires: DAY } }], smoke: [], soak: 0, keepWarm: DAY, sticky: false,
};

let temp: TempState;
let state: StateStore;
let platform: StatefulPlatform;
let events: DeployEvent[];
beforeEach(async () => {
  temp = await tempState();
  ({ state } = temp);
  platform = new StatefulPlatform(state);
});
afterEach(() => temp.remove());

function change(what: ChangeRequest['change'], rest: Partial<ChangeRequest> = {}): Promise<ChangeResult> {
  events = [];
  return runChange({ platform, request: request(what, { strategy: canary, ...rest }), emit: (event) => events.push(event), signal: new AbortController().signal });
}

/** A deploy of 2 over 1 that waits at 25 percent. */
async function waitsAt25(expires = DAY): Promise<{ readonly first: string; readonly second: string; readonly run: string }> {
  const first = await change(build('1'));
  const strategy: CanaryOptions = { ...canary, steps: [{ weight: 25, soak: 1, approve: { text: 'look at the dashboard', expires } }] };
  const asked = await change(build('2'), { strategy });
  expect(asked).toMatchObject({ outcome: 'paused', paused: { gate: 'look at the dashboard', expires } });
  return { first: first.release ?? '', second: asked.release ?? '', run: asked.run };
}

/** The question that waits, as it is on record. */
async function asked(): Promise<Waiting> {
  const left = await waiting(platform);
  if (left === undefined) throw new Error('nothing waits');
  return left;
}

function told(entry: LedgerEntry): string {
  return 'outcome' in entry ? `${entry.kind} ${entry.outcome}` : entry.kind;
}

async function ledger(): Promise<readonly string[]> {
  return (await state.ledger.entries()).map(told);
}

test('a deploy that waits holds no lock, has its fleet as it is and its question on record', async () => {
  const { first, second, run } = await waitsAt25();
  expect(await state.lock.holder()).toBeUndefined();
  expect(platform.observed()).toMatchObject({ [first]: { weight: 75 }, [second]: { weight: 25 } });
  expect(await state.journal.read()).toMatchObject({ run, committed: false, paused: { gate: 'look at the dashboard', steps: [{ then: [] }, {}, {}] } });
  expect(await ledger()).toEqual(['start', 'end done', 'start', 'paused']);
});

test('approved: the rest of the walk, one run in the ledger with who said yes and why', async () => {
  const { first, second, run } = await waitsAt25();
  const done = await change({ action: 'approve', note: 'errors are flat' }, { actor: { user: 'bob', host: 'there', pid: 2 } });
  expect(done).toMatchObject({ outcome: 'done', decision: 'approved', release: second, previous: first });
  expect(platform.observed()).toMatchObject({ [first]: { weight: 0, until: expect.any(String) }, [second]: { weight: 100 } });
  expect(await ledger()).toEqual(['start', 'end done', 'start', 'paused', 'approved', 'end done']);
  expect((await state.ledger.entries()).slice(-2)).toMatchObject([{ run, actor: { user: 'bob' }, gate: 'look at the dashboard', note: 'errors are flat' }, { run, release: second, previous: first }]);
  expect(await state.journal.read()).toBeUndefined();
});

test('the time that the answer took is not taken from the warm release', async () => {
  const strategy: CanaryOptions = { ...canary, keepWarm: 60_000 };
  await change(build('1'));
  const asked = await change(build('2'), { strategy });
  expect(asked.outcome).toBe('paused');
  const left = await state.journal.read();
  if (left?.paused === undefined) throw new Error('nothing waits');
  const since = new Date(Date.parse(left.paused.since) - 10 * 60_000).toISOString();
  await state.journal.write({ ...left, paused: { ...left.paused, since } });
  const before = Date.now();
  const done = await change({ action: 'approve' }, { strategy });
  const until = Date.parse(platform.observed()[done.previous ?? '']?.until ?? '');
  expect(until - before).toBeGreaterThan(10 * 60_000);
});

test('the hooks before a deploy do not run again, those after it do', async () => {
  const proof = join(temp.folder, 'hooks');
  const hook = (word: string) => ({ run: ['node', '-e', `require('fs').appendFileSync(${JSON.stringify(proof)}, '${word} ')`], env: {}, timeout: 10_000, cwd: temp.folder });
  const hooks = { before: [hook('before')], after: [hook('after')] };
  await change(build('1'));
  await writeFile(proof, '');
  expect((await change(build('2'), { hooks })).outcome).toBe('paused');
  expect((await change({ action: 'approve' }, { hooks })).outcome).toBe('done');
  const { readFile } = await import('node:fs/promises');
  expect(await readFile(proof, 'utf8')).toBe('before after ');
});

test.each<[string, ChangeRequest['change']]>([['rejected', { action: 'reject', note: 'too slow' }], ['rolled back', { action: 'rollback' }]])('%s: what ran before has all of the traffic again', async (_how, what) => {
  const { first, run } = await waitsAt25();
  expect(await change(what)).toMatchObject({ outcome: 'done', decision: 'rejected', release: first });
  expect(platform.observed()).toEqual({ [first]: expect.objectContaining({ weight: 100 }) });
  expect(await ledger()).toEqual(['start', 'end done', 'start', 'paused', 'rejected', 'end restored']);
  const end = (await state.ledger.entries()).at(-1);
  expect(end).toMatchObject({ run, error: { code: 'ND-REJECTED' } });
  expect(end).not.toHaveProperty('recovered');
  // What a person refused is not taken up again by --resume.
  expect(await change({ action: 'resume', rollbackHooks: { before: [], after: [] } })).toMatchObject({ outcome: 'refused', error: { code: 'ND-NOT-INTERRUPTED' } });
});

test('while it waits nothing else is deployed, resumed or rolled back by name, and nothing is touched', async () => {
  const { first } = await waitsAt25();
  const before = platform.observed();
  for (const what of [build('3'), { action: 'rollback', to: first }, { action: 'resume', rollbackHooks: { before: [], after: [] } }] as const) {
    expect(await change(what)).toMatchObject({ outcome: 'refused', error: { code: 'ND-PAUSED', why: expect.stringContaining('look at the dashboard') } });
  }
  expect(platform.observed()).toEqual(before);
  expect(await ledger()).toEqual(['start', 'end done', 'start', 'paused']);
});

test('a dry run is refused while it waits, as the deploy itself', async () => {
  const { first } = await waitsAt25();
  for (const what of [build('3'), { action: 'rollback' }, { action: 'rollback', to: first }, { action: 'resume', rollbackHooks: { before: [], after: [] } }] as const) {
    expect(await change(what, { dryRun: true })).toMatchObject({ outcome: 'refused', error: { code: 'ND-PAUSED' } });
  }
});

/** What a repair comes to, and what it says. */
async function repaired(): Promise<{ readonly outcome: string; readonly notes: readonly string[] }> {
  const notes: string[] = [];
  const upkeep = { mend: async () => [], withdraw: async () => undefined, erase: async () => undefined };
  const { outcome } = await repair({
    platform: Object.assign(platform, upkeep), request: { run: 'r', actor: { user: 'ann', host: 'h', pid: 1 }, service: 'api', environment: 'staging', order: { action: 'repair' } },
    emit: () => undefined, sweep: async () => ({ files: 0, bytes: 0 }), lease: undefined, say: (note) => notes.push(note), begin: () => undefined,
  });
  return { outcome, notes };
}

test('a recovery and a repair leave it alone', async () => {
  await waitsAt25();
  const before = platform.observed();
  expect(await recover({ platform, actor: { user: 'agent', host: 'h', pid: 1 }, emit: () => undefined })).toBeUndefined();
  expect(await repaired()).toEqual({ outcome: 'unchanged', notes: [expect.stringMatching(/waits for an answer.*approve or reject it$/)] });
  expect(platform.observed()).toEqual(before);
  expect(await ledger()).toEqual(['start', 'end done', 'start', 'paused']);
});

describe('nobody answers in time', () => {
  test('the agent takes it back', async () => {
    const { first } = await waitsAt25(1);
    await new Promise((resolve) => setTimeout(resolve, 5));
    const actor = { user: 'agent', host: 'h', pid: 1 };
    expect(await expirePause({ platform, actor, emit: () => undefined })).toBe(true);
    expect(platform.observed()).toEqual({ [first]: expect.objectContaining({ weight: 100 }) });
    expect(await ledger()).toEqual(['start', 'end done', 'start', 'paused', 'expired', 'end restored']);
    expect(await expirePause({ platform, actor, emit: () => undefined })).toBe(false);
  });

  test('the next deploy takes it back first; an answer comes too late', async () => {
    const { second } = await waitsAt25(1);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await change({ action: 'approve' })).toMatchObject({ outcome: 'refused', error: { code: 'ND-NOT-PAUSED', why: expect.stringContaining('was taken back') } });
    expect(platform.observed()[second]).toBeUndefined();
    expect(await change(build('3'))).toMatchObject({ outcome: 'paused' });
  });

  const actor = { user: 'agent', host: 'h', pid: 1 };

  test('before its time, and while somebody holds the lock, nothing happens', async () => {
    await waitsAt25();
    expect(await expirePause({ platform, actor, emit: () => undefined })).toBe(false);
    await state.journal.write({ ...await asked(), paused: { ...(await asked()).paused, expires: new Date(0).toISOString() } });
    const lease = await state.lock.acquire({ run: 'another', action: 'repair', actor, since: new Date().toISOString() });
    expect(await expirePause({ platform, actor, emit: () => undefined })).toBe(false);
    await lease.release();
    expect(await ledger()).toEqual(['start', 'end done', 'start', 'paused']);
    expect(await expirePause({ platform, actor, emit: () => undefined })).toBe(true);
  });

  test.each<[string, (acquire: StateStore['lock']['acquire']) => StateStore['lock']['acquire']]>([
    ['was answered', (acquire) => async (holder) => { await state.journal.clear(); return acquire(holder); }],
    ['got more time', (acquire) => async (holder) => { const left = await asked(); await state.journal.write({ ...left, paused: { ...left.paused, expires: new Date(Date.now() + DAY).toISOString() } }); return acquire(holder); }],
  ])('what %s just before it would be taken back is left alone, and so is the lock', async (_what, late) => {
    await waitsAt25(1);
    await new Promise((resolve) => setTimeout(resolve, 5));
    const before = platform.observed();
    const acquire = state.lock.acquire.bind(state.lock);
    jest.spyOn(state.lock, 'acquire').mockImplementationOnce(late(acquire));
    expect(await expirePause({ platform, actor, emit: () => undefined })).toBe(false);
    expect(platform.observed()).toEqual(before);
    expect(await state.lock.holder()).toBeUndefined();
  });
});

describe('taken back by itself, as it did badly', () => {
  const actor = { user: 'agent', host: 'h', pid: 1 };

  test('its question is refused with the reason', async () => {
    const { first } = await waitsAt25();
    expect(await refusePause({ platform, actor, emit: () => undefined }, await asked(), 'it crashed')).toBe(true);
    expect(platform.observed()).toEqual({ [first]: expect.objectContaining({ weight: 100 }) });
    expect((await state.ledger.entries()).find(({ kind }) => kind === 'rejected')).toMatchObject({ note: 'it crashed', actor });
  });

  test('a later question of the same change, or none any more, is left alone', async () => {
    await waitsAt25();
    const seen = await asked();
    const before = platform.observed();
    expect(await refusePause({ platform, actor, emit: () => undefined }, { ...seen, paused: { ...seen.paused, since: new Date(0).toISOString() } }, 'it crashed')).toBe(false);
    await state.journal.clear();
    expect(await refusePause({ platform, actor, emit: () => undefined }, seen, 'it crashed')).toBe(false);
    expect(platform.observed()).toEqual(before);
    expect(await state.lock.holder()).toBeUndefined();
  });
});

test('a refusal that cannot be carried out says so, with what failed', async () => {
  const { first, second } = await waitsAt25();
  platform.watch = (name) => { if (name.startsWith('route')) platform.fault = { at: platform.calls.length - 1, kind: 'before', forever: true }; };
  expect(await change({ action: 'reject', note: 'too slow' })).toMatchObject({ outcome: 'not-restored', decision: 'rejected', error: { code: 'ND-REJECTED' }, restoreError: { code: 'ND-AGENT-FAILED' } });
  expect(platform.observed()).toMatchObject({ [first]: { weight: 75 }, [second]: { weight: 25 } });
});

test('an answer to nothing is refused', async () => {
  await change(build('1'));
  for (const action of ['approve', 'reject'] as const) expect(await change({ action })).toMatchObject({ outcome: 'refused', error: { code: 'ND-NOT-PAUSED' } });
});

describe('its journal is gone', () => {
  const asks = ([{ action: 'approve' }, { action: 'reject' }, { action: 'rollback' }, build('3')] as const).map((what): [string, ChangeRequest['change']] => [what.action, what]);

  test.each(asks)('%s is refused, and nothing is touched', async (_action, what) => {
    const { run } = await waitsAt25();
    await state.journal.clear();
    const before = platform.observed();
    for (const dryRun of what.action === 'deploy' ? [false, true] : [false]) {
      expect(await change(what, { dryRun })).toMatchObject({ outcome: 'refused', error: { code: 'ND-STATE-DAMAGED', what: expect.stringContaining(run), next: expect.stringContaining('repair') } });
    }
    expect(platform.observed()).toEqual(before);
    expect(await ledger()).toEqual(['start', 'end done', 'start', 'paused']);
  });

  test('an agent leaves it as it is, and a repair gives the traffic back', async () => {
    const { first } = await waitsAt25();
    await state.journal.clear();
    expect(await closeOpenRuns({ platform, actor: { user: 'agent', host: 'h', pid: 1 }, unattended: true })).toEqual([]);
    expect(await repaired()).toMatchObject({ outcome: 'done' });
    expect(platform.observed()).toMatchObject({ [first]: { weight: 100 } });
    expect(await ledger()).toEqual(['start', 'end done', 'start', 'paused', 'end restored']);
    expect(await change({ action: 'approve' })).toMatchObject({ error: { code: 'ND-NOT-PAUSED' } });
    expect(await change(build('3'))).toMatchObject({ outcome: 'paused' });
  });
});

test('a kill right after the approval is like any other: the next command goes back', async () => {
  const { first } = await waitsAt25();
  const write = state.journal.write.bind(state.journal);
  let writes = 0;
  const killed = new Promise<never>(() => undefined);
  const dying: StateStore = { ...state, journal: { ...state.journal, write: (record) => { writes += 1; return writes > 2 ? killed : write(record); } } };
  const left = new StatefulPlatform(dying, platform.observed() as never);
  void runChange({ platform: left, request: request({ action: 'approve' }, { strategy: canary, deadline: 300 }), emit: () => undefined, signal: new AbortController().signal });
  while (writes < 3) await new Promise((resolve) => setTimeout(resolve, 1));
  const lock = await state.lock.holder();
  if (lock !== undefined) await state.lock.revoke(lock.run);
  const next = new StatefulPlatform(state, left.observed() as never);
  expect(await recover({ platform: next, actor: { user: 'ann', host: 'h', pid: 1 }, emit: () => undefined })).toMatchObject({ way: 'back' });
  expect(next.observed()).toMatchObject({ [first]: { weight: 100 } });
});
