import { createServer, type Server } from 'node:http';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AddressInfo } from 'node:net';
import checkExecutor from './check/executor.js';
import { contextOf } from './context.spec-support.js';
import waitExecutor from './wait/executor.js';

let root: string;
let out = '';
let err = '';
let status = 200;
let server: Server;
let url: string;

beforeEach(async () => {
  [out, err, status] = ['', '', 200];
  root = mkdtempSync(join(tmpdir(), 'nx-health-file-'));
  mkdirSync(join(root, 'apps/api'), { recursive: true });
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => { out += String(text); return true; });
  jest.spyOn(process.stderr, 'write').mockImplementation((text) => { err += String(text); return true; });
  server = createServer((_request, response) => { response.writeHead(status).end(status === 503 ? '<down> & "out"\u0007' : ''); });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/health`;
});
afterEach(async () => {
  jest.restoreAllMocks();
  rmSync(root, { recursive: true });
  await new Promise((resolve) => server.close(resolve));
});

const write = (checks: object, path = 'apps/api/health.json'): void => { writeFileSync(join(root, path), JSON.stringify({ checks })); };
const checks = () => ({ web: { kind: 'http', url, tags: ['front'] }, space: { kind: 'disk', path: '.', degraded: 0, unhealthy: 100, severity: 'degrading' }, both: { kind: 'composite', of: ['web'], need: 'any' } });
const still = (text: string): string => text.replaceAll(url, 'URL').replace(/\d+ ms/g, 'N ms').replace(/( +)\d+( {2}|\n|$)/g, ' N$2').replace(/\d+\.\d%/g, 'N%').replace(/"(ms|observed)":[\d.]+/g, '"$1":0').replace(/time="[\d.]+"/g, 'time="0"');

it('checks all of the file, and says so in a table', async () => {
  write(checks());
  expect(await checkExecutor({}, contextOf(root))).toEqual({ success: true });
  const lines = out.split('\n');
  expect(lines[0]).toMatch(/^check {2}kind {7}severity {3}status {4}(?: *)ms {2}reason$/);
  expect(lines.slice(2, 5).map((line) => line.split(/ {2,}/).slice(0, 4).join(' '))).toEqual(['web http critical healthy', 'space disk degrading degraded', 'both composite critical healthy']);
  expect(lines[5]).toMatch(/^degraded: 3 checks in \d+ ms$/);
});

it('fails with those that fail, as a table, as JSON and for continuous integration', async () => {
  status = 503;
  write(checks());
  expect(await checkExecutor({ json: true, junit: 'reports/health.xml' }, contextOf(root))).toEqual({ success: false });
  expect(JSON.parse(out)).toMatchObject({
    status: 'unhealthy', ms: expect.any(Number),
    checks: [{ name: 'web', kind: 'http', target: url, severity: 'critical', tags: ['front'], status: 'unhealthy', reason: 'HTTP 503: <down> & "out"?' }, { name: 'space', status: 'degraded', unit: 'percent' }, { name: 'both', status: 'unhealthy' }],
  });
  const both = '0 of 1 are healthy, 1 must be; web: HTTP 503: &lt;down&gt; &amp; &quot;out&quot;?';
  const xml = readFileSync(join(root, 'reports/health.xml'), 'utf8');
  expect(still(xml)).toBe([
    '<?xml version="1.0" encoding="UTF-8"?>', '<testsuites tests="3" failures="2" errors="0" time="0">', '  <testsuite name="api" tests="3" failures="2" errors="0" time="0">',
    '    <testcase name="web" classname="api.http" time="0">', '      <failure message="HTTP 503: &lt;down&gt; &amp; &quot;out&quot;?" type="unhealthy">URL: HTTP 503: &lt;down&gt; &amp; &quot;out&quot;?</failure>', '    </testcase>',
    '    <testcase name="space" classname="api.disk" time="0">', '      <system-out>degraded: disk .: . is N% full, from 0 on it is degraded</system-out>', '    </testcase>',
    '    <testcase name="both" classname="api.composite" time="0">',
    `      <failure message="${both}" type="unhealthy">any of web: ${both}</failure>`, '    </testcase>', '  </testsuite>', '</testsuites>', '',
  ].join('\n'));
  out = '';
  await checkExecutor({}, contextOf(root));
  expect(out).toMatch(/\nunhealthy: 2 of 3 checks failed \(web, both\) in \d+ ms\n$/);
});

it('chooses by name and tag, from any file, and writes what one address says for continuous integration too', async () => {
  write(checks(), 'other.json');
  expect(await checkExecutor({ file: 'other.json', tags: ['front'], only: ['space'], json: true }, contextOf(root))).toEqual({ success: true });
  expect((JSON.parse(out) as { checks: { name: string }[] }).checks.map(({ name }) => name)).toEqual(['web', 'space']);
  expect(await checkExecutor({ url, junit: 'one.xml' }, contextOf(root))).toEqual({ success: true });
  expect(still(readFileSync(join(root, 'one.xml'), 'utf8'))).toContain('<testcase name="URL" classname="api.http" time="0"/>');
});

it('says what is wrong with a file, a choice, or a place to write to', async () => {
  expect(await checkExecutor({}, contextOf(root))).toEqual({ success: false });
  expect(err).toBe(`error: there is no health.json\n  where: ${join(root, 'apps/api/health.json')}\n  next: write one (docs/health.md shows how), or name what is to be checked by --url or --tcp\n`);
  err = '';
  write({ web: { kind: 'http' } });
  expect(await waitExecutor({}, contextOf(root))).toEqual({ success: false });
  expect(err).toContain('error: health.json is not valid\n');
  err = '';
  write(checks());
  expect(await checkExecutor({ only: ['wbe'] }, contextOf(root))).toEqual({ success: false });
  expect(err).toBe('error: what was chosen is not among the checks\n  - only: "wbe" is an unknown check; did you mean "web"?\n');
  err = '';
  expect(await checkExecutor({ junit: 'apps/api/health.json/x.xml' }, contextOf(root))).toEqual({ success: false });
  expect(err).toMatch(/^error: the file cannot be written: (?:ENOTDIR|EEXIST)\n/);
});

it('waits for all of the file', async () => {
  write({ web: { kind: 'http', url }, up: { kind: 'http', url, healthy: '200-599' } });
  status = 503;
  const waiting = waitExecutor({ interval: '10ms', passes: 2, timeout: '20s' }, contextOf(root));
  setTimeout(() => { status = 200; }, 150);
  expect(await waiting).toEqual({ success: true });
  expect(still(out)).toMatch(/^waiting for 2 checks of apps\/api\/health\.json: web: HTTP 503: <down> & "out"\?\nhealthy: 2 checks of apps\/api\/health\.json after \d+ checks in N ms\n$/);
  out = '';
  status = 503;
  expect(await waitExecutor({ only: ['web'], interval: '10ms', timeout: '100ms', json: true }, contextOf(root))).toEqual({ success: false });
  expect(JSON.parse(out)).toMatchObject({ target: url, outcome: 'timeout', status: 'unhealthy', reason: 'web: HTTP 503: <down> & "out"?' });
});
