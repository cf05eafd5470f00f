import { startLoad } from '../tools/load/launch.js';
import { Machine } from './support/machine.js';
import { exited } from './support/program.js';
import { askJson, freePort } from './support/request.js';
import { addSampleService } from './support/sample-service.js';
import type { Result, Status, Workspace } from './support/workspace.js';

/** The way of a user with the sample service: deploy, deploy again, change it, look at it, go back. */
describe('deploying the sample service', () => {
  const machine = new Machine('deploy');
  let workspace: Workspace;
  let url = '';
  const releases: string[] = [];

  beforeAll(async () => {
    workspace = await machine.workspace();
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    addSampleService(workspace, { staging: { listen: port } });
    await workspace.commit('the sample service');
  });
  afterAll(() => machine.dispose());

  const run = async (target: string, ...args: readonly string[]): Promise<{ readonly output: string; readonly result: Result }> => {
    const { ending, result } = await workspace.nxResult(`sample-service:${target}`, '--configuration=staging', ...args);
    exited(ending, 0);
    return { output: ending.output, result: result as Result };
  };
  const greeting = async (): Promise<unknown> => (await askJson(`${url}/`))['greeting'];

  it('answers after the first deploy', async () => {
    const { output, result } = await run('deploy');
    expect(result).toMatchObject({ outcome: 'done', exitCode: 0, service: 'sample-service', environment: 'staging', url });
    expect(output).toMatch(/deployed: sample-service staging in /);
    expect(await greeting()).toBe('Hello from staging');
    expect((await askJson(`${url}/version`))['release']).toBe(result.release);
    releases.push(result.release ?? '');
  });

  it('does nothing when nothing has changed, and is quick about it', async () => {
    const before = await workspace.status('sample-service');
    const { output, result } = await run('deploy');
    expect(result).toMatchObject({ outcome: 'unchanged', exitCode: 0, release: releases[0] });
    expect(output).toMatch(/already runs/);
    expect(result.durationMs).toBeLessThan(500);
    const after = await workspace.status('sample-service');
    expect(after.instances.map(({ pid }) => pid)).toEqual(before.instances.map(({ pid }) => pid));
    expect(after.releases).toEqual(before.releases);
  });

  it('shows what it would do', async () => {
    const { output } = exited(await workspace.bin('deploy', 'sample-service', '-c', 'staging', '--dry-run', '--strategy=recreate'), 0);
    expect(output).toMatch(/nothing to do/);
    expect((await workspace.status('sample-service')).live).toBe(releases[0]);
  });

  it('brings a change of the source into service without a failed request', async () => {
    const file = 'apps/sample-service/src/routes/greeting.ts';
    const source = workspace.read(file);
    workspace.write(file, source.replace('settings.greeting', '`${settings.greeting}, the second`'));
    expect(workspace.read(file)).not.toBe(source);
    await workspace.commit('greet a second time');
    const load = await startLoad({ url, rate: 200, service: 'sample-service', slowMs: 500 });
    const { output, result } = await run('deploy').finally(() => load.stop());
    const report = await load.stop();
    expect({ failures: report.failures, first: report.firstFailures }).toEqual({ failures: 0, first: [] });
    expect(report.sent).toBeGreaterThan(200);
    expect(await greeting()).toBe('Hello from staging, the second');
    expect(result).toMatchObject({ outcome: 'done', previous: releases[0] });
    expect(Object.keys(report.releases).sort()).toEqual([releases[0], result.release].sort());
    expect(output).toMatch(/greet a second time/);
    expect(output).toMatch(/requests +\d+ seen, 0 failed/);
    releases.push(result.release ?? '');
  });

  it('tells its status to people and programs', async () => {
    const { output, result } = await run('status');
    expect(output).toContain(`sample-service staging on local: ${releases[1] ?? ''} is live at ${url}`);
    expect(output).toMatch(/web\.1 +r[0-9a-f]{12} +ready/);
    expect(output).toMatch(/ledger: 4 entries, whole/);
    const status = result as unknown as Status;
    expect(status).toMatchObject({ service: 'sample-service', environment: 'staging', platform: 'local', deployed: true, url, live: releases[1] });
    expect(status.fleet).toEqual({ [releases[1] ?? '']: { weight: 100, processes: { web: { running: 2, ready: 2, draining: 0 } } } });
    expect(status.releases.map(({ id, outcome }) => [id, outcome])).toEqual([[releases[1], 'done'], [releases[0], 'done']]);
    expect(status.ledger.ok).toBe(true);
    expect(status).not.toHaveProperty('lock');
    expect(status).not.toHaveProperty('interrupted');
  });

  it('shows the logs: all, of one instance, of one release, since a time', async () => {
    const all = exited(await workspace.bin('logs', 'sample-service', '-c', 'staging'), 0).stdout.trim().split('\n');
    const form = /^\d{4}-\d\d-\d\dT[\d:.]+Z r[0-9a-f]{12} web\.\d+ (?:out|err) /;
    expect(all.filter((line) => !form.test(line))).toEqual([]);
    expect(all.some((line) => line.includes('listening'))).toBe(true);
    const times = all.map((line) => line.slice(0, 24));
    expect(times).toEqual([...times].sort());
    expect(new Set(all.map((line) => line.split(' ')[1]))).toEqual(new Set(releases));
    const one = exited(await workspace.bin('logs', 'sample-service', '-c', 'staging', '--instance=web.1', `--release=${releases[1] ?? ''}`), 0).stdout.trim().split('\n');
    expect(one.length).toBeGreaterThan(0);
    expect(new Set(one.map((line) => line.split(' ').slice(1, 3).join(' ')))).toEqual(new Set([`${releases[1] ?? ''} web.1`]));
    expect(exited(await workspace.bin('logs', 'sample-service', '-c', 'staging', '--since=2100-01-01T00:00:00Z'), 0).stdout).toBe('');
    const recent = exited(await workspace.bin('logs', 'sample-service', '-c', 'staging', '--since=10m', '--json'), 0).stdout.trim().split('\n');
    expect(recent).toHaveLength(all.length);
    expect(Object.keys(JSON.parse(recent[0] ?? '{}') as object).sort()).toEqual(['at', 'instance', 'release', 'stream', 'text']);
  });

  it('follows the logs until it is told to end, while it goes back to the release before', async () => {
    const following = workspace.startBin('logs', 'sample-service', '-c', 'staging', '--follow', '--since=1s');
    const { output, result } = await run('rollback');
    expect(output).toMatch(/rolled back: sample-service staging/);
    expect(result).toMatchObject({ outcome: 'done', release: releases[0], previous: releases[1] });
    expect(await greeting()).toBe('Hello from staging');
    await following.prints(new RegExp(`${releases[0] ?? ''} web\\.\\d+ out .*listening`), 5_000);
    await following.prints(new RegExp(`${releases[1] ?? ''} web\\.\\d+ out .*stopped`), 5_000);
    following.send('SIGTERM');
    exited(await following.ended, 0);
  });

  it('goes to a release that is named, without a failed request either', async () => {
    const load = await startLoad({ url, rate: 200, service: 'sample-service', slowMs: 500 });
    const { result } = await run('rollback', `--to=${releases[1] ?? ''}`).finally(() => load.stop());
    const report = await load.stop();
    expect({ failures: report.failures, first: report.firstFailures }).toEqual({ failures: 0, first: [] });
    expect(result).toMatchObject({ outcome: 'done', release: releases[1] });
    expect(await greeting()).toBe('Hello from staging, the second');
    expect(JSON.parse(exited(await workspace.bin('rollback', 'sample-service', '-c', 'staging', `--to=${releases[1] ?? ''}`, '--json'), 0).stdout)).toMatchObject({ outcome: 'unchanged' });
  });
});

