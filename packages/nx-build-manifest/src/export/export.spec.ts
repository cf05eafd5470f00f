import { Ajv } from 'ajv';
import fc from 'fast-check';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { describeWith } from '../../../../tools/images/needs.spec-support.js';
import type { BuildManifest } from '../manifest.js';
import { manifest, run } from '../sample.spec-support.js';
import { testWorkspace } from '../workspace.spec-support.js';
import { documentOf } from './document.js';
import { escapeHtml, escapeMarkdown } from './escape.js';
import { exportManifest } from './export.js';
import { signedShare, sizeOf, timeOf } from './units.js';

const HOSTILE = '</title><script>document.title="owned"</script>"\'><img src=x onerror=alert(1)> | `a` [x](javascript:1) \u202e\u0007\u001b[31m \u00e9 \u{1f600} \ud800';
/** What a reader sees of it. */
const SEEN = HOSTILE.replace('\u202e', '\\u{202e}').replace('\u0007', '\\u{7}').replace('\u001b', '\\u{1b}').replace('\ud800', '\\u{d800}');
const hostile: BuildManifest = {
  ...manifest,
  environment: HOSTILE,
  components: { ...manifest.components, packages: { count: 1, list: [{ name: HOSTILE, version: HOSTILE, license: HOSTILE }] } },
  artifacts: [{ path: HOSTILE, bytes: 1, sha256: 'a'.repeat(64), files: [{ path: HOSTILE.repeat(40), bytes: 1, sha256: 'b'.repeat(64) }] }],
};
const bare: BuildManifest = { manifestVersion: 1, service: 'x', version: '0.0.0', components: {}, quality: { absent: [] } };

