import type { HistoryRecord } from '../monitor/history.js';
import type { HealthStatus } from '../result.js';
import { htmlReport } from './html.js';
import { markdownReport } from './markdown.js';
import { summarise } from './summary.js';
import { percentText } from './texts.js';

const at = (t: number, status: HealthStatus, shown: HealthStatus = status, more: Partial<HistoryRecord> = {}): HistoryRecord =>
  ({ v: 1, t, check: 'db', kind: 'tcp', severity: 'critical', status, shown, ms: 5, every: 1_000, ...(status === 'healthy' ? {} : { reason: `${status} at ${t}` }), ...more });
const period = { from: 0, to: 10_000 };

describe('a summary', () => {
  it('weighs by time, and dates an incident from the first failure to the first pass', () => {
    const { checks, incidents } = summarise([
      at(0, 'healthy'), at(1_000, 'unhealthy', 'healthy'), at(2_000, 'unhealthy', 'healthy'), at(3_000, 'unhealthy'), at(4_000, 'unhealthy'), at(5_000, 'healthy', 'unhealthy'), at(6_000, 'healthy'), at(7_000, 'degraded'), at(8_000, 'healthy'),
    ], period);
    expect(checks).toEqual([{ check: 'db', kind: 'tcp', severity: 'critical', checks: 9, observedMs: 10_000, unhealthyMs: 3_000, degradedMs: 1_000, availability: 0.7, latency: { p50: 5, p95: 5, p99: 5, most: 5 } }]);
    expect(incidents).toEqual([{ check: 'db', severity: 'critical', from: 1_000, to: 5_000, ms: 4_000, reason: 'unhealthy at 1000', failures: 4 }]);
  });

  it('has no incident of failures that did not count, and one that goes on', () => {
    const { incidents } = summarise([at(0, 'unhealthy', 'healthy'), at(1_000, 'healthy'), at(2_000, 'unhealthy', 'healthy'), at(3_000, 'unhealthy')], period);
    expect(incidents).toEqual([{ check: 'db', severity: 'critical', from: 2_000, ms: 8_000, reason: 'unhealthy at 2000', failures: 2 }]);
  });

  it('takes a pass between failures for no end before it counts', () => {
    const { incidents } = summarise([at(0, 'unhealthy'), at(1_000, 'healthy', 'unhealthy'), at(2_000, 'unhealthy'), at(3_000, 'healthy', 'unhealthy'), at(4_000, 'healthy')], period);
    expect(incidents).toEqual([{ check: 'db', severity: 'critical', from: 0, to: 3_000, ms: 3_000, reason: 'unhealthy at 0', failures: 2 }]);
  });

  it('observes nothing while no monitor ran, and nothing backwards', () => {
    const [only] = summarise([at(0, 'healthy'), at(100_000, 'unhealthy'), at(99_000, 'healthy'), at(100_000, 'healthy')], { from: 0, to: 101_000 }).checks;
    expect(only).toMatchObject({ observedMs: 1_005 + 0 + 1_000 + 1_000, unhealthyMs: 0 });
    expect(summarise([at(500, 'healthy')], { from: 600, to: 700 })).toMatchObject({ checks: [], incidents: [] });
    expect(summarise([at(10_000, 'unhealthy')], period).checks[0]).not.toHaveProperty('availability');
  });

  it('has percentiles by nearest rank, of what passed', () => {
    const records = Array.from({ length: 100 }, (_, index) => at(index, 'healthy', 'healthy', { ms: 100 - index }));
    expect(summarise([...records, at(100, 'unhealthy', 'healthy', { ms: 9_999 })], period).checks[0]?.latency).toEqual({ p50: 50, p95: 95, p99: 99, most: 100 });
    expect(summarise([at(0, 'unhealthy')], period).checks[0]).not.toHaveProperty('latency');
  });

  it('never rounds up to all of it', () => {
    expect([1, 0.999999, 0.99999, 0.5, 0, undefined].map(percentText)).toEqual(['100%', '99.999%', '99.999%', '50.000%', '0.000%', '-']);
  });
});

describe('pages', () => {
  const hostile = '<script>alert(1)</script>|[x](javascript:y)`"\'&amp;\u001b[31m\u202e\nnext # `';
  const summary = summarise([at(0, 'unhealthy', 'unhealthy', { check: hostile, kind: hostile, severity: hostile, reason: hostile }), at(1_000, 'healthy', 'healthy', { check: hostile })], period);

  it('of Markdown hold foreign text as text', () => {
    const page = markdownReport(hostile, summary, undefined);
    expect(page).toMatch(/^[\n\x20-\x7e]*$/);
    expect(page.split('\n').filter((line) => line.startsWith('|')).map((line) => line.replace(/\\./g, '').split('|').length)).toEqual([14, 14, 14, 9, 9, 9]);
    expect(page.replace(/\\./g, '')).not.toMatch(/[<>`[\]]/);
    expect(markdownReport('api', summarise([at(0, 'healthy')], period), '1 line could not be read.').split('\n')).toEqual([
      '# Health of api', '', '1970-01-01 00:00:00 UTC to 1970-01-01 00:00:10 UTC', '', '1 line could not be read.', '', '| check | kind | severity | checks | observed | availability | unhealthy | degraded | p50 ms | p95 ms | p99 ms | max ms |', `|${'---|'.repeat(12)}`,
      '| db | tcp | critical | 1 | 10 s | 100% | 0 ms | 0 ms | 5 | 5 | 5 | 5 |', '', '## Incidents', '', 'None.', '', expect.stringMatching(/^Availability is /), '',
    ]);
  });

  it('of HTML hold foreign text as text, and load nothing', () => {
    const page = htmlReport(hostile, summary, hostile);
    expect(page).toMatch(/^[\n\x20-\x7e]*$/);
    expect(page).not.toMatch(/<script|<img|<a |src=|href=|url\(|@import|http:|https:/i);
    expect([...new Set([...page.matchAll(/<([a-z!]+[0-9]?)/g)].map(([, tag]) => tag))].sort()).toEqual(['!doctype', 'body', 'figcaption', 'figure', 'h1', 'h2', 'head', 'html', 'meta', 'p', 'rect', 'style', 'svg', 'table', 'td', 'th', 'title', 'tr']);
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    // Every attribute is ended by what began it.
    expect(page.replace(/"[^"<>]*"/g, '').replace(/<style>.*<\/style>/, '')).not.toContain('"');
    expect(htmlReport('api', summarise([at(0, 'healthy')], period), undefined)).toContain('<p>None.</p>');
  });
});
