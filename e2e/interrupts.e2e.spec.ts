import { cpSync, existsSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { Machine, nxProgram, repository } from './support/machine.js';
import { isRunning, standbys } from './support/processes.js';
import { exited, type Program } from './support/program.js';
import { ask, askJson, eventually, freePort } from './support/request.js';
import { SlowDeploys } from './support/slow-deploy.js';
import type { Status, Workspace } from './support/workspace.js';

/** Whatever happens to the command, to Nx or to the agent: what ran before runs on. */
describe('interrupts', () => {
  const machine = new Machine('interrupts');
  let deploys: SlowDeploys;
  let workspace: Workspace;

  beforeAll(async () => {
    deploys = await SlowDeploys.open(machine);
    ({ workspace } = deploys);
  });
  afterAll(() => machine.dispose());

  const version = (): Promise<unknown> => deploys.version();
  const pids = (status: Status): readonly number[] => status.instances.map(({ pid }) => pid).sort((a, b) => a - b);
  const restored = (within?: number): Promise<Status> => deploys.restored(within);
  const waiting = (start: () => Program, build: string): Promise<Program> => deploys.waiting(start, build);

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s to the bin restores, says so, and ends with 1', async (signal) => {
    const program = await waiting(() => workspace.startBin('deploy', 'api', '-c', 'staging'), signal);
    program.send(signal);
    const { output } = exited(await program.ended, 1);
    expect(output).toContain(`${signal}: asking the agent to restore what ran before`);
    expect(output).toMatch(/deploy failed, restored what ran before/);
    expect(output).toMatch(/error ND-CANCELLED/);
    expect((await restored(0)).releases[0]).toMatchObject({ action: 'deploy', outcome: 'restored' });
  });

  it('a bin that is killed counts as one that asked to restore', async () => {
    const program = await waiting(() => workspace.startBin('deploy', 'api', '-c', 'staging'), 'killed');
    program.send('SIGKILL');
    expect((await program.ended).signal).toBe('SIGKILL');
    const status = await restored();
    expect(status.releases[0]?.outcome).toBe('restored');
    expect(status.interrupted).toBeUndefined();
  });

  it('SIGTERM to nx run restores', async () => {
    const program = await waiting(() => workspace.startNx('run', 'api:deploy', '--configuration=staging'), 'nx');
    program.send('SIGTERM');
    const ending = await program.ended;
    expect(ending.code).not.toBe(0);
    expect((await restored()).releases[0]?.outcome).toBe('restored');
  });

  it('SIGKILL to the whole process group of nx run: the agent restores', async () => {
    const program = await waiting(() => workspace.startGroup([process.execPath, nxProgram, 'run', 'api:deploy', '--configuration=staging']), 'group');
    process.kill(-program.pid, 'SIGKILL');
    expect((await program.ended).signal).toBe('SIGKILL');
    const status = await restored(20_000);
    expect(status.releases[0]).toMatchObject({ action: 'deploy', outcome: 'restored' });
    expect(status.interrupted).toBeUndefined();
  });

  it('status shows a deploy that is under way', async () => {
    const program = await waiting(() => workspace.startBin('deploy', 'api', '-c', 'staging'), 'shown');
    const status = await workspace.status('api');
    expect(status.lock).toMatchObject({ action: 'deploy' });
    expect(status.live).toBe(deploys.live);
    expect(exited(await workspace.bin('status', 'api', '-c', 'staging'), 0).output).toMatch(/deploy run-\S+ is under way/);
    program.send('SIGINT');
    exited(await program.ended, 1);
    await restored();
  });

  it('an agent that is killed is followed by its standby; with both killed the instances go on, and the next agent finds them', async () => {
    const before = await workspace.status('api');
    const first = await agentPid();
    process.kill(first, 'SIGKILL');
    expect(await version()).toBe('1');
    const agent = await agentPid();
    expect(agent).not.toBe(first);
    expect(pids(await workspace.status('api'))).toEqual(pids(before));
    await eventually('there is a standby again', () => standbys(machine.folder), (found) => found.length === 1);
    for (const pid of [...standbys(machine.folder), agent]) process.kill(pid, 'SIGKILL');
    await eventually('its address is closed', () => ask(`http://127.0.0.1:${deploys.port}/`).then(() => 'answers', String), (seen) => seen.includes('ECONNREFUSED'));
    expect(pids(before).every(isRunning)).toBe(true);
    const after = await workspace.status('api');
    expect(pids(after)).toEqual(pids(before));
    expect(after.live).toBe(deploys.live);
    expect(await agentPid()).not.toBe(agent);
    expect(await version()).toBe('1');
    expect(after.instances.map(({ state }) => state)).toEqual(['ready', 'ready']);
  });

  it('an agent that is killed in the middle of a deploy: the command says what to do, the next agent takes it back by itself', async () => {
    const program = await waiting(() => workspace.startBin('deploy', 'api', '-c', 'staging'), 'agent killed');
    process.kill(await agentPid(), 'SIGKILL');
    const { output } = exited(await program.ended, 2);
    expect(output).toMatch(/error ND-INTERRUPTED/);
    expect(output).toMatch(/run status/);
    const status = await restored();
    expect(status.interrupted).toBeUndefined();
    expect(status.releases[0]).toMatchObject({ action: 'deploy', outcome: 'restored' });
    workspace.build('services/api', 'steady', '2');
    deploys.live = (await workspace.deploy('api')).release ?? '';
    expect(await version()).toBe('2');
    const after = await workspace.status('api');
    expect(Object.keys(after.fleet)).toEqual([deploys.live]);
    expect(after.interrupted).toBeUndefined();
    expect(after.ledger.ok).toBe(true);
  });

  it('agent stop --keep-instances leaves them, agent restart takes them over, agent stop ends them', async () => {
    const before = pids(await workspace.status('api'));
    exited(await machine.agent('stop', '--keep-instances'), 0);
    expect(before.every(isRunning)).toBe(true);
    exited(await machine.agent('restart'), 0);
    expect(pids(await workspace.status('api'))).toEqual(before);
    expect(await version()).toBe('2');
    const { output } = exited(await machine.agent('stop'), 0);
    expect(output).toMatch(/2 instances ended/);
    expect(before.some(isRunning)).toBe(false);
    expect(exited(await machine.agent('status'), 0).output).toMatch(/no agent runs/);
  });

  async function agentPid(): Promise<number> {
    const { pid } = JSON.parse(exited(await machine.agent('status', '--json'), 0).stdout) as { pid?: number };
    if (pid === undefined) throw new Error('no agent runs');
    return pid;
  }
});