describe('exports', () => {
  it('as JSON and YAML hold the manifest and the run, the same in both', async () => {
    const json = JSON.parse(await exportManifest(manifest, 'json', run)) as BuildManifest & { run: unknown };
    expect(json).toEqual({ ...manifest, run: { startTime: run.startTime, durationMs: run.durationMs, tasks: run.tasks, cache: run.cache } });
    expect(parse(await exportManifest(manifest, 'yaml', run))).toEqual(json);
    const schema = JSON.parse(readFileSync(join(__dirname, '../../build-manifest.schema.json'), 'utf8')) as object;
    const { run: _run, ...without } = json;
    expect(new Ajv({ strict: true }).validate(schema, without)).toBe(true);
    const yaml = await exportManifest(hostile, 'yaml');
    expect((parse(yaml) as BuildManifest).artifacts).toEqual(JSON.parse(JSON.stringify(hostile.artifacts)));
  });

  it('take from the run what a manifest of inputs leaves out', () => {
    const { git: _git, tools: _tools, platform: _platform, buildId: _buildId, ...inputs } = manifest;
    expect(documentOf(inputs, run)).toMatchObject({ buildId: run.buildId, git: run.git, tools: run.tools, platform: run.platform });
    expect(documentOf(manifest, { ...run, buildId: 'other-1-20260303.233607' }).buildId).toBe(manifest.buildId);
    expect(documentOf(bare, undefined)).toBe(bare);
  });

  it('as a summary are one screen of plain ASCII, whatever is in the manifest', async () => {
    const many = { ...hostile, artifacts: Array.from({ length: 40 }, () => hostile.artifacts?.[0] ?? { path: '', bytes: 0, sha256: '' }), readiness: { ready: false, rules: Array.from({ length: 40 }, () => ({ rule: HOSTILE, blocks: true, found: HOSTILE })) } };
    for (const one of [manifest, hostile, many, bare]) {
      const lines = (await exportManifest(one, 'summary', run)).split('\n');
      expect(lines.length).toBeLessThanOrEqual(25);
      expect(lines.filter((line) => !/^[\x20-\x7e]{0,80}$/.test(line))).toEqual([]);
    }
    expect(await exportManifest(bare, 'summary')).toBe('x 0.0.0\ncommit     none\n');
    expect(await exportManifest({ ...bare, readiness: { ready: true, rules: [] } }, 'summary')).toContain('x 0.0.0: ready');
  });

  it('as Markdown keep every name a text within its cell', async () => {
    const text = await exportManifest(hostile, 'markdown', run);
    expect(text).toMatch(/^[\x20-\x7e\n]+$/);
    expect(text).not.toMatch(/[^\\]<|[^\\]\[x/);
    // An escaped bar ends no cell: each row has as many cells as its head.
    const rows = text.split('\n').filter((line) => line.startsWith('| ') && line.includes('script'));
    expect(rows.length).toBeGreaterThan(3);
    expect([...new Set(rows.map((row) => row.replace(/\\./g, '').split('|').length - 2))].sort()).toEqual([2, 3, 4]);
  });

  it('as HTML are plain ASCII without a script, a link or anything to load', async () => {
    const text = await exportManifest(hostile, 'html', run);
    expect(text).toMatch(/^[\x20-\x7e\n]+$/);
    expect(text).not.toMatch(/<(?:script|img|link|iframe|a|object|embed|base|form)\b|\s(?:src|href|on[a-z]+)=["']|url\(|@import/);
    expect(text.match(/<svg /g)?.length).toBeGreaterThan(5);
    for (const one of [manifest, bare]) expect(await exportManifest(one, 'html')).toContain('</html>');
    const { tests: _tests, ...quality } = manifest.quality;
    const odd: BuildManifest = {
      ...manifest,
      quality: { ...quality, coverage: { reports: [] }, findings: { total: 0, levels: { error: 0, warning: 0, note: 0, none: 0 }, severities: { critical: 0, high: 0, medium: 0, low: 0 }, unrated: 3, suppressed: 2, reports: [] }, performance: [{ tool: 'k6', requests: 9, requestsPerSecond: 3, latencyMs: { p95: 12 }, report: 'k6.json' }] },
      readiness: { ready: true, rules: [] },
      components: { packages: { count: 600, list: Array.from({ length: 600 }, (_, index) => ({ name: `p${index}`, version: '1' })), missing: ['gone'] } },
    };
    const shown = await exportManifest(odd, 'html', { ...run, tasks: [{ task: 'a:b', status: 'failure', cached: false }] });
    for (const part of ['nothing to cover', '2 more are suppressed', '3 state no severity', 'k6 (k6.json): 9 requests, 3.0/s, an unknown number failed', 'Ready: nothing blocks', '100 more are in the manifest', 'Not installed: gone', '>failure<']) expect(shown).toContain(part);
    expect(await exportManifest(odd, 'summary')).toContain('load       k6: 3.0 requests/s, p95 12 ms\n');
    expect(await exportManifest(odd, 'summary')).toContain('0 low\n           3 state no severity\n');
  });
});

test('what a manifest does not say is not shown, or shown as unknown', async () => {
  const { environment: _environment, git: _git, buildId: _buildId, readiness: _readiness, ...less } = manifest;
  const sparse: BuildManifest = {
    ...less,
    git: { commit: 'a'.repeat(40), shortCommit: 'a'.repeat(12), dirty: true, commitTime: '2026-03-03T23:36:07Z' },
    components: {
      database: [{ tool: 'prisma', folder: 'prisma/migrations', count: 0, sha256: 'a'.repeat(64), migrations: [] }], api: [{ file: 'openapi.yaml', specification: 'openapi 3.1.0', count: 0, routes: [], sha256: 'a'.repeat(64) }],
      libraries: [], packages: { count: 1, list: [{ name: 'p', version: '1' }], missing: ['gone'] },
    },
    artifacts: [{ path: 'api.tgz', bytes: 5, sha256: 'b'.repeat(64) }],
    quality: { tests: { total: 1, passed: 1, failed: 0, skipped: 0, reports: [] }, absent: [] },
  };
  const text = await exportManifest(sparse, 'summary');
  for (const line of ['commit     aaaaaaaaaaaa, with changes', 'artifact   api.tgz: 5 B', 'database   prisma, 0 migrations', 'api        openapi 3.1.0, 0 routes', 'libraries  none', 'packages   1 (1 none stated), 1 not installed', 'tests      1 passed, 0 failed, 0 skipped']) {
    expect(text.split('\n')).toContain(line);
  }
  const report = await exportManifest(sparse, 'markdown');
  for (const part of ['| prisma/migrations | prisma | 0 | none | none |', '| p | 1 | none stated |', '| api.tgz | 1 | 5 B |', 'No policy says what would keep this build from being ready.', `${'a'.repeat(40)}, with changes`]) expect(report).toContain(part);
  expect(await exportManifest({ ...sparse, components: { packages: { count: 0, list: [] } } }, 'summary')).toContain('packages   0\n');
});

describe('escaping', () => {
  it('leaves nothing that HTML or Markdown would take for more than text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => /^[\x20-\x7e]*$/.test(escapeHtml(text)) && !/[<>"']|&(?!(?:amp|lt|gt|quot|#39|#x[0-9a-f]+);)/.test(escapeHtml(text))));
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => /^[\x20-\x7e]*$/.test(escapeMarkdown(text)) && !/[`*_<>|[\]~]/.test(escapeMarkdown(text).replace(/\\./g, ''))));
    expect(escapeMarkdown('www.example.org https://x')).toBe('www\\.example.org https\\://x');
  });
});

test('numbers for people', () => {
  expect([0, 999, 1_000, 999_949, 1_500_000, 2e9].map(sizeOf)).toEqual(['0 B', '999 B', '1.0 kB', '999.9 kB', '1.5 MB', '2.0 GB']);
  expect([4.4, 1_240, 125_000].map(timeOf)).toEqual(['4 ms', '1.2 s', '2 min 5 s']);
  expect([signedShare(1, 1), signedShare(0, 5), signedShare(100, 150), signedShare(100, 50)]).toEqual(['0%', 'from nothing', '+50.0%', '-50.0%']);
});

describeWith(['chromium'], 'a browser that opens the report', () => {
  const workspace = testWorkspace();
  const dom = async (html: string): Promise<string> => {
    workspace.write({ 'report.html': html });
    const args = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', `--user-data-dir=${join(workspace.root, 'profile')}`, '--dump-dom', `file://${join(workspace.root, 'report.html')}`];
    return (await promisify(execFile)('chromium', args, { timeout: 50_000, killSignal: 'SIGKILL', maxBuffer: 64 * 1024 * 1024, env: { ...process.env, HOME: workspace.root } })).stdout;
  };
  /** Text and quoted attributes as the browser writes them out again. */
  const written = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

  it('shows hostile names as the text that they are, and its charts', async () => {
    const seen = await dom(await exportManifest(hostile, 'html', run));
    expect(seen).toContain('<title>org-api 1.4.0</title>');
    expect(seen).toContain(`<td>${written(SEEN)}</td>`);
    expect(seen).not.toMatch(/<(?:script|img)/);
    expect(seen.match(/<rect class="(?:good|bad|warning|plain)"/g)?.length).toBeGreaterThan(10);
    expect(seen).toMatch(/<rect class="plain" x="220" y="5" width="269\.4"/);
    // A document that breaks off, or that the browser had to mend, ends otherwise.
    expect(seen.replace(/\s+/g, ' ')).toMatch(/<\/section> <\/body><\/html> $/);
  });
});
