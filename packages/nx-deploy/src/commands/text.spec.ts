import type { ChangeResult } from '../engine/request.js';
import { agentLines, logText, summaryLines } from './text.js';

const release = 'r0123456789ab';
const change: ChangeResult = {
  outcome: 'done', run: 'run-1', action: 'deploy', service: 'api', environment: 'staging', release, durationMs: 1_500, stages: { record: 10, walk: 1_000 },
};
const command = (target: string): string => `nx run @acme/api:${target} --configuration=staging`;
const facts = { commits: [], command, color: false };

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

  test('that the agent looks after it for a while, unless there is nothing to be taken back to', () => {
    const watched = (result: Partial<ChangeResult>, watch = 30_000): string => summaryLines({ ...facts, watch, result: { ...change, previous: 'rba9876543210', ...result } }).join('\n');
    expect(watched({})).toContain('\n  watch     30.0s from now on; taken back by itself if it does badly\n');
    expect(watched({}, 0)).not.toContain('watch ');
    expect(watched({ action: 'rollback' })).not.toContain('watch ');
    expect(watched({ outcome: 'restored' })).not.toContain('watch ');
    expect(summaryLines({ ...facts, watch: 30_000, result: change }).join('\n')).not.toContain('watch ');
  });

  test('a refused one has none, a dry run its plan', () => {
    expect(summaryLines({ ...facts, result: { ...change, outcome: 'refused' } })).toEqual([]);
    expect(summaryLines({ ...facts, result: { ...change, outcome: 'planned', plan: 'one\ntwo' } })).toEqual(['one', 'two', 'dry run: nothing was changed']);
    expect(summaryLines({ ...facts, result: { ...change, outcome: 'planned' } })).toEqual(['', 'dry run: nothing was changed']);
  });

  test('what waits: the question, until when, and the two commands to answer with', () => {
    const paused = { id: 'g0123abcd', run: 'run-1', gate: 'is the error rate fine?', since: '2026-01-31T12:00:00.123Z', expires: '2026-02-01T12:00:00.123Z' };
    const lines = summaryLines({ ...facts, paused, result: { ...change, outcome: 'paused', previous: 'rba9876543210', paused: { run: 'run-1', gate: paused.gate, expires: 86_400_000 } } });
    expect(lines.slice(0, 6)).toEqual([
      'paused: api staging in 1.5s',
      `  release   ${release} waits for an answer (before: rba9876543210)`,
      '  asked     is the error rate fine?',
      '  until     2026-02-01T12:00:00Z; without an answer it is taken back then',
      '  approve   nx run @acme/api:approve --configuration=staging --gate=g0123abcd',
      '  reject    nx run @acme/api:reject --configuration=staging --gate=g0123abcd',
    ]);
    expect(lines.join('\n')).not.toContain(':rollback');
  });

  test('an approved one is a deploy like any other; a rejected one says who has the traffic', () => {
    const approved = summaryLines({ ...facts, result: { ...change, decision: 'approved', previous: 'rba9876543210' } });
    expect(approved[0]).toBe('deployed: api staging in 1.5s');
    expect(approved.join('\n')).not.toContain(':approve');
    const rejected = summaryLines({ ...facts, result: { ...change, decision: 'rejected', release: 'rba9876543210' } });
    expect(rejected[0]).toBe('rejected: api staging, rba9876543210 has all of the traffic again');
    expect(rejected.join('\n')).not.toContain(':rollback');
    expect(summaryLines({ ...facts, result: { ...change, action: 'rollback', decision: 'rejected' } })[0]).toMatch(/^rejected: /);
    expect(summaryLines({ ...facts, result: { ...change, outcome: 'not-restored', decision: 'rejected' } })[0]).toContain('could NOT be restored');
  });

  test('what could not be restored offers no way back', () => {
    const text = summaryLines({ ...facts, result: { ...change, outcome: 'not-restored', previous: 'rba9876543210' } }).join('\n');
    expect(text).toContain('could NOT be restored');
    expect(text).not.toContain(':rollback');
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
