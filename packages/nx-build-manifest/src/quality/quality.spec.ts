import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { testWorkspace } from '../workspace.spec-support.js';
import { figuresOf } from './figures.js';
import { qualityFacts, type Quality, type ReportPlaces } from './index.js';

const workspace = testWorkspace();
const facts = async (reports?: ReportPlaces, project = 'apps/api'): Promise<Quality> =>
  qualityFacts({ workspaceRoot: workspace.root, projectRoot: join(workspace.root, project), ...(reports === undefined ? {} : { reports }) });

const summary = (covered: number, total: number): object => ({ total: { lines: { covered, total } } });
const junit = (cases: number): string => `<testsuite>${'<testcase/>'.repeat(cases)}</testsuite>`;
const sarif = (level: string): object => ({ version: '2.1.0', runs: [{ results: [{ level }] }] });
const autocannon = { requests: { total: 10, average: 5 }, latency: { p99: 7 }, errors: 0, non2xx: 0 };

describe('quality', () => {
  it('lists every kind without a report as absent, and where it was looked for', async () => {
    const { absent, ...rest } = await facts();
    expect(rest).toEqual({});
    expect(absent.map(({ kind }) => kind)).toEqual(['coverage', 'tests', 'findings', 'performance']);
    expect(absent[0]?.lookedIn).toContain('coverage/apps/api/lcov.info');
    expect((await facts({}, '.')).absent.map(({ lookedIn }) => lookedIn[0])).toEqual(['coverage/coverage-summary.json', 'reports/junit.xml', 'reports', 'reports/k6.json']);
  });

  it('is found where tools write, of several forms of one report the first alone', async () => {
    workspace.write({
      'coverage/apps/api/coverage-summary.json': summary(9, 10), 'apps/api/coverage/lcov.info': 'broken, and not read',
      'test-results/apps/api/a.xml': junit(2), 'test-results/apps/api/b.xml': junit(3), 'test-results/apps/api/log.txt': 'no report',
      'apps/api/reports/semgrep.sarif': sarif('error'), 'apps/api/reports/eslint.sarif.json': sarif('note'), 'apps/api/reports/autocannon.json': autocannon,
    });
    const found = await facts();
    expect(found).toMatchObject({
      coverage: { lines: { percent: 90 }, reports: ['coverage/apps/api/coverage-summary.json'] }, tests: { total: 5, reports: ['test-results/apps/api/a.xml', 'test-results/apps/api/b.xml'] },
      findings: { total: 2, levels: { error: 1, note: 1 } }, performance: [{ tool: 'autocannon', report: 'apps/api/reports/autocannon.json' }], absent: [],
    });
    expect(figuresOf(found).map(({ name, value }) => `${name} ${value}`)).toEqual([
      'line coverage 90', 'tests 5', 'failed tests 0', 'skipped tests 0', 'critical findings 0', 'high findings 0', 'medium findings 0', 'low findings 0', 'unrated findings 2', 'error findings 1', 'warning findings 0', 'note findings 1',
      'requests/s of apps/api/reports/autocannon.json 5', 'failed requests of apps/api/reports/autocannon.json 0', 'p99 latency of apps/api/reports/autocannon.json 7',
    ]);
  });

  it('is read from what was named, added up', async () => {
    workspace.write({ 'a.json': summary(1, 4), 'b.info': 'SF:x\nLF:4\nLH:3\nend_of_record\n', 'c.xml': '<coverage lines-covered="0" lines-valid="2"/>', 'out/one.sarif': sarif('error') });
    expect(await facts({ coverage: ['a.json', 'b.info', 'c.xml', 'a.json', 'none.info'], findings: ['out'], tests: ['none.xml'] })).toMatchObject({
      coverage: { lines: { covered: 4, total: 10, percent: 40 }, reports: ['a.json', 'b.info', 'c.xml'] }, findings: { total: 1 },
      absent: [{ kind: 'tests', lookedIn: ['none.xml'] }, { kind: 'performance' }],
    });
  });

  it('names every broken report at once', async () => {
    workspace.write({ 'a.json': '{', 'b.xml': '<testsuites>', 'c.sarif': '[]', 'd.json': '{}' });
    const failed = facts({ coverage: ['a.json'], tests: ['b.xml'], findings: ['c.sarif'], performance: ['d.json'] });
    for (const message of ['a.json: is not valid JSON', 'b.xml: line 1: the text ends within testsuites', 'c.sarif: runs: must be a list', 'd.json: is neither']) await expect(failed).rejects.toThrow(message);
  });

  it('refuses what is no UTF-8, and a folder where links lead nowhere counts as empty', async () => {
    workspace.write({ 'a.xml': '' });
    symlinkSync('gone', join(workspace.root, 'dangling.xml'));
    expect((await facts({ tests: ['dangling.xml'] })).absent).toContainEqual({ kind: 'tests', lookedIn: ['dangling.xml'] });
    const { writeFileSync } = await import('node:fs');
    writeFileSync(join(workspace.root, 'a.xml'), Buffer.from([0x3c, 0xff]));
    await expect(facts({ tests: ['a.xml'] })).rejects.toThrow('a.xml: is not valid UTF-8');
  });
});
