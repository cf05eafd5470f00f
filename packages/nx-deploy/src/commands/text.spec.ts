import type { ServiceStatus } from '../control/protocol.js';
import type { ChangeResult } from '../engine/request.js';
import { agentLines, logText, statusLines, summaryLines } from './text.js';

const release = 'r0123456789ab';
const change: ChangeResult = {
  outcome: 'done', run: 'run-1', action: 'deploy', service: 'api', environment: 'staging', release, durationMs: 1_500, stages: { record: 10, walk: 1_000 },
};
const facts = { commits: [], project: '@acme/api', color: false };

describe('summaryLines', () => {
  test('of a first deploy: stages in their order, commands to go on with, no way back', () => {
    const lines = summaryLines({ ...facts, result: { ...change, traffic: { requests: 7, errors: 1 }, ledgerHead: 'a'.repeat(64) } });
    expect(lines[0]).toBe('deployed: api staging in 1.5s');
    const text = lines.join('\n');
    expect(text).toMatch(/walk 1\.0s, record 10ms/);
    expect(text).toMatch(/7 seen, 1 failed/);
    expect(text).toContain('nx run @acme/api:logs --configuration=staging');
    expect(text).not.toContain('rollback');
    expect(lines.at(-1)).toBe(`  ledger    ${'a'.repeat(16)}`);
  });

  test('with a release before it: the commits and the way back', () => {
    const text = summaryLines({ ...facts, commits: [{ hash: 'f'.repeat(40), subject: 'fix: it' }], result: { ...change, previous: 'rba9876543210' } }).join('\n');
    expect(text).toContain('ffffffffff fix: it');
    expect(text).toContain('nx run @acme/api:rollback --configuration=staging');
  });

  test('a refused one has none, a dry run its plan', () => {
    expect(summaryLines({ ...facts, result: { ...change, outcome: 'refused' } })).toEqual([]);
    expect(summaryLines({ ...facts, result: { ...change, outcome: 'planned', plan: 'one\ntwo' } })).toEqual(['one', 'two', 'dry run: nothing was changed']);
    expect(summaryLines({ ...facts, result: { ...change, outcome: 'planned' } })).toEqual(['', 'dry run: nothing was changed']);
  });

  test('what could not be restored offers no way back', () => {
    const text = summaryLines({ ...facts, result: { ...change, outcome: 'not-restored', previous: 'rba9876543210' } }).join('\n');
    expect(text).toContain('could NOT be restored');
    expect(text).not.toContain(':rollback');
  });
});

const status: ServiceStatus = {
  service: 'api', environment: 'staging', platform: 'local', deployed: true, fleet: {}, instances: [], traffic: {},
  releases: [{ id: release, at: '2026-01-31T12:00:00.123Z', action: 'deploy', outcome: 'restored', by: 'ann@there', available: false }],
  ledger: { ok: true, entries: 2, head: 'b'.repeat(64) },
};

