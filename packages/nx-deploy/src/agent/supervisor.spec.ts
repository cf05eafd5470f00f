import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { identity } from '../shell/process-table.js';
import { lives, until } from '../shell/programs.spec-support.js';
import { freePort } from './ports.js';
import { ask, children, grown, processesOf, ready, servers, spec, world } from './world.spec-support.js';

describe('readiness', () => {
  it('comes after enough passes in a row, and goes after failures in a row', async () => {
    const { instance, folder, stored } = await grown('web');
    expect(instance.state).toBe('starting');
    await ready(instance);
    expect(readFileSync(join(folder, 'asked'), 'utf8').length).toBeGreaterThanOrEqual(3);
    expect(instance.reason).toBe('it answers its health check');
    await until('the record says so', () => stored()[0]?.ready);
    writeFileSync(join(folder, 'sick'), '');
    await until('it is unready', () => instance.state === 'unready');
    expect(instance.reason).toMatch(/^GET \/health: HTTP 503/);
    expect(stored()[0]?.pid).toBe(instance.record.pid);
    rmSync(join(folder, 'sick'));
    await ready(instance);
    expect(instance.crashes).toBe(0);
  });

  it('is not reached by an instance that answers now and then', async () => {
    const { instance, folder } = await grown('web', { health: { ...spec.health, passes: 1_000 } });
    await until('it was asked', () => existsSync(join(folder, 'asked')));
    writeFileSync(join(folder, 'sick'), '');
    await until('the reason', () => instance.reason.startsWith('GET /health: HTTP 503'));
    expect(instance.state).toBe('starting');
  });

  it('needs a listener', async () => {
    const { instance } = await grown('silent');
    await until('the reason', () => instance.reason === `nothing listens on its port ${instance.record.port} (the variable PORT names it)`);
    expect(instance.state).toBe('starting');
  });

  it('is not reached by what another process answers', async () => {
    const port = await freePort(new Set());
    const server = createServer((_request, response) => response.end('I am fine'));
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    const { instance } = await grown('silent', { port });
    expect(instance.record.port).toBe(port);
    await until('the reason', () => instance.reason === `another process listens on its port ${port}`);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(instance.state).toBe('starting');
  });

  it('is a matter of time for a worker', async () => {
    const { supervisor, release } = world('worker');
    await supervisor.grow(release, 'worker');
    const [worker] = supervisor.all();
    expect(worker?.record).toMatchObject({ id: 'worker.1', port: 0 });
    await ready(worker!);
    expect(worker?.reason).toBe('it runs');
  });

  it('says so when the check itself cannot be made', async () => {
    const { instance } = await grown('web', { health: { ...spec.health, path: ':not a port' } });
    await until('the reason', () => instance.reason.startsWith('it could not be checked: '));
    expect(instance.state).toBe('starting');
  });
});

