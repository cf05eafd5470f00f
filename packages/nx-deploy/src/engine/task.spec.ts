import { fleet, releaseNamed } from '../apply/fake-platform.spec-support.js';
import { DeployError } from '../errors.js';
import type { Desired, DeployEvent, Observed } from '../model/index.js';
import type { Upkeep } from '../platforms/platform.js';
import { STATE_SCHEMA, type LedgerOutcome } from '../releases/index.js';
import { StatefulPlatform, tempState, type TempState } from './stateful-platform.spec-support.js';
import { runTask, type TaskContext, type TaskOrder, type TaskResult } from './task.js';

const OLD = 'raaaaaaaaaaaa';
const NEW = 'rbbbbbbbbbbbb';
const actor = { user: 'ann', host: 'here', pid: 1 };
const NOTHING = { files: 0, bytes: 0 };

let temp: TempState;
let platform: StatefulPlatform;
let events: DeployEvent[];
let upkeep: Upkeep;
let calls: string[];
beforeEach(async () => {
  temp = await tempState();
  events = [];
  calls = [];
  upkeep = {
    mend: () => Promise.resolve([]),
    withdraw: async () => {
      calls.push('withdraw');
      await platform.route(Object.fromEntries(Object.keys(platform.observed()).map((id) => [id, 0])));
    },
    erase: () => {
      calls.push('erase');
      return Promise.resolve();
    },
  };
});
afterEach(() => temp.remove());

function runs(desired: Desired, unready: readonly string[] = []): void {
  platform = new StatefulPlatform(temp.state, desired, unready);
}

function task(order: TaskOrder, sweep: TaskContext['sweep'] = () => Promise.resolve(NOTHING)): Promise<TaskResult> {
  // The fake's methods stand on its prototype.
  const whole = Object.assign(platform, upkeep);
  return runTask({ platform: whole, request: { run: 'run-task', actor, service: 'api', environment: 'staging', order }, emit: (event) => events.push(event), sweep });
}

const repair = (): Promise<TaskResult> => task({ action: 'repair' });

let changes = 0;
async function past(release: string, outcome: LedgerOutcome | 'open' = 'done', count = 2): Promise<void> {
  changes += 1;
  const common = { run: `run-${changes}`, action: 'deploy', release, at: '2026-01-31T12:00:00.000Z', actor } as const;
  await temp.state.releases.put(releaseNamed(release));
  await temp.state.ledger.append({ ...common, kind: 'start', strategy: 'rolling', processes: { web: { fixed: count } } });
  if (outcome !== 'open') await temp.state.ledger.append({ ...common, kind: 'end', outcome, durationMs: 1 });
}

describe('the frame', () => {
  it('is refused while another holds the lock, and names it', async () => {
    runs({});
    await temp.state.lock.acquire({ run: 'run-other', action: 'destroy', actor, since: 'then' });
    const result = await repair();
    expect(result).toMatchObject({ outcome: 'refused', action: 'repair', run: 'run-task', service: 'api', environment: 'staging', error: { code: 'ND-LOCKED', why: expect.stringContaining('run-other') } });
    expect(result.durationMs).toBeGreaterThanOrEqual(0);
    expect((await temp.state.lock.holder())?.run).toBe('run-other');
  });

  it('gives the lock back, also after a failure that nobody expected', async () => {
    runs({});
    jest.spyOn(platform, 'list').mockRejectedValue(new Error('the platform is gone'));
    expect(await repair()).toMatchObject({ outcome: 'not-restored', error: { code: 'ND-INTERNAL', why: 'the platform is gone' } });
    expect(await temp.state.lock.holder()).toBeUndefined();
  });
});