describe('statusLines', () => {
  test('nothing has traffic: history only, and what is gone is marked', () => {
    const lines = statusLines(status, { shadowed: [] });
    expect(lines[0]).toBe('api staging on local: no release has traffic');
    expect(lines.join('\n')).toMatch(/^2026-01-31T12:00:00Z +r0123456789ab +deploy +restored +ann@there +gone$/m);
    expect(lines.join('\n')).not.toContain('instance');
  });

  test('a service all of whose releases failed is not "never deployed"', () => {
    expect(statusLines({ ...status, deployed: false }, { shadowed: [] })[0]).toBe('api staging on local: no release has traffic');
    expect(statusLines({ ...status, deployed: false, releases: [] }, { shadowed: ['logs'] })).toEqual([
      'api staging on local: never deployed', 'warning: the script logs of package.json replaces the target logs of nx-deploy; rename one of them',
    ]);
  });

  test('a lock and an interrupted change stand right below the headline', () => {
    const actor = { user: 'ann', host: 'there', pid: 1 };
    const lines = statusLines({
      ...status, live: release,
      lock: { run: 'run-2', action: 'rollback', actor, since: '2026-01-31T12:00:00Z' },
      interrupted: { run: 'run-1', action: 'deploy', since: '2026-01-31T11:00:00Z', at: 'scale r1 web=2' },
    }, { shadowed: [] });
    expect(lines[0]).toBe(`api staging on local: ${release} is live`);
    expect(lines[1]).toBe('rollback run-2 is under way, by ann@there since 2026-01-31T12:00:00Z; status --follow watches it');
    expect(lines[2]).toMatch(/^the deploy run-1 of 2026-01-31T11:00:00Z was interrupted at scale r1 web=2; /);
  });

  test('fleet and instances: shares, warm ones, missing processes, and why one is not ready', () => {
    const text = statusLines({
      ...status, live: release,
      fleet: { [release]: { weight: 90, processes: { web: { running: 2, ready: 1, draining: 1 } } }, rba9876543210: { weight: 10, until: '2026-01-31T13:00:00Z', processes: { web: { running: 1, ready: 1, draining: 0 } } } },
      traffic: { [release]: { requests: 10, errors: 2, p95: 12 } },
      instances: [
        { id: 'web.1', release, state: 'ready', reason: 'it answers', port: 4001, pid: 11, crashes: 0 },
        { id: 'web.2', release, state: 'backoff', reason: 'it exited with code 1', port: 4002, crashes: 3 },
        { id: 'worker.1', release, state: 'starting', reason: 'just started', port: 0, pid: 12, crashes: 0 },
      ],
      ledger: { ok: false, entries: 1, head: '', broken: 'line 2' },
    }, { shadowed: [] }).join('\n');
    expect(text).toMatch(/^r0123456789ab +web +90% +2 +1 +1 +10 +2 +12ms/m);
    expect(text).toMatch(/^rba9876543210 +web +10% +1 +1 +0 +2026-01-31T13:00:00Z +0 +0 +0ms/m);
    expect(text).toMatch(/^web\.1 +r0123456789ab +ready +11 +4001 +0 *$/m);
    expect(text).toMatch(/^web\.2 +r0123456789ab +backoff +- +4002 +3 +it exited with code 1$/m);
    expect(text).toMatch(/^worker\.1 +r0123456789ab +starting +12 +- +0 +just started$/m);
    expect(text).toContain('ledger: BROKEN, line 2');
  });

  test('of the changes that led to the live release only the newest that succeeded is marked live', () => {
    const row = { id: release, action: 'deploy', by: 'ann@there', available: true };
    const lines = statusLines({
      ...status, live: release,
      releases: [
        { ...row, at: '2026-01-31T15:00:00Z', outcome: 'restored' },
        { ...row, at: '2026-01-31T14:00:00Z', outcome: 'done', action: 'rollback' },
        { ...row, at: '2026-01-31T13:00:00Z', outcome: 'done', id: 'rba9876543210' },
        { ...row, at: '2026-01-31T12:00:00Z', outcome: 'done' },
      ],
    }, { shadowed: [] });
    expect(lines.filter((line) => line.trimEnd().endsWith(' live') && line.startsWith('2026'))).toEqual([expect.stringMatching(/^2026-01-31T14:00:00Z +r0123456789ab +rollback +done/)]);
  });

  test('a broken ledger without a place still says so', () => {
    expect(statusLines({ ...status, ledger: { ok: false, entries: 0, head: '' } }, { shadowed: [] })).toContain('ledger: BROKEN, ');
  });
});

test('agentLines: with no agent, without services, with one that has no address', () => {
  const hello = { protocol: 1, version: '1', pid: 7, startedAt: 'then', home: '/home', log: '/home/log' };
  expect(agentLines(undefined, [], '/home')).toEqual(['no agent runs (home /home)']);
  expect(agentLines(hello, [], '/home')).toEqual(['agent process 7 since then', 'home /home', 'log /home/log']);
  const services = [{ key: { workspace: 'acme', environment: 'staging', service: 'api' }, instances: 2 }];
  expect(agentLines(hello, services, '/home').at(-1)).toMatch(/^api +staging +acme +2 *$/);
});

test('a log line keeps control characters out of the terminal', () => {
  const line = { at: 'then', release, instance: 'web.1', stream: 'err', text: 'a\u001b[2Jb\u0007' } as const;
  expect(logText(line)).toMatch(/^then r0123456789ab web\.1 err [\x20-\x7e]*$/);
  expect(logText({ ...line, stream: 'out', text: 'plain' })).toBe(`then ${release} web.1 out plain`);
});