describe('an instance that ends', () => {
  it('is started again, and is ready again', async () => {
    const { instance, folder } = await grown('web');
    await ready(instance);
    const first = instance.record.pid;
    await ask(instance, '/crash').catch(() => undefined);
    await until('it waits', () => instance.state === 'backoff');
    expect([instance.reason, instance.crashes, instance.alive]).toEqual(['it exited with code 9', 1, false]);
    await ready(instance);
    expect(instance.record.pid).not.toBe(first);
    expect(processesOf(folder)).toHaveLength(1);
  });

  it('waits longer each time', async () => {
    const { instance } = await grown('exits');
    const times: number[] = [];
    for (const crashes of [1, 2, 3, 4]) {
      await until('it ended again', () => instance.crashes >= crashes);
      times.push(performance.now());
    }
    // Starting a program takes its time on a busy machine: the last wait is four times the first.
    expect(times[3]! - times[2]!).toBeGreaterThan(times[1]! - times[0]! + 100);
    expect(instance.reason).toBe('it exited with code 9');
  });

  it('leaves no child behind, in whichever group', async () => {
    const { instance, folder } = await grown('forks');
    await ready(instance);
    const left = await children(folder);
    expect(left.map(lives)).toEqual([true, true, true]);
    await ask(instance, '/crash').catch(() => undefined);
    await until('it waits', () => instance.state === 'backoff');
    expect(left.map(lives)).toEqual([false, false, false]);
  });

  it('tells a kill from outside: of the program, and of its shim', async () => {
    const { instance } = await grown('web');
    await ready(instance);
    process.kill(Number(await ask(instance, '/')), 'SIGKILL');
    await until('it waits', () => instance.state === 'backoff');
    expect(instance.reason).toBe('it was ended by SIGKILL');
    await ready(instance);
    const program = Number(await ask(instance, '/'));
    process.kill(instance.record.pid ?? 0, 'SIGKILL');
    await until('it waits', () => instance.state === 'backoff');
    expect(instance.reason).toBe('it ended without a trace (killed)');
    expect(lives(program)).toBe(false);
  });

  it('is found again where the record of the instances is gone', async () => {
    const made = await grown('web');
    await ready(made.instance);
    const { pid } = made.instance.record;
    await made.supervisor.forsake();
    rmSync(join(made.folder, 'instances.json'));
    const again = made.again();
    await again.restore();
    expect(again.all().map(({ record }) => record.pid)).toEqual([pid]);
    expect(made.stored()[0]?.pid).toBe(pid);
    await ready(again.all()[0]!);
  });

  it('whose shim was killed while no agent watched is ended before another takes its place', async () => {
    const made = world('web');
    const program = 'const { spawn } = require("node:child_process"); const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" }); process.stdout.write(String(child.pid)); setInterval(() => {}, 1000);';
    const shim = spawn(process.execPath, ['-e', program], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
    const left = Number(await new Promise<Buffer>((resolve) => { shim.stdout.once('data', resolve); }));
    const leader = shim.pid ?? 0;
    const record = { id: 'web.1', release: made.release.id, process: 'web', slot: 1, port: 25_999, pid: leader, identity: await identity(leader) };
    writeFileSync(join(made.folder, 'instances.json'), JSON.stringify({ schema: 1, instances: [record] }));
    shim.kill('SIGKILL');
    await until('the shim is gone', async () => await identity(leader) === undefined);
    expect(lives(left)).toBe(true);
    await made.supervisor.restore();
    await ready(made.supervisor.all()[0]!);
    expect(lives(left)).toBe(false);
  });

  it('is ended when it takes too much memory', async () => {
    const { instance } = await grown('web', { limits: { memory: 200e6 } });
    await ready(instance);
    await ask(instance, '/eat');
    await until('it waits', () => instance.state === 'backoff');
    expect(instance.reason).toMatch(/^it used \d+ bytes of memory, over its limit of 200000000, and was killed$/);
    await ready(instance);
  });

  it('tries again when it cannot be started again', async () => {
    let refuse = false;
    const made = world('web', {}, () => refuse);
    await made.supervisor.grow(made.release, 'web');
    const [instance] = made.supervisor.all();
    await ready(instance!);
    refuse = true;
    await ask(instance!, '/crash').catch(() => undefined);
    await until('it has failed twice', () => made.errors.length > 1);
    expect(made.errors[0]).toBe('instance web.1 could not be started: the configuration is gone');
    expect([instance?.state, instance?.reason]).toEqual(['backoff', 'the configuration is gone']);
    refuse = false;
    await ready(instance!);
  });
});

test('once it is forsaken it starts nothing: whatever it started, nobody would have on record', async () => {
  const { supervisor, release, stored } = await grown('steady');
  await supervisor.forsake();
  await expect(supervisor.grow(release, 'web')).rejects.toMatchObject({ code: 'ND-INTERRUPTED' });
  expect(supervisor.all()).toHaveLength(1);
  expect(stored()).toHaveLength(1);
});