/** What `npm ci` does: it deletes the installed package under the running agent. */
describe('a package that is deleted', () => {
  const machine = new Machine('deleted');
  afterAll(() => machine.dispose());

  it('takes neither the agent nor the instances with it, and crashed ones are started again', async () => {
    const workspace = await machine.workspace();
    const port = await freePort();
    workspace.service('services/api', { port, deploy: { environments: { staging: { instances: 1, listen: port } } } });
    const installed = join(machine.folder, 'installed');
    const source = join(repository, 'packages/nx-deploy');
    for (const name of ['dist', 'package.json']) cpSync(join(source, name), join(installed, 'nx-deploy', name), { recursive: true });
    if (existsSync(join(source, 'node_modules'))) symlinkSync(join(source, 'node_modules'), join(installed, 'nx-deploy/node_modules'));
    symlinkSync(join(repository, 'node_modules'), join(installed, 'node_modules'));
    exited(await workspace.start([process.execPath, join(installed, 'nx-deploy/dist/bin/nx-deploy.js'), 'deploy', 'api', '-c', 'staging']).ended, 0);
    rmSync(installed, { recursive: true });
    const pid = (await askJson(`http://127.0.0.1:${port}/version`))['pid'] as number;
    process.kill(pid, 'SIGKILL');
    const again = await eventually('another process answers', () => askJson(`http://127.0.0.1:${port}/version`), (seen) => seen['pid'] !== pid);
    expect(again).toMatchObject({ version: '1', service: 'api' });
    expect((await workspace.status('api')).instances).toMatchObject([{ state: 'ready', crashes: 1 }]);
  });
});
