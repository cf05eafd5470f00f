/** What leaves a monitor: alerts, metrics, a table on a terminal. */
import { createServer, type Server } from 'node:http';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Screen } from '../../../nx-deploy/src/terminal/screen.spec-support.js';
import type { Check } from '../checks/check.js';
import type { HealthStatus } from '../result.js';
import { createAlerts } from './alerts.js';
import { serveMetrics } from './metrics-server.js';
import type { Sample } from './monitor.js';
import { createScreen } from './screen.js';

const check = (name: string, more: Partial<Check> = {}): Check => ({ name, kind: 'tcp', target: `tcp ${name}:1`, severity: 'critical', tags: [], uses: [], timeoutMs: 1, intervalMs: 1, retries: 0, retryDelayMs: 0, failures: 1, recoveries: 1, run: () => Promise.reject(new Error()), ...more });
const sample = (name: string, status: HealthStatus, more: Partial<Check> = {}): Sample => {
  const result = { status, ms: 12, ...(status === 'healthy' ? { observed: 4.5, unit: 'percent' } : { reason: `why ${name}` }) };
  return { check: check(name, more), result, shown: result, time: 1_000_000 };
};

describe('alerts', () => {
  let server: Server;
  let got: unknown[] = [];
  let answer = 204;
  const failures: string[] = [];
  const folder = mkdtempSync(join(tmpdir(), 'nx-health-alerts-'));
  afterAll(() => { rmSync(folder, { recursive: true }); });
  beforeEach(async () => {
    [got, answer] = [[], 204];
    failures.length = 0;
    server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => { body += chunk.toString(); }).on('end', () => { got.push([request.method, request.headers['content-type'], JSON.parse(body)]); response.writeHead(answer).end(); });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const webhook = (): string => `http://user:hunter2@127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  const make = (channels: object) => createAlerts('api', channels, { folder, onFailure: (line) => failures.push(line) });
  const change = { check: check('db'), from: 'healthy', to: 'unhealthy', reason: 'gone', time: 0 } as const;

  it('go to an address, in their order', async () => {
    const alerts = make({ webhook: webhook() });
    alerts.send(change);
    alerts.send({ to: 'unhealthy', time: 0 });
    await alerts.settled(5_000);
    expect(got).toEqual([
      ['POST', 'application/json', { service: 'api', check: 'db', kind: 'tcp', target: 'tcp db:1', severity: 'critical', from: 'healthy', to: 'unhealthy', reason: 'gone', time: '1970-01-01T00:00:00.000Z', text: 'api: db: healthy -> unhealthy: gone' }],
      ['POST', 'application/json', { service: 'api', to: 'unhealthy', time: '1970-01-01T00:00:00.000Z', text: 'api: all checks: unhealthy' }],
    ]);
    expect(failures).toEqual([]);
  });

  it('go to a program by its standard input', async () => {
    const alerts = make({ command: [process.execPath, '-e', 'require("fs").writeFileSync("alert.json", require("fs").readFileSync(0))'] });
    alerts.send(change);
    await alerts.settled(5_000);
    expect(JSON.parse(readFileSync(join(folder, 'alert.json'), 'utf8'))).toMatchObject({ check: 'db', to: 'unhealthy' });
  });

  it('that cannot be sent are told of, without the address, and stop nothing', async () => {
    answer = 500;
    const alerts = make({ webhook: webhook(), command: [process.execPath, '-e', 'process.exit(3)'] });
    alerts.send(change);
    await alerts.settled(5_000);
    const gone = make({ webhook: 'http://user:hunter2@127.0.0.1:1/', command: ['no-such-program-at-all'] });
    gone.send(change);
    await gone.settled(5_000);
    expect(failures.map((line) => line.replace(/^an alert could not be sent by /, '')).sort()).toEqual(['command: Error: spawn no-such-program-at-all ENOENT', 'command: exit code 3', 'webhook: Error: connect ECONNREFUSED 127.0.0.1:1', 'webhook: HTTP 500']);
  });

  it('that pile up are given up, the oldest first, and nobody waits for them for ever', async () => {
    server.removeAllListeners('request');
    const alerts = make({ webhook: webhook() });
    for (let index = 0; index < 105; index += 1) alerts.send({ ...change, time: index });
    expect(failures.filter((line) => line.includes('more than 100 wait'))).toHaveLength(4);
    const began = performance.now();
    await alerts.settled(100);
    expect(performance.now() - began).toBeLessThan(3_000);
    server.closeAllConnections();
  });
});

describe('metrics', () => {
  it('are what the last samples say, and counts', async () => {
    const samples = [sample('db', 'healthy')];
    const metrics = await serveMetrics(0, 2, () => samples);
    const url = `http://127.0.0.1:${metrics.port}`;
    try {
      // One of two is not known yet: nothing is said of both together.
      const early = await (await fetch(`${url}/metrics`)).text();
      expect([early.includes('health_check_status{check="db"'), /^health_status /m.test(early)]).toEqual([true, false]);
      samples.push(sample('we"b\\', 'unhealthy', { severity: 'degrading' }));
      samples.forEach((each) => { metrics.count(each); });
      metrics.count(samples[0]!);
      const answer = await fetch(`${url}/metrics?x`);
      const text = await answer.text();
      expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
      for (const line of [
        'health_status 0.5', 'health_check_status{check="db",kind="tcp",severity="critical"} 1', 'health_check_status{check="we\\"b\\\\",kind="tcp",severity="degrading"} 0', 'health_check_seconds{check="db",kind="tcp",severity="critical"} 0.012',
        'health_check_observed{check="db",kind="tcp",severity="critical"} 4.5', 'health_check_timestamp_seconds{check="db",kind="tcp",severity="critical"} 1000', '# TYPE health_checks_total counter', 'health_checks_total{check="db",result="healthy"} 2',
      ]) expect(text).toContain(`${line}\n`);
      expect(text).not.toMatch(/observed\{check="we/);
      expect([(await fetch(`${url}/`)).status, (await fetch(`${url}/metrics`, { method: 'POST' })).status]).toEqual([404, 405]);
      await expect(serveMetrics(metrics.port, 0, () => [])).rejects.toThrow(`the metrics cannot be served on port ${metrics.port}: EADDRINUSE`);
    } finally {
      await metrics.close();
    }
  });
});

describe('the table on a terminal', () => {
  it('is written over, with lines that stay above it', () => {
    const terminal = new Screen(60);
    const screen = createScreen(terminal, () => 1_065_000);
    screen.say('monitoring 3 checks');
    screen.draw([sample('db', 'healthy')], 3);
    screen.draw([sample('db', 'healthy'), sample('web', 'unhealthy'), sample('mail', 'degraded', { severity: 'degrading' })], 3);
    screen.say('web: healthy -> unhealthy\u001b[31m');
    screen.draw([sample('db', 'healthy'), sample('web', 'healthy')], 2);
    screen.end();
    expect(terminal.text).toEqual([
      'monitoring 3 checks', 'web: healthy -> unhealthy?[31m', 'check  kind  status   ms       ago  reason', '-----  ----  -------  --  --------  ------', 'db     tcp   healthy  12  1 min 5 s', 'web    tcp   healthy  12  1 min 5 s', 'healthy: 2 checks', '',
    ].map((line): unknown => (line.startsWith('check  ') ? expect.stringMatching(/^check +kind +status +ms +ago +reason$/) : line.startsWith('-----') ? expect.stringMatching(/^[- ]+$/) : line)));
    expect(terminal.wraps).toBe(0);
  });

  it('shows the worst when there is no room for all, and fits the width', () => {
    const terminal = new Screen(30, 8);
    const samples = Array.from({ length: 20 }, (_, index) => sample(`check-with-a-long-name-${index}`, index === 17 ? 'unhealthy' : index === 18 ? 'degraded' : 'healthy'));
    const screen = createScreen(Object.assign(terminal, {}), () => 1_000_000);
    for (let round = 0; round < 3; round += 1) screen.draw(samples, 20);
    expect(terminal.wraps).toBe(0);
    expect(terminal.text.filter((line) => line.startsWith('check-with')).map((line) => line.slice(0, 25).trim())).toEqual(['check-with-a-long-name-17', 'check-with-a-long-name-18', 'check-with-a-long-name-0']);
    expect(terminal.text.at(-2)).toBe('unhealthy: 20 checks, 17 are');
  });
});
