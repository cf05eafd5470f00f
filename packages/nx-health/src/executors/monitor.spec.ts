import { spawn, type ChildProcess } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { contextOf } from './context.spec-support.js';
import monitorExecutor, { type MonitorExecutorOptions } from './monitor/executor.js';
import monitorSchema from './monitor/schema.json';
import reportExecutor, { type ReportExecutorOptions } from './report/executor.js';
import reportSchema from './report/schema.json';

let root: string;
let out = '';
let err = '';
let status = 200;
let server: Server;
const history = (): string => join(root, '.nx-health/api/history.jsonl');

beforeEach(async () => {
  [out, err, status] = ['', '', 200];
  root = mkdtempSync(join(tmpdir(), 'nx-health-monitor-'));
  mkdirSync(join(root, 'apps/api'), { recursive: true });
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => { out += String(text); return true; });
  jest.spyOn(process.stderr, 'write').mockImplementation((text) => { err += String(text); return true; });
  server = createServer((_request, response) => { response.writeHead(status).end(); });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://user:hunter2hunter2@127.0.0.1:${(server.address() as AddressInfo).port}/health`;
  writeFileSync(join(root, 'apps/api/health.json'), JSON.stringify({ defaults: { interval: '20ms', failures: 2 }, alerts: { command: [process.execPath, '-e', 'require("fs").appendFileSync("alerts.txt", require("fs").readFileSync(0) + "\\n")'] }, checks: { web: { kind: 'http', url }, self: { kind: 'memory', degraded: 100, unhealthy: 100 } } }));
});
afterEach(async () => {
  jest.restoreAllMocks();
  rmSync(root, { recursive: true });
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const still = (text: string): string => text.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME');
async function until(what: () => boolean): Promise<void> {
  for (let left = 1_000; !what(); left -= 1) {
    if (left === 0) throw new Error(`it did not come:\n${out}${err}`);
    await wait(10);
  }
}

it('tells of changes, keeps a history, sends alerts, and reports', async () => {
  const monitoring = monitorExecutor({ duration: '60s', live: false }, contextOf(root));
  await until(() => out.includes('all checks: healthy'));
  status = 503;
  await until(() => out.includes('all checks: healthy -> unhealthy'));
  status = 200;
  await until(() => out.includes('all checks: unhealthy -> healthy'));
  // It ends by a signal before its time, and has failed all the same.
  process.emit('SIGTERM');
  expect(await monitoring).toEqual({ success: false });
  const lines = still(out).split('\n');
  expect([lines[0], ...lines.slice(1, 4).sort()]).toEqual(['TIME monitoring 2 checks', 'TIME all checks: healthy', 'TIME self: healthy', 'TIME web: healthy']);
  expect(lines.slice(4)).toEqual(['TIME web: healthy -> unhealthy: HTTP 503', 'TIME all checks: healthy -> unhealthy', 'TIME web: unhealthy -> healthy', 'TIME all checks: unhealthy -> healthy', '']);
  const alerts = readFileSync(join(root, 'apps/api/alerts.txt'), 'utf8').trim().split('\n').map((line) => (JSON.parse(line) as { text: string }).text);
  expect(alerts).toEqual(['api: web: healthy -> unhealthy: HTTP 503', 'api: all checks: healthy -> unhealthy', 'api: web: unhealthy -> healthy', 'api: all checks: unhealthy -> healthy']);
  expect(readFileSync(history(), 'utf8') + out + err).not.toContain('hunter2');

  out = '';
  expect(await reportExecutor({}, contextOf(root))).toEqual({ success: true });
  expect(out).toMatch(/^# Health of api\n/);
  expect(out).toMatch(/\| web \| http \| critical \| \d+ \| [\d.]+ m?s \| \d\d?\.\d{3}% \|/);
  expect(out).toMatch(/\| web \| critical \| \d+ \| HTTP 503 \|/);
  out = '';
  expect(await reportExecutor({ format: 'html', output: 'reports/health.html' }, contextOf(root))).toEqual({ success: true });
  expect([out, readFileSync(join(root, 'reports/health.html'), 'utf8').slice(0, 15)]).toEqual(['wrote reports/health.html\n', '<!doctype html>']);
  out = '';
  await reportExecutor({ format: 'json', period: '1h' }, contextOf(root));
  expect(JSON.parse(out)).toMatchObject({ checks: expect.arrayContaining([expect.objectContaining({ check: 'self', availability: 1 })]) as object, incidents: [{ check: 'web' }] });
}, 30_000);

it('prints JSON, serves metrics and draws a table', async () => {
  const monitoring = monitorExecutor({ duration: '60s', json: true, history: 'none', metricsPort: 0 }, contextOf(root));
  await until(() => out.split('\n').length === 4);
  process.emit('SIGINT');
  expect(await monitoring).toEqual({ success: true });
  expect(out.trim().split('\n').map((line) => (JSON.parse(line) as { to: string }).to)).toEqual(['healthy', 'healthy', 'healthy']);
  expect(existsSync(history())).toBe(false);
  out = '';
  const drawing = monitorExecutor({ live: true, only: ['web'] }, contextOf(root));
  await until(() => /web {4}http {2}healthy/.test(out));
  process.emit('SIGHUP');
  expect(await drawing).toEqual({ success: true });
  expect(out).toMatch(/monitoring 1 checks\n/);
  expect(out).toContain('\u001b[J');
  expect(out).toMatch(/web {4}http {2}healthy +\d+/);
});

it('goes on when its history cannot be kept, and says so once', async () => {
  if (process.platform !== 'linux') return;
  expect(await monitorExecutor({ duration: '1500ms', live: false, history: '/dev/full' }, contextOf(root))).toEqual({ success: true });
  expect(out.match(/the history cannot be written: ENOSPC; results are not kept until it can/g)).toHaveLength(1);
  expect(out).toContain('all checks: healthy');
});

it('fails when its time is over before each check has a result, and says which have none', async () => {
  server.removeAllListeners('request');
  expect(await monitorExecutor({ duration: '300ms', json: true, history: 'none' }, contextOf(root))).toEqual({ success: false });
  expect(err).toMatch(/^error: checks had no result before the monitor ended\n {2}- web: http:\/\/127\.0\.0\.1:\d+\/health\n {2}next: /);
});

it('refuses all that is wrong at once', async () => {
  expect(await monitorExecutor({ duration: '0s', historySize: 0, metricsPort: 70_000 }, contextOf(root))).toEqual({ success: false });
  expect(err.match(/^ {2}- \w+/gm)).toEqual(['  - historySize', '  - metricsPort', '  - duration']);
  expect(await monitorExecutor({ history: 'apps/api/health.json/x', duration: '1s' }, contextOf(root))).toEqual({ success: false });
  expect(err).toContain('error: the history cannot be opened');
  expect(await reportExecutor({ period: 'a year' }, contextOf(root))).toEqual({ success: false });
  expect(err).toContain('  - period: must be a duration such as 1h, 24h or 30d, got "a year"');
  expect(await reportExecutor({}, contextOf(root))).toEqual({ success: false });
  expect(err).toContain('error: there is no history\n');
  mkdirSync(join(root, '.nx-health/api'), { recursive: true });
  writeFileSync(history(), 'garbage\n');
  expect(await reportExecutor({}, contextOf(root))).toEqual({ success: false });
  expect(err).toContain('error: the history has nothing of the last 24h\n');
});

describe('as a process of its own', () => {
  const start = (): ChildProcess => spawn(process.execPath, ['-e', `require(${JSON.stringify(join(__dirname, '../../dist/executors/monitor/executor.js'))}).default({ metricsPort: 0 }, ${JSON.stringify(contextOf(root))}).then((result) => console.log(JSON.stringify(result)))`], { stdio: ['ignore', 'pipe', 'pipe'] });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('ends by %s, with all that it knows kept', async (signal) => {
    // More than Node expects to listen to one signal.
    writeFileSync(join(root, 'apps/api/health.json'), JSON.stringify({ defaults: { interval: '20ms' }, checks: Object.fromEntries(Array.from({ length: 12 }, (_, index) => [index === 0 ? 'web' : `memory${index}`, { kind: 'memory', degraded: 100, unhealthy: 100 }])) }));
    const child = start();
    let text = '';
    let errors = '';
    child.stderr?.on('data', (chunk: Buffer) => { errors += chunk.toString(); });
    child.stdout?.on('data', (chunk: Buffer) => { text += chunk.toString(); });
    const ended = once(child, 'close');
    await until(() => text.includes('all checks: healthy'));
    const address = /http:\S+metrics/.exec(text)?.[0] ?? '';
    expect(await (await fetch(address)).text()).toContain('health_status 1\n');
    child.kill(signal);
    expect(await ended).toEqual([0, null]);
    expect(text.trimEnd().split('\n').at(-1)).toBe('{"success":true}');
    expect(errors).toBe('');
    expect(readFileSync(history(), 'utf8')).toMatch(/"check":"web".*\n/);
  });
});

it('the schemas list exactly the options', () => {
  const monitor: Required<MonitorExecutorOptions> = { file: '', only: [], tags: [], history: '', historySize: 1, metricsPort: 1, duration: '', live: true, json: true };
  const report: Required<ReportExecutorOptions> = { history: '', period: '', format: 'html', output: '' };
  expect(Object.keys(monitorSchema.properties).sort()).toEqual(Object.keys(monitor).sort());
  expect(Object.keys(reportSchema.properties).sort()).toEqual(Object.keys(report).sort());
});