describe('repair', () => {
  it('finds nothing where nothing was deployed, or all is as it was wanted', async () => {
    runs({});
    expect(await repair()).toMatchObject({ outcome: 'unchanged', notes: [] });
    await past(OLD);
    runs(fleet({ [OLD]: [2, 100] }));
    expect(await repair()).toMatchObject({ outcome: 'unchanged', notes: [] });
    expect(platform.changes()).toEqual([]);
  });

  it('starts what is missing, and gives the release of the last success all of the traffic', async () => {
    await past(OLD);
    runs(fleet({ [OLD]: [1, 50], [NEW]: [1, 50] }));
    const result = await repair();
    expect(result).toMatchObject({ outcome: 'done' });
    expect(result.notes).toEqual([
      `found: ${OLD} web: 1 running, 2 wanted`, `found: ${NEW} web: 1 running, 0 wanted`, `found: ${OLD} has 50 percent of the traffic, 100 wanted`,
      `found: ${NEW} has 50 percent of the traffic, 0 wanted`, `${OLD} runs as it should and has all of the traffic`,
    ]);
    expect(platform.observed()).toEqual({ [OLD]: { weight: 100, processes: { web: { running: 2, ready: 2, draining: 0 } } } });
    expect(platform.stranded).toEqual([]);
    expect(await temp.state.journal.read()).toBeUndefined();
  });

  it('leaves the traffic where it is healthy when the last success cannot serve', async () => {
    await past(OLD);
    await temp.state.releases.put(releaseNamed(NEW));
    runs(fleet({ [OLD]: [1, 20], [NEW]: [3, 80] }), [OLD]);
    const result = await repair();
    expect(result).toMatchObject({ outcome: 'done' });
    expect(result.notes).toContain(`found: ${OLD} web: 1 of 1 instances not ready`);
    expect(platform.observed()).toEqual({ [NEW]: { weight: 100, processes: { web: { running: 3, ready: 3, draining: 0 } } } });
  });

  it('starts the last success again when nothing runs, and takes a route away that leads nowhere', async () => {
    await past(OLD, 'done', 3);
    runs(fleet({ [NEW]: [0, 100] }));
    platform.staged.add(OLD);
    const result = await repair();
    expect(result).toMatchObject({ outcome: 'done' });
    expect(result.notes).toContain(`found: the route names ${NEW}, which has no instances`);
    expect(platform.observed()).toEqual({ [OLD]: { weight: 100, processes: { web: { running: 3, ready: 3, draining: 0 } } } });
  });

  it('leaves a warm release alone', async () => {
    await past(OLD);
    runs(fleet({ [OLD]: [1, 100], [NEW]: [1, 0] }));
    const warm = (observed: Observed): Observed => Object.fromEntries(Object.entries(observed).map(([id, release]) => [id, id === NEW ? { ...release, until: '2099-01-01T00:00:00.000Z' } : release]));
    jest.spyOn(platform, 'list').mockImplementation(() => Promise.resolve(warm(platform.observed())));
    await temp.state.releases.put(releaseNamed(NEW));
    expect(await repair()).toMatchObject({ outcome: 'done' });
    expect(platform.observed()[NEW]).toMatchObject({ processes: { web: { running: 1 } } });
    expect(platform.observed()[OLD]).toMatchObject({ processes: { web: { running: 2 } } });
  });

  it('says when it cannot put it right, and leaves what runs', async () => {
    await past(OLD);
    runs(fleet({ [OLD]: [1, 100] }));
    platform.broken.add(OLD);
    expect(await repair()).toMatchObject({ outcome: 'not-restored', error: { code: 'ND-NOT-READY' } });
    expect(platform.observed()[OLD]).toMatchObject({ weight: 100, processes: { web: { ready: 1 } } });
    expect(await temp.state.journal.read()).toBeUndefined();
  });

  it('stops when its lease is taken away, and what it did is journalled as a way forward', async () => {
    await past(OLD);
    runs(fleet({ [OLD]: [1, 100] }));
    platform.watch = (call) => { if (call.startsWith('scale')) void temp.state.lock.revoke('run-task'); };
    expect(await repair()).toMatchObject({ outcome: 'not-restored', error: { code: 'ND-LEASE-LOST' } });
    expect(await temp.state.journal.read()).toMatchObject({ run: 'run-task', action: 'repair', committed: true, to: fleet({ [OLD]: [2, 100] }) });
    platform.watch = () => undefined;
    const next = await repair();
    expect(next.notes).toEqual(expect.arrayContaining([expect.stringMatching(/^the repair run-task of .* was interrupted at /), 'recovery goes forward']));
    expect(platform.observed()[OLD]).toMatchObject({ processes: { web: { running: 2, ready: 2 } } });
    expect((await temp.state.ledger.entries()).map(({ kind }) => kind)).toEqual(['start', 'end']);
  });

  it('keeps the record of a change that it cannot bring to an end', async () => {
    await past(OLD);
    runs(fleet({ [OLD]: [1, 100] }));
    platform.broken.add(OLD);
    await temp.state.journal.write({
      schema: STATE_SCHEMA, run: 'run-killed', action: 'deploy', actor, startedAt: '2026-01-31T12:00:00.000Z', epoch: 1, effect: { kind: 'scale', key: OLD },
      from: fleet({ [OLD]: [2, 100] }), to: fleet({ [NEW]: [2, 100] }), releases: { [OLD]: releaseNamed(OLD), [NEW]: releaseNamed(NEW) }, committed: false,
    });
    expect(await repair()).toMatchObject({ outcome: 'not-restored', error: { code: 'ND-NOT-READY' } });
    expect(await temp.state.journal.read()).toMatchObject({ run: 'run-killed' });
  });

  it('gives runs without an end the one that is seen, in the ledger', async () => {
    await past(OLD);
    await past(NEW, 'open');
    runs(fleet({ [OLD]: [2, 100] }));
    const result = await repair();
    expect(result).toMatchObject({ outcome: 'done', notes: [expect.stringMatching(/^the deploy run-\d+ had no end on record; it is closed as restored$/)] });
    expect((await temp.state.ledger.entries()).at(-1)).toMatchObject({ kind: 'end', release: NEW, outcome: 'restored', recovered: true });
    expect(await repair()).toMatchObject({ outcome: 'unchanged' });
  });

  it('counts what the platform mended, and refuses with nothing changed what it cannot read', async () => {
    runs({});
    upkeep = { ...upkeep, mend: () => Promise.resolve(['removed 1 file']) };
    expect(await repair()).toMatchObject({ outcome: 'done', notes: ['removed 1 file'] });
    upkeep = { ...upkeep, mend: () => Promise.reject(new DeployError('ND-STATE-NEWER', { what: 'newer' })) };
    expect(await repair()).toMatchObject({ outcome: 'refused', error: { code: 'ND-STATE-NEWER' } });
  });
});

