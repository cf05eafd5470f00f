import { join } from 'node:path';
import { FakePlatform, fleet, releaseNamed } from '../apply/fake-platform.spec-support.js';
import type { DeployEvent, Desired, Observed, Processes, Release, ReleaseId } from '../model/index.js';
import { fileStateStore, memoryLock, type Action, type LedgerOutcome, type StateStore } from '../releases/index.js';
import { temporaryFolder } from '../shell/programs.spec-support.js';
import { prune } from './prune.js';
import { describeChange, keyChanges } from './report.js';
import type { Change, ChangeRequest } from './request.js';
import { desiredFleet, goalOf } from './target.js';

const root = temporaryFolder('engine');
const [A, B, C, D, E, F] = ['a', 'b', 'c', 'd', 'e', 'f'].map((digit) => `r${digit.repeat(12)}`) as [string, string, string, string, string, string];
let count = 0;

/** The platform in memory with state in files. */
class StatefulPlatform extends FakePlatform {
  private readonly store: StateStore;

  constructor(initial: Desired = {}) {
    super(initial);
    const folder = join(root, String(count += 1));
    this.store = fileStateStore({ folder, keyFile: join(folder, 'target.key'), lock: memoryLock('api') });
  }

  override get state(): StateStore {
    return this.store;
  }

  override async remove(id: ReleaseId): Promise<void> {
    await super.remove(id);
    await this.store.releases.remove(id);
  }

  /** Records a change in the ledger, and its release as stored. */
  async past(...changes: readonly (readonly [Action, ReleaseId, LedgerOutcome?, Processes?])[]): Promise<void> {
    for (const [action, release, outcome = 'done', processes = { web: { fixed: 2 } }] of changes) {
      const common = { run: 'run', action, release, at: new Date().toISOString(), actor: { user: 'u', host: 'h', pid: 1 } };
      await this.store.ledger.append({ ...common, kind: 'start', strategy: 'rolling', processes });
      await this.store.ledger.append({ ...common, kind: 'end', outcome, durationMs: 1 });
      await this.store.releases.put(releaseNamed(release));
      this.staged.add(release);
    }
  }
}

function request(change: Change): ChangeRequest & { readonly change: Change } {
  return {
    run: 'run', actor: { user: 'u', host: 'h', pid: 1 }, service: 'api', environment: 'staging', change, strategy: { name: 'rolling' } as unknown as ChangeRequest['strategy'],
    hooks: { before: [], after: [] }, deadline: 1_000, keep: 2, dryRun: false,
  };
}

const back = (platform: StatefulPlatform, to?: ReleaseId, observed: Observed = platform.observed()): ReturnType<typeof goalOf> =>
  goalOf(platform, request({ action: 'rollback', ...(to === undefined ? {} : { to }) }), observed);

describe('goalOf', () => {
  it('names a release by what it consists of, and seals nothing yet', async () => {
    const platform = new StatefulPlatform();
    const { artifact, spec } = releaseNamed(A);
    const deployable = { artifact, spec, config: { values: { TOKEN: 'secret' }, secrets: ['TOKEN'] }, manifest: { version: '1.0.0' } };
    const goal = async (change: object): Promise<ReleaseId> => (await goalOf(platform, request({ action: 'deploy', deployable: { ...deployable, ...change }, processes: { web: { fixed: 3 } } }), {})).release.id;
    const first = await goalOf(platform, request({ action: 'deploy', deployable, processes: { web: { fixed: 3 } } }), {});
    expect(first).toMatchObject({ release: { id: expect.stringMatching(/^r[0-9a-f]{12}$/), service: 'api', manifest: { version: '1.0.0' }, config: { keys: { TOKEN: expect.any(String) } } }, processes: { web: { fixed: 3 } } });
    expect(JSON.stringify(first)).not.toContain('secret');
    await expect(platform.state.config.open(first.release.config)).rejects.toMatchObject({ code: 'ND-STATE-DAMAGED' });
    // The version says nothing about what runs; each of the others does.
    expect(await goal({ manifest: { version: '2.0.0' } })).toBe(first.release.id);
    const others = await Promise.all([{ nonce: 'again' }, { config: { values: {}, secrets: [] } }, { artifact: { ...artifact, digest: 'sha256:1' } }, { spec: { ...spec, drain: 5 } }].map(goal));
    expect(new Set([first.release.id, ...others]).size).toBe(5);
    expect(desiredFleet(first)).toEqual({ [first.release.id]: { processes: { web: { fixed: 3 } }, weight: 100 } });
  });

  it('goes back to the release before, with as many instances as run', async () => {
    const platform = new StatefulPlatform(fleet({ [B]: [5, 100] }));
    await platform.past(['deploy', A], ['deploy', B], ['deploy', C, 'restored']);
    expect(await back(platform)).toEqual({ release: releaseNamed(A), processes: { web: { fixed: 5 } } });
    await platform.past(['rollback', A]);
    await expect(back(platform)).rejects.toMatchObject({ code: 'ND-RELEASE-UNKNOWN', parts: { what: 'there is no earlier release to go back to' } });
  });

  it('goes back to the one that is named', async () => {
    const platform = new StatefulPlatform(fleet({ [C]: [1, 100] }));
    await platform.past(['deploy', A], ['deploy', B], ['deploy', C]);
    expect((await back(platform, A)).release.id).toBe(A);
    for (const to of [D, '../../etc', '']) {
      await expect(back(platform, to)).rejects.toMatchObject({ code: 'ND-RELEASE-UNKNOWN', parts: { why: `known releases, newest first: ${C}, ${B}, ${A}`, next: 'name one of them with --to' } });
    }
  });

  it('refuses before anything changes when the artifact or the record is gone, or nothing was ever deployed', async () => {
    const platform = new StatefulPlatform(fleet({ [B]: [1, 100] }));
    await expect(back(platform)).rejects.toMatchObject({ code: 'ND-RELEASE-UNKNOWN', parts: { next: 'deploy first' } });
    await platform.past(['deploy', A], ['deploy', B]);
    platform.staged.delete(A);
    await expect(back(platform)).rejects.toMatchObject({ code: 'ND-RELEASE-UNKNOWN', parts: { what: `release "${A}" cannot be rolled back to`, why: `known releases, newest first: ${B}` } });
    platform.staged.add(A);
    await platform.state.releases.remove(A);
    await expect(back(platform)).rejects.toMatchObject({ code: 'ND-RELEASE-UNKNOWN', parts: { what: `the record of release ${A} is gone` } });
    expect(platform.changes()).toEqual([]);
  });

  it('starts as many as were last wanted when nothing runs, and at least one for the traffic', async () => {
    const platform = new StatefulPlatform();
    await platform.past(['deploy', A, 'done', { web: { fixed: 3 } }], ['deploy', B, 'done', { web: { min: 2, max: 4 } }]);
    expect((await back(platform)).processes).toEqual({ web: { min: 2, max: 4 } });
    await platform.past(['deploy', B, 'done', { web: { fixed: 0 } }]);
    expect((await back(platform)).processes).toEqual({ web: { fixed: 1 } });
    expect((await back(platform, A, { [B]: { processes: { worker: { running: 2, ready: 2, draining: 0 } }, weight: 100 } })).processes).toEqual({ web: { fixed: 1 } });
  });
});

