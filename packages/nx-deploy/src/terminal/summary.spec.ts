import { stripVTControlCharacters } from 'node:util';
import { formatBytes, renderSummary, type Summary } from './summary.js';

const full: Summary = {
  outcome: 'done', action: 'deploy', service: 'api', environment: 'staging', release: 'r1234567890ab', previous: 'rba0987654321', durationMs: 12_345,
  commits: { list: [{ hash: '0123456789abcdef', subject: 'Add a caf\u00e9' }, { hash: 'fedcba9876543210', subject: 'Fix \u001b[31mit\u001b[0m' }] },
  size: { bytes: 1_730_000, before: 1_700_000 },
  configuration: { added: ['Z_NEW', 'A_NEW'], removed: ['OLD'], changed: [] },
  stages: [{ stage: 'stage', ms: 300 }, { stage: 'walk', ms: 12_000 }],
  traffic: { requests: 2_410, failed: 0 },
  url: 'http://127.0.0.1:8080',
  commands: {
    status: 'npx nx run api:status --configuration=staging',
    logs: 'npx nx run api:logs --configuration=staging',
    rollback: 'npx nx run api:rollback --configuration=staging',
  },
};
const text = (summary: Partial<Summary>): string => renderSummary({ ...full, ...summary }, { color: false }).join('\n');

describe('renderSummary', () => {
  it('tells everything that is known', () => {
    expect(text({})).toBe(`deployed: api staging in 12.3s
  release   r1234567890ab (before: rba0987654321)
  changed   0123456789 Add a caf\\u{e9}
            fedcba9876 Fix it
            artifact 1.7 MB, +30.0 kB
            configuration added: A_NEW, Z_NEW
            configuration removed: OLD
  time      stage 300ms, walk 12.0s
  requests  2410 seen, 0 failed
  url       http://127.0.0.1:8080
  status    npx nx run api:status --configuration=staging
  logs      npx nx run api:logs --configuration=staging
  rollback  npx nx run api:rollback --configuration=staging`);
  });

  it('leaves out what is not known', () => {
    expect(renderSummary({ outcome: 'unchanged', action: 'deploy', service: 'api', environment: 'staging', durationMs: 80, release: 'r1' }, { color: false }))
      .toEqual(['nothing to do: api staging in 80ms', '  release   r1 already runs']);
    expect(renderSummary({ outcome: 'done', action: 'rollback', service: 'api', environment: 'staging', durationMs: 80 }, { color: false }))
      .toEqual(['rolled back: api staging in 80ms']);
  });

  it.each<[Summary['outcome'], Summary['action'], string, string]>([
    ['restored', 'deploy', 'deploy failed, restored what ran before: api staging in 12.3s', 'not live'],
    ['restored', 'rollback', 'rollback failed, restored what ran before: api staging in 12.3s', 'not live'],
    ['not-restored', 'deploy', 'deploy failed and could NOT be restored: api staging in 12.3s', 'state unknown, see status'],
  ])('says that it failed: %s %s', (outcome, action, headline, state) => {
    const lines = text({ outcome, action }).split('\n');
    expect(lines.slice(0, 2)).toEqual([headline, `  release   r1234567890ab (${state})`]);
  });

  it('says what a person is asked, and how to answer; nothing of it when nobody is asked', () => {
    const { release, previous } = full;
    const paused = { gate: 'fine?\u001b[2J', expires: '2026-02-01T12:00:00.123Z' };
    const lines = text({ outcome: 'paused', paused, commands: { approve: 'nx run api:approve', reject: 'nx run api:reject' } }).split('\n');
    expect(lines.slice(0, 6)).toEqual([
      'paused: api staging in 12.3s', `  release   ${release ?? ''} waits for an answer (before: ${previous ?? ''})`, '  asked     fine?',
      '  until     2026-02-01T12:00:00Z; without an answer it is taken back then', '  approve   nx run api:approve', '  reject    nx run api:reject',
    ]);
    expect(text({ commands: { approve: 'nx run api:approve', reject: 'nx run api:reject' } })).not.toContain('approve');
    const { previous: _previous, ...first } = full;
    expect(renderSummary({ ...first, outcome: 'paused', paused }, { color: false })[1]).toBe(`  release   ${release ?? ''} waits for an answer`);
  });

  it.each(['rejected', 'expired'] as const)('says who has the traffic when it was %s', (decision) => {
    expect(text({ decision }).split('\n')[0]).toBe('rejected: api staging, r1234567890ab has all of the traffic again');
    const { release: _release, ...unknown } = full;
    expect(renderSummary({ ...unknown, decision }, { color: false })[0]).toBe('rejected: api staging, what ran before has all of the traffic again');
  });

  it('says when there was no release before', () => {
    const { previous: _previous, ...first } = full;
    expect(renderSummary(first, { color: false })[1]).toBe('  release   r1234567890ab');
    expect(text({ previous: 'r1234567890ab' })).toContain('  release   r1234567890ab\n');
  });

  it('shows ten commits and counts the rest', () => {
    const list = Array.from({ length: 12 }, (_value, index) => ({ hash: `${index}`.padStart(10, '0'), subject: 's'.repeat(500) }));
    const lines = text({ commits: { list, more: 3 } }).split('\n').filter((line) => line.includes('sss') || line.includes('more commit'));
    expect(lines).toHaveLength(11);
    expect(lines.at(-1)?.trim()).toBe('and 5 more commits');
    expect(lines[0]?.trim().slice(-3)).toBe('...');
    expect(text({ commits: { list: list.slice(0, 1), more: 1 } })).toContain('and 1 more commit\n');
  });

  it.each<[NonNullable<Summary['size']>, string]>([
    [{ bytes: 500 }, 'artifact 500 B\n'], [{ bytes: 2_000, before: 2_000 }, 'artifact 2.0 kB, same size\n'], [{ bytes: 1_000, before: 3_500 }, 'artifact 1.0 kB, -2.5 kB\n'],
  ])('shows the size %j', (size, expected) => {
    expect(text({ size })).toContain(expected);
  });

  it('differs by colour alone when there is colour', () => {
    const colored = renderSummary(full, { color: true }).join('\n');
    expect(colored).toContain('\u001b[32mdeployed:');
    expect(stripVTControlCharacters(colored)).toBe(text({}));
  });
});

describe('formatBytes', () => {
  it.each([[0, '0 B'], [999, '999 B'], [1_000, '1.0 kB'], [999_949, '999.9 kB'], [999_950, '1.0 MB'], [28_900_000, '28.9 MB'], [3e9, '3.0 GB'], [5e15, '5000.0 TB']])('%i is %s', (bytes, expected) => {
    expect(formatBytes(bytes)).toBe(expected);
  });
});
