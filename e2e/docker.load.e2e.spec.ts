import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { baseArchive, pushBase } from '../tools/images/base-image.js';
import { baseImageForTests } from '../tools/images/base-image.spec-support.js';
import { dockerClient } from '../tools/images/client.js';
import { describeWithEngine } from '../tools/images/engine.spec-support.js';
import { HAPROXY_PROGRAMS, makeHaproxyImage } from '../tools/images/haproxy-image.js';
import { startRegistry, type LocalRegistry } from '../tools/images/registry.js';
import { startLoad } from '../tools/load/launch.js';
import { Machine } from './support/machine.js';
import { exited, type Ending } from './support/program.js';
import { askJson, freePort } from './support/request.js';
import { addSampleService, setVariables } from './support/sample-service.js';
import type { Result, Status, Workspace } from './support/workspace.js';

const ROUTER = 'haproxy:e2e';

/** The way of a user whose production is an engine: the image that build-image made, deployed, changed, looked at, gone back from, ended. */
describeWithEngine('the sample service in containers', (engine) => {
  const machine = new Machine('docker');
  let workspace: Workspace;
  let registry: LocalRegistry;
  let url = '';
  const releases: string[] = [];

  beforeAll(async () => {
    const { base, remove } = await baseImageForTests();
    registry = await startRegistry(join(machine.folder, 'registry'));
    await pushBase(base, registry.host, 'library/node:22-slim');
    engine().docker(['load'], await baseArchive(await makeHaproxyImage(join(machine.folder, 'haproxy')), ROUTER));
    remove();
    workspace = await machine.workspace();
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    addSampleService(workspace, {
      production: {
        platform: { type: 'docker', router: { image: ROUTER } }, instances: 2, listen: { port, address: '127.0.0.1' }, watch: '0s',
        strategy: { type: 'canary', steps: [{ weight: 10, soak: '1s' }, { weight: 50, soak: '1s' }], analyse: { errorRate: '< 5%', minimum: 5 }, keepWarm: '1h' },
      },
    }, { artifact: { type: 'image', path: 'dist', entry: 'main.js', base: `${registry.host}/library/node:22-slim` } });
    await workspace.commit('the sample service');
  }, 240_000);
  afterAll(async () => {
    await registry?.stop();
    await machine.dispose();
    rmSync(machine.folder, { recursive: true, force: true });
  });

  const env = (): Readonly<Record<string, string>> => ({ ...engine().env, PATH: `${dockerClient().file.replace(/\/[^/]*$/, '')}:${engine().env['PATH'] ?? ''}` });
  const bin = (...args: readonly string[]): Promise<Ending> => workspace.binWith(env(), ...args);
  const nx = async (target: string, ...args: readonly string[]): Promise<Ending> =>
    exited(await workspace.start([process.execPath, 'node_modules/.bin/nx', 'run', `sample-service:${target}`, '--configuration=production', ...args], env(), 300_000).ended, 0);
  const deployed = async (code: number, ...args: readonly string[]): Promise<Result> => JSON.parse(exited(await bin(...args, '--json'), code).stdout) as Result;
  const status = async (): Promise<Status> => JSON.parse(exited(await bin('status', 'sample-service', '-c', 'production', '--json'), 0).stdout) as Status;
  const containers = (): readonly string[] => engine().docker(['ps', '--filter=label=io.nx-deploy.role=instance', '--format={{.Names}}']).split('\n').filter((name) => name !== '');

  it('shows what it would do, and changes nothing anywhere', async () => {
    exited(await workspace.start([process.execPath, 'node_modules/.bin/nx', 'run', 'sample-service:build-image'], env(), 300_000).ended, 0);
    const { output } = exited(await bin('deploy', 'sample-service', '-c', 'production', '--dry-run'), 0);
    expect(output).toMatch(/1 +2@100/);
    expect(engine().docker(['ps', '--all', '--quiet'])).toBe('');
    expect(engine().docker(['volume', 'ls', '--quiet'])).toBe('');
  }, 360_000);

  it('answers after nx run sample-service:deploy --configuration=production', async () => {
    const { output } = await nx('deploy');
    expect(output).toMatch(/deployed: sample-service production in /);
    expect(await askJson(`${url}/`)).toMatchObject({ greeting: expect.any(String) as string });
    const { live = '', instances, platform, ledger } = await status();
    expect({ platform, instances: instances.map(({ id, state }) => `${id} ${state}`), whole: ledger.ok }).toEqual({ platform: 'docker', instances: ['web.1 running', 'web.2 running'], whole: true });
    expect(containers()).toHaveLength(2);
    releases.push(live);
    // No agent is started on the machine of the command.
    expect((await machine.agent('status')).output).toMatch(/no agent runs/);
  }, 360_000);

  it('does nothing when nothing has changed', async () => {
    const before = containers();
    expect(await deployed(0, 'deploy', 'sample-service', '-c', 'production')).toMatchObject({ outcome: 'unchanged', release: releases[0] });
    expect(containers()).toEqual(before);
  }, 120_000);

  it('brings other variables into service by a canary, and goes back to the warm release, without a failed request', async () => {
    setVariables(workspace, 'production', { GREETING: 'Hello from a container' });
    const load = await startLoad({ url, rate: 100, service: 'sample-service', slowMs: 500 });
    try {
      const second = await deployed(0, 'deploy', 'sample-service', '-c', 'production');
      expect(second).toMatchObject({ outcome: 'done', previous: releases[0] });
      releases.push(second.release ?? '');
      expect(await askJson(`${url}/`)).toMatchObject({ greeting: 'Hello from a container' });
      const back = await deployed(0, 'rollback', 'sample-service', '-c', 'production');
      expect(back).toMatchObject({ outcome: 'done', release: releases[0] });
      process.stdout.write(`docker: deploy ${second.durationMs ?? 0} ms, rollback to the warm release ${back.durationMs ?? 0} ms\n`);
    } finally {
      const report = await load.stop();
      expect({ failures: report.failures, first: report.firstFailures }).toEqual({ failures: 0, first: [] });
    }
  }, 240_000);

  it('takes back what does badly, says so and ends with 1', async () => {
    setVariables(workspace, 'production', { GREETING: 'bad', FAULT_ERRORS: '60' });
    const load = await startLoad({ url, rate: 100, service: 'sample-service', mix: { get: 100 } });
    try {
      expect(await deployed(1, 'deploy', 'sample-service', '-c', 'production')).toMatchObject({ outcome: 'restored', error: { code: 'ND-GATE-FAILED' } });
    } finally {
      await load.stop();
    }
    expect((await status()).live).toBe(releases[0]);
  }, 240_000);

  it('shows what the containers wrote', async () => {
    const { output } = exited(await bin('logs', 'sample-service', '-c', 'production', '--release', releases[0] ?? ''), 0);
    expect(output).toMatch(/web\.1/);
  }, 60_000);

  it('is ended for good by destroy, but for the ledger', async () => {
    expect(await deployed(0, 'destroy', 'sample-service', '-c', 'production', '--confirm=sample-service')).toMatchObject({ outcome: 'done' });
    expect(containers()).toEqual([]);
    expect(await status()).toMatchObject({ deployed: false, ledger: { ok: true } });
    await expect(fetch(url)).rejects.toThrow();
  }, 120_000);
}, { programs: HAPROXY_PROGRAMS, own: true });