describe('prune', () => {
  const run = async (platform: StatefulPlatform, live: ReleaseId, keep = 1): Promise<{ removed: readonly ReleaseId[]; events: DeployEvent[]; left: ReleaseId[] }> => {
    const events: DeployEvent[] = [];
    const removed = await prune({ platform, request: { keep }, emit: (event) => events.push(event) }, live);
    return { removed, events, left: (await platform.state.releases.list()).map(({ id }) => id) };
  };

  it('keeps what is live, runs, succeeded last, was tried last or is in an unfinished change', async () => {
    const platform = new StatefulPlatform(fleet({ [A]: [1, 0], [F]: [1, 100] }));
    await platform.past(['deploy', A], ['deploy', B], ['deploy', C], ['deploy', D, 'restored'], ['deploy', E, 'restored'], ['deploy', F]);
    expect(await run(platform, F)).toEqual({ removed: [B, C], events: [], left: [A, D, E, F] });
    await platform.state.releases.put(releaseNamed(B));
    await platform.state.journal.write({
      schema: 1, run: 'run', action: 'deploy', actor: { user: 'u', host: 'h', pid: 1 }, startedAt: '', epoch: 1, effect: { kind: 'scale', key: '' },
      from: fleet({ [B]: [1, 100] }), to: {}, releases: {}, committed: false,
    });
    expect((await run(platform, F)).removed).toEqual([]);
  });

  it('keeps the last that succeeded', async () => {
    const platform = new StatefulPlatform(fleet({ [F]: [1, 100] }));
    await platform.past(['deploy', A], ['deploy', B], ['deploy', C], ['deploy', D], ['deploy', E], ['deploy', F]);
    expect((await run(platform, F, 5)).left).toEqual([B, C, D, E, F]);
  });

  it('tells what it cannot remove, removes the others, and never fails', async () => {
    const platform = new StatefulPlatform(fleet({ [F]: [1, 100] }));
    await platform.past(['deploy', A], ['deploy', B], ['deploy', C], ['deploy', D], ['deploy', E], ['deploy', F]);
    jest.spyOn(platform, 'remove').mockRejectedValueOnce(new Error('busy'));
    expect(await run(platform, F)).toEqual({ removed: [B, C], events: [{ type: 'note', text: `the old release ${A} could not be removed: an unexpected error: busy` }], left: [A, D, E, F] });
    jest.spyOn(platform, 'list').mockRejectedValueOnce(new Error('gone'));
    expect(await run(platform, F)).toMatchObject({ removed: [], events: [{ type: 'note', text: 'old releases could not be removed: an unexpected error: gone' }] });
  });
});

describe('describeChange', () => {
  it('tells what differs without a value', async () => {
    const platform = new StatefulPlatform();
    const before: Release = { ...releaseNamed(A), config: { digest: '1', keys: { SAME: 'x', CHANGED: 'x', GONE: 'x' } }, artifact: { type: 'files', digest: '', files: 1, bytes: 10 }, manifest: { version: '1' } };
    const now: Release = { ...releaseNamed(B), config: { digest: '2', keys: { SAME: 'x', CHANGED: 'y', NEW: 'x', toString: 'x' } }, artifact: { type: 'files', digest: '', files: 1, bytes: 30 }, manifest: { version: '2' } };
    await platform.state.releases.put(before);
    expect(await describeChange(platform, now, A)).toEqual({
      configuration: { added: ['NEW', 'toString'], removed: ['GONE'], changed: ['CHANGED'] }, size: { bytes: 30, before: 10 }, manifest: { now: { version: '2' }, before: { version: '1' } },
    });
    const first = { configuration: { added: ['SAME', 'CHANGED', 'NEW', 'toString'], removed: [], changed: [] }, size: { bytes: 30 }, manifest: { now: { version: '2' } } };
    expect(await describeChange(platform, now, undefined)).toEqual(first);
    // The one before was removed.
    expect(await describeChange(platform, now, C)).toEqual(first);
    expect((await describeChange(platform, releaseNamed(C), B)).manifest).toEqual({});
    expect(keyChanges({}, {})).toEqual({ added: [], removed: [], changed: [] });
  });
});
