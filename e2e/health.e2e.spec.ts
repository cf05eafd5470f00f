import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Machine, nxProgram, repository } from './support/machine.js';
import { processesOf } from './support/processes.js';
import { exited, failed, type Ending, type Program } from './support/program.js';
import { ask, eventually, freePort } from './support/request.js';
import type { Workspace } from './support/workspace.js';

const SERVICE = `
const { createServer } = require('node:http');
createServer((request, response) => {
  response.end('hello');
}).listen(Number(process.env.PORT), '127.0.0.1', () => { console.log('listening'); });
`;
/** Appends what it is told. */
const LISTENER = 'require("fs").appendFileSync("alerts.jsonl", require("fs").readFileSync(0) + "\\n")';

interface Alert { readonly service: string; readonly check?: string; readonly from?: string; readonly to: string; readonly text: string }
interface Kept { readonly check: string; readonly status: string; readonly shown: string }

/** nx-health in a workspace, by the targets and the commands that its pages show; the service goes down and comes back. */
describe('health', () => {
  const machine = new Machine('health');
  const told: Alert[] = [];
  let receiver: Server;
  let workspace: Workspace;
  let service: Program | undefined;
  let port = 0;
  let metrics = 0;

  beforeAll(async () => {
    workspace = await machine.workspace();
    [port, metrics] = [await freePort(), await freePort()];
    receiver = createServer((request, response) => {
      void text(request).then((body) => {
        told.push(JSON.parse(body) as Alert);
        response.end();
      });
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    workspace.write('nx.json', { analytics: false, neverConnectToCloud: true });
    workspace.write('package.json', { name: 'shop', version: '0.0.0', private: true, dependencies: { 'nx-health': '*' }, devDependencies: { nx: '*' } });
    const targets = Object.assign({}, ...['check', 'wait', 'monitor', 'report'].map((name) => (JSON.parse(block(name, 'json')) as { readonly targets: object }).targets)) as object;
    workspace.write('apps/api/project.json', { name: 'api', projectType: 'application', targets });
    workspace.write('apps/database/project.json', { name: 'database', projectType: 'application', targets });
    workspace.write('apps/api/.env', `ALERT_WEBHOOK=http://127.0.0.1:${(receiver.address() as AddressInfo).port}/alerts\n`);
    workspace.write('apps/api/main.js', SERVICE);
  });
  afterAll(async () => {
    receiver.closeAllConnections();
    await new Promise((resolve) => receiver.close(resolve));
    service?.send('SIGKILL');
    await service?.ended;
    await machine.dispose();
  });

  function block(name: string, language: string): string {
    const page = readFileSync(join(repository, 'docs/executors', `${name}.md`), 'utf8');
    return new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, 'm').exec(page)?.[1] ?? '';
  }

  /** The words behind `nx` of each command of a page, with the ports of this test. */
  function commands(name: string): readonly (readonly string[])[] {
    const lines = block(name, '').split('\n').map((line) => line.replace(/ +#.*/, '')).filter((line) => line !== '');
    return lines.map((line) => line.replace(/:(?:8080|5432)\b/, `:${port}`).replace('9464', String(metrics)).split(' ').slice(1));
  }

  const start = (command: readonly string[] | undefined): Program => workspace.startNx(...(command ?? []));
  const run = (command: readonly string[] | undefined): Promise<Ending> => start(command).ended;

  const up = async (): Promise<void> => {
    service = workspace.start([process.execPath, 'apps/api/main.js'], { PORT: String(port) });
    await service.prints(/listening/);
  };
  const down = async (): Promise<void> => {
    service?.send('SIGKILL');
    await service?.ended;
  };

  it('is set up: the endpoint and checks', async () => {
    exited(await workspace.nx('g', 'nx-health:setup', 'api', '--entry=main.js', `--port=${port}`, '--no-interactive'), 0);
    expect(workspace.read('apps/api/main.js')).toContain("require('nx-health/endpoint')");
    const { checks } = workspace.json<{ readonly checks: Readonly<Record<string, object>> }>('apps/api/health.json');
    expect(Object.keys(checks)).toEqual(['service', 'disk', 'memory']);
    const { service: own, disk, memory } = checks;
    workspace.write('apps/api/health.json', {
      defaults: { interval: '50ms', failures: 2 },
      alerts: { webhook: '${ALERT_WEBHOOK}', command: [process.execPath, '-e', LISTENER] },
      // Whatever the machine of the test has left.
      checks: { service: { ...own, tags: ['service', 'data'] }, disk: { ...disk, degraded: 100, unhealthy: 100 }, memory: { ...memory, degraded: 100, unhealthy: 100 } },
    });
  });

  it('waits until the service answers', async () => {
    const [first, ...others] = commands('wait');
    const waiting = start(first);
    await waiting.prints(/waiting for http:\/\/127\.0\.0\.1:\d+\/health: connect ECONNREFUSED/);
    await up();
    expect(exited(await waiting.ended, 0).stdout).toMatch(/^healthy: http:\/\/127\.0\.0\.1:\d+\/health after \d+ checks in \d+ ms$/m);
    const [byPort, byTag] = await Promise.all(others.map(run));
    expect(byPort?.output).toMatch(/^healthy: tcp 127\.0\.0\.1:\d+ after 3 checks in/m);
    expect(byTag?.output).toMatch(/^healthy: http:\/\/127\.0\.0\.1:\d+\/health after 2 checks in/m);
  });

  it('checks an address and all of the file, as a table, JSON and JUnit', async () => {
    const [address, port, file, tagged] = await Promise.all(commands('check').map(run)) as [Ending, Ending, Ending, Ending];
    expect(exited(address, 0).stdout).toMatch(/^healthy: http:\S+ in \d+ ms$/m);
    expect(JSON.parse(/^\{.*\}$/m.exec(exited(port, 0).stdout)?.[0] ?? '')).toMatchObject({ target: expect.stringMatching(/^tcp /) as string, status: 'healthy' });
    expect(exited(file, 0).stdout).toMatch(/^check +kind +severity +status +ms +reason\n-[- ]+\nservice +http +critical +healthy +\d+\ndisk +disk +critical +healthy +\d+\nmemory +memory +degrading +healthy +\d+\nhealthy: 3 checks in \d+ ms$/m);
    expect(exited(tagged, 0).stdout).toMatch(/^healthy: 2 checks in/m);
    expect(workspace.read('reports/health.xml')).toMatch(/<testsuite name="api" tests="2" failures="0"/);
  });

  it('fails a check of a service that is down', async () => {
    await down();
    const { stdout } = exited(await workspace.nx('run', 'api:health', '--junit=reports/down.xml'), 1);
    expect(stdout).toMatch(/^service +http +critical +unhealthy +\d+ +connect ECONNREFUSED 127\.0\.0\.1:\d+$/m);
    expect(stdout).toMatch(/^unhealthy: 1 of 3 checks failed \(service\) in/m);
    expect(workspace.read('reports/down.xml')).toMatch(/failures="1"[^]*<failure message="connect ECONNREFUSED/);
    await up();
  });

  /** Of a run that begins with a service that is up. */
  const NEWS = ['api: service: healthy -> unhealthy', 'api: all checks: healthy -> unhealthy', 'api: service: unhealthy -> healthy', 'api: all checks: unhealthy -> healthy'];
  const gone = (): Promise<unknown> => eventually('the monitor is gone', () => processesOf(workspace.root).filter(({ command }) => !command.includes('main.js')), (left) => left.length === 0);

  it('monitors through an outage: changes, metrics, alerts and a history, until SIGTERM', async () => {
    const monitor = start(commands('monitor')[1]);
    const shown = async (): Promise<string> => (await ask(`http://127.0.0.1:${metrics}/metrics`)).body;
    await monitor.prints(/ all checks: healthy$/m);
    expect(await shown()).toMatch(/^health_status 1$/m);
    await down();
    await monitor.prints(/ service: healthy -> unhealthy: connect ECONNREFUSED \S+\n\S+ all checks: healthy -> unhealthy$/m);
    expect(await shown()).toMatch(/^health_check_status\{check="service",kind="http",severity="critical"\} 0$/m);
    expect(await shown()).toMatch(/^health_status 0$/m);
    await up();
    await monitor.prints(/ service: unhealthy -> healthy\n\S+ all checks: unhealthy -> healthy$/m);
    expect(await shown()).toMatch(/^health_checks_total\{check="service",result="unhealthy"\} [1-9]/m);
    const texts = (alerts: readonly Alert[]): readonly string[] => alerts.map(({ text: line }) => line.replace(/: connect .*/, ''));
    const printed = (): readonly Alert[] => workspace.read('apps/api/alerts.jsonl').split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Alert);
    // Nx ends the command of an alert that is under way with its target.
    await eventually('the last alert', printed, (alerts) => alerts.length >= NEWS.length);
    monitor.send('SIGTERM');
    failed(await monitor.ended);
    await gone();
    expect(texts(printed())).toEqual(NEWS);
    expect(texts(told)).toEqual(NEWS);
  });

  const history = (): readonly Kept[] => workspace.read('.nx-health/api/history.jsonl').trimEnd().split('\n').map((line) => JSON.parse(line) as Kept);

  it('goes on with the history, until Ctrl-C', async () => {
    const before = history();
    expect(before.filter(({ check, status, shown }) => check === 'service' && status === 'unhealthy' && shown === 'unhealthy').length).toBeGreaterThan(0);
    const monitor = workspace.startGroup([process.execPath, nxProgram, ...commands('monitor')[0] ?? []]);
    await monitor.prints(/ all checks: healthy$/m);
    process.kill(-monitor.pid, 'SIGINT');
    failed(await monitor.ended);
    await gone();
    expect(history().slice(0, before.length)).toEqual(before);
    expect(history().length).toBeGreaterThan(before.length + 2);
  });

  it('reports on the outage', async () => {
    const [printed, page, file] = await Promise.all([...commands('report').map(run), workspace.nx('run', 'api:health-report', '--output=reports/health.md')]) as [Ending, Ending, Ending];
    expect(exited(printed, 0).stdout).toContain('# Health of api');
    exited(file, 0);
    exited(page, 0);
    const lines = workspace.read('reports/health.md');
    expect(lines).toMatch(/^# Health of api\n\n/);
    expect(lines).toMatch(/^\| service \| http \| critical \| \d+ \| [^|]+ \| \d\d?\.\d{3}% \|/m);
    const incidents = lines.slice(lines.indexOf('## Incidents')).match(/^\| \d{4}-.*$/gm) ?? [];
    // The kill may have met a check under way.
    expect(incidents).toEqual([expect.stringMatching(/^(?:\| \d{4}-\d\d-\d\d [\d:]+ UTC ){2}\| [\d.]+ m?s \| service \| critical \| \d+ \| (?:connect ECONNREFUSED|.*ECONNRESET|socket hang up)/)]);
    expect(workspace.read('reports/health.html')).toMatch(/^<!doctype html>[^]*<h2>Incidents<\/h2>[^]*<td>service<\/td>/);
  });
});
