import type { ServiceStatus } from '../control/protocol.js';
import { statusLines } from './status-text.js';

const release = 'r0123456789ab';
const facts = { shadowed: [], command: (target: string): string => `nx run @acme/api:${target} --configuration=staging`, now: Date.UTC(2026, 0, 31, 12, 0, 0) };

const status: ServiceStatus = {
  service: 'api', environment: 'staging', platform: 'local', deployed: true, fleet: {}, instances: [], traffic: {},
  releases: [{ id: release, at: '2026-01-31T12:00:00.123Z', action: 'deploy', outcome: 'restored', by: 'ann@there', available: false }],
  ledger: { ok: true, entries: 2, head: 'b'.repeat(64) },
};

describe('statusLines', () => {
  test('nothing has traffic: history only, and what is gone is marked', () => {
    const lines = statusLines(status, facts);
    expect(lines[0]).toBe('api staging on local: no release has traffic');
    expect(lines.join('\n')).toMatch(/^2026-01-31T12:00:00Z +r0123456789ab +deploy +restored +ann@there +gone$/m);
    expect(lines.join('\n')).not.toContain('instance');
  });

  test('a service all of whose releases failed is not "never deployed"', () => {
    expect(statusLines({ ...status, deployed: false }, facts)[0]).toBe('api staging on local: no release has traffic');
    expect(statusLines({ ...status, deployed: false, releases: [] }, { ...facts, shadowed: [{ name: 'logs', by: 'script', file: 'package.json' }] })).toEqual([
      'api staging on local: never deployed', 'warning: the script logs of package.json replaces the target logs of nx-deploy; rename one of them',
    ]);
  });

  test('a lock and an interrupted change stand right below the headline', () => {
    const actor = { user: 'ann', host: 'there', pid: 1 };
    const lines = statusLines({
      ...status, live: release,
      lock: { run: 'run-2', action: 'rollback', actor, since: '2026-01-31T12:00:00Z' },
      interrupted: { run: 'run-1', action: 'deploy', since: '2026-01-31T11:00:00Z', at: 'scale r1 web=2' },
    }, facts);
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
    }, facts).join('\n');
    expect(text).toMatch(/^r0123456789ab +web +90% +2 +1 +1 +10 +2 +12ms/m);
    expect(text).toMatch(/^rba9876543210 +web +10% +1 +1 +0 +2026-01-31T13:00:00Z +0 +0 +-$/m);
    expect(text).toMatch(/^web\.1 +r0123456789ab +ready +11 +4001 +0 *$/m);
    expect(text).toMatch(/^web\.2 +r0123456789ab +backoff +- +4002 +3 +it exited with code 1$/m);
    expect(text).toMatch(/^worker\.1 +r0123456789ab +starting +12 +- +0 +just started$/m);
    expect(text).toContain('ledger: BROKEN, line 2');
  });

  describe('a release that has the traffic and no instance that is ready', () => {
    const fleet = { [release]: { weight: 100, processes: { web: { running: 1, ready: 0, draining: 1 }, worker: { running: 1, ready: 1, draining: 0 } } } };

    test('is not just live: the headline says so, and what to do stands below', () => {
      expect(statusLines({ ...status, live: release, url: 'http://here', fleet }, facts).slice(0, 5)).toEqual([
        `api staging on local: ${release} is live at http://here, but no instance is ready`, 'requests get 503 until one is',
        '  see why   nx run @acme/api:logs --configuration=staging', '  start     nx run @acme/api:repair --configuration=staging', '  go back   nx run @acme/api:rollback --configuration=staging',
      ]);
    });

    test('is waited for while somebody changes it', () => {
      const lock = { run: 'run-2', action: 'deploy', actor: { user: 'ann', host: 'there', pid: 1 }, since: '2026-01-31T12:00:00Z' } as const;
      const lines = statusLines({ ...status, live: release, fleet, lock }, facts);
      expect(lines[0]).toContain(', but no instance is ready');
      expect(lines[2]).toMatch(/^deploy run-2 is under way/);
    });

    test('is served by the other one that shares the traffic', () => {
      const lines = statusLines({ ...status, live: release, fleet: { ...fleet, rba9876543210: { weight: 10, processes: { web: { running: 1, ready: 1, draining: 0 } } } } }, facts);
      expect(lines[0]).not.toContain('ready');
    });
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
    }, facts);
    expect(lines.filter((line) => line.trimEnd().endsWith(' live') && line.startsWith('2026'))).toEqual([expect.stringMatching(/^2026-01-31T14:00:00Z +r0123456789ab +rollback +done/)]);
  });

  test('a broken ledger without a place still says so', () => {
    expect(statusLines({ ...status, ledger: { ok: false, entries: 0, head: '' } }, facts)).toContain('ledger: BROKEN, ');
  });

  describe('a change that waits', () => {
    const paused = { id: 'g0123abcd', run: 'run-2', action: 'deploy', release: 'rba9876543210', by: 'ann@there', gate: 'fine?\u001b[2J\nreally', since: '2026-01-31T11:00:00.500Z', expires: '2026-01-31T13:30:00.500Z' };

    test('is waiting, not interrupted: the question on one line, the time left and how to answer', () => {
      const lines = statusLines({ ...status, live: release, paused }, facts);
      expect(lines.slice(1, 5)).toEqual([
        'the deploy run-2 of ann@there waits for an answer, since 2026-01-31T11:00:00Z, until 2026-01-31T13:30:00Z (1h 30m left)',
        '  asked     fine?\\nreally',
        '  approve   nx run @acme/api:approve --configuration=staging --gate=g0123abcd',
        '  reject    nx run @acme/api:reject --configuration=staging --gate=g0123abcd',
      ]);
      expect(lines.join('\n')).not.toContain('interrupted');
    });

    test('shares the traffic, and its release is not gone', () => {
      const web = { web: { running: 1, ready: 1, draining: 0 } };
      const lines = statusLines({
        ...status, live: release, paused, fleet: { rba9876543210: { weight: 25, processes: web }, [release]: { weight: 75, processes: web } }, url: 'http://here',
        releases: [{ id: 'rba9876543210', at: '2026-01-31T12:00:00.123Z', action: 'deploy', outcome: 'waiting', by: 'ann@there', available: false }],
      }, facts);
      expect(lines[0]).toBe(`api staging on local: ${release} has 75%, rba9876543210 has 25% of the traffic at http://here`);
      expect(lines.join('\n')).not.toContain('gone');
    });

    test('in vain, offers no answer any more', () => {
      const lines = statusLines({ ...status, live: release, paused }, { ...facts, now: Date.UTC(2026, 0, 31, 14) });
      expect(lines[1]).toContain('until 2026-01-31T13:30:00Z, which is over: it is taken back');
      expect(lines.join('\n')).not.toContain(':approve');
    });
  });

  test('questions and answers stand above the change, the newest first; why a change was made stands with it', () => {
    const row = { id: release, action: 'deploy', by: 'ann@there', available: true };
    const lines = statusLines({
      ...status, live: release,
      releases: [
        { ...row, at: '2026-01-31T15:00:00Z', outcome: 'done', action: 'rollback', reason: 'errors: 30%' },
        {
          ...row, at: '2026-01-31T12:00:00Z', outcome: 'restored', available: false, decisions: [
            { kind: 'paused', at: '2026-01-31T12:01:00.5Z', by: 'ann@there', gate: 'fine?' },
            { kind: 'rejected', at: '2026-01-31T12:02:00.5Z', by: 'bob@desk', gate: 'fine?', note: 'too \u001b[31mslow' },
          ],
        },
      ],
    }, facts).filter((line) => line.startsWith('2026'));
    expect(lines.map((line) => line.replace(/ {2,}/g, '  '))).toEqual([
      `2026-01-31T15:00:00Z  ${release}  rollback  done  ann@there  live: errors: 30%`,
      `2026-01-31T12:02:00Z  ${release}  deploy  rejected  bob@desk  too slow`,
      `2026-01-31T12:01:00Z  ${release}  deploy  paused  ann@there  fine?`,
      `2026-01-31T12:00:00Z  ${release}  deploy  restored  ann@there  gone`,
    ]);
  });

  test('a release that is watched', () => {
    expect(statusLines({ ...status, live: release, watch: { release, until: '2026-01-31T12:00:30.123Z' } }, facts)[1]).toBe(`${release} is watched until 2026-01-31T12:00:30Z, and taken back when it does badly`);
    expect(statusLines({ ...status, live: release, watch: { release, until: '2026-01-31T12:00:30.123Z', without: ['its checks orders', 'its notifications'] } }, facts)[1])
      .toMatch(/taken back when it does badly, without its checks orders and its notifications, which were lost with the agent that began the watch$/);
  });
});