describe('prune', () => {
  it('tells of a release that could not be removed, and of content that could not be looked through', async () => {
    await past(OLD);
    await past(NEW);
    runs(fleet({ [NEW]: [2, 100] }));
    jest.spyOn(platform, 'remove').mockRejectedValueOnce(new Error('read-only'));
    const result = await task({ action: 'prune', keep: 1, dryRun: false }, () => Promise.reject(new Error('no such disk')));
    expect(result).toMatchObject({ outcome: 'unchanged', removed: { releases: [], content: NOTHING }, notes: [expect.stringMatching(/^stored content was left as it is: .*no such disk$/)] });
    expect(events).toContainEqual({ type: 'note', text: expect.stringMatching(new RegExp(`^the old release ${OLD} could not be removed: .*read-only$`)) });
    expect(await task({ action: 'prune', keep: 1, dryRun: false })).toMatchObject({ outcome: 'done', removed: { releases: [{ id: OLD, bytes: 1 }] } });
  });

  it('counts content alone as something done', async () => {
    runs({});
    expect(await task({ action: 'prune', keep: 1, dryRun: false }, () => Promise.resolve({ files: 2, bytes: 30 }))).toMatchObject({ outcome: 'done', removed: { content: { files: 2, bytes: 30 } } });
  });
});

describe('destroy', () => {
  const destroy = (): Promise<TaskResult> => task({ action: 'destroy', dryRun: false });

  it('closes the address before it ends anything, and erases last', async () => {
    await past(OLD);
    runs(fleet({ [OLD]: [2, 100], [NEW]: [1, 0] }));
    platform.watch = (call) => { if (/^(scale|remove)/.test(call)) calls.push(call); };
    expect(await destroy()).toMatchObject({ outcome: 'done', removed: { releases: [{ id: OLD, bytes: 1 }] } });
    expect(calls[0]).toBe('withdraw');
    expect([...calls.slice(1, 3)].sort()).toEqual([`scale ${OLD} web=0`, `scale ${NEW} web=0`]);
    expect(calls.slice(3)).toEqual([`remove ${OLD}`, 'erase']);
    expect((await temp.state.ledger.entries()).slice(-2)).toMatchObject([{ kind: 'destroy', releases: [OLD] }, { kind: 'destroyed', run: 'run-task' }]);
  });

  it('is not done while something still runs', async () => {
    await past(OLD);
    runs(fleet({ [OLD]: [2, 100] }));
    platform.stuck.add(OLD);
    expect(await destroy()).toMatchObject({ outcome: 'not-restored', error: { code: 'ND-NOT-RESTORED', what: expect.stringContaining(OLD) } });
    expect(calls).not.toContain('erase');
    expect((await temp.state.ledger.entries()).at(-1)).toMatchObject({ kind: 'destroy' });
  });

  it('goes on to the end although a release cannot be removed by itself', async () => {
    await past(OLD);
    runs({});
    jest.spyOn(platform, 'remove').mockRejectedValueOnce(new Error('read-only'));
    expect(await destroy()).toMatchObject({ outcome: 'done', notes: [] });
    expect(calls).toEqual(['withdraw', 'erase']);
  });

  it('changes nothing when its beginning cannot be recorded, and nothing more when its lease is lost', async () => {
    await past(OLD);
    runs(fleet({ [OLD]: [2, 100] }));
    jest.spyOn(temp.state.ledger, 'append').mockRejectedValueOnce(new DeployError('ND-STATE-NEWER', { what: 'a newer ledger' }));
    expect(await destroy()).toMatchObject({ outcome: 'refused' });
    expect(calls).toEqual([]);
    upkeep = { ...upkeep, withdraw: async () => { await temp.state.lock.revoke('run-task'); } };
    expect(await destroy()).toMatchObject({ outcome: 'not-restored', error: { code: 'ND-LEASE-LOST' } });
    expect(calls).not.toContain('erase');
  });
});
