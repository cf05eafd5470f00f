import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundle, lives, node, until } from '../shell/programs.spec-support.js';
import { isFree } from './ports.js';
import { ask, children, grown, processesOf, ready, root, service, shim, world } from './world.spec-support.js';

describe('stop', () => {
  it('lets an instance finish, and leaves nothing', async () => {
    const { instance, supervisor, folder, stored } = await grown('web');
    await ready(instance);
    instance.drain();
    expect(instance.state).toBe('draining');
    // Nothing brings it back.
    instance.set('ready', 'late');
    expect(instance.state).toBe('draining');
    await supervisor.stop(instance);
    expect([instance.state, instance.alive, supervisor.all(), stored(), processesOf(folder)]).toEqual(['stopped', false, [], [], []]);
    expect(await isFree(instance.record.port)).toBe(true);
  });

  it('kills one that takes no notice, with all its children', async () => {
    const { instance, supervisor, folder } = await grown('stubborn');
    await ready(instance);
    const left = await children(folder);
    const since = performance.now();
    await supervisor.stop(instance);
    expect(performance.now() - since).toBeGreaterThan(1_400);
    expect([left.map(lives), processesOf(folder)]).toEqual([[false, false, false], []]);
  });

  it('ends the children of one that finishes', async () => {
    const { instance, supervisor, folder } = await grown('forks');
    await ready(instance);
    const left = await children(folder);
    await supervisor.stop(instance);
    expect(left.map(lives)).toEqual([false, false, false]);
  });

  it('ends the waiting of one that crashes', async () => {
    const { instance, supervisor, folder } = await grown('exits');
    await until('it waits', () => instance.state === 'backoff' && instance.crashes >= 2);
    await supervisor.stop(instance);
    const { crashes } = instance;
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    expect([instance.state, instance.crashes, processesOf(folder)]).toEqual(['stopped', crashes, []]);
  });

  it.each([0, 5, 20, 40, 60, 90])('leaves no process of a start under way, %i ms after it began', async (delay) => {
    const { supervisor, release, folder, stored } = world('web');
    const growing = supervisor.grow(release, 'web');
    await until('it is known', () => supervisor.all().length === 1);
    await new Promise((resolve) => setTimeout(resolve, delay));
    const [instance] = supervisor.all();
    const pid = instance?.record.pid;
    await supervisor.stop(instance!);
    expect([instance?.alive, processesOf(folder), pid === undefined ? false : lives(pid)]).toEqual([false, [], false]);
    await growing;
    expect([supervisor.all(), stored(), processesOf(folder)]).toEqual([[], [], []]);
  });

  it('stands a second stop', async () => {
    const { instance, supervisor } = await grown('web');
    await Promise.all([supervisor.stop(instance), supervisor.stop(instance)]);
    await supervisor.stop(instance);
    expect(instance.state).toBe('stopped');
  });
});

describe('grow', () => {
  it('gives each instance a slot and a port, also many at once, and fills a gap', async () => {
    const { supervisor, release, folder } = world('web');
    await Promise.all([1, 2, 3].map(() => supervisor.grow(release, 'web')));
    const all = supervisor.all();
    expect(all.map((instance) => instance.record.id)).toEqual(['web.1', 'web.2', 'web.3']);
    expect(new Set(supervisor.ports()).size).toBe(3);
    await Promise.all(all.map(ready));
    expect(processesOf(folder)).toHaveLength(3);
    await supervisor.stop(all[1]!);
    await supervisor.grow(release, 'web');
    expect(supervisor.of(release.id).map((instance) => instance.record.id)).toEqual(['web.1', 'web.3', 'web.2']);
    expect(supervisor.of('rffffffffffff')).toEqual([]);
  });

  it('leaves nothing of one that could not be started', async () => {
    const { supervisor, release, stored } = world('web', {}, () => true);
    await expect(supervisor.grow(release, 'web')).rejects.toThrow('the configuration is gone');
    expect([supervisor.all(), stored()]).toEqual([[], []]);
  });

  it('tells that its record could not be written, and goes on', async () => {
    const { supervisor, release, folder, errors } = world('web');
    mkdirSync(join(folder, 'instances.json'));
    await supervisor.grow(release, 'web');
    await ready(supervisor.all()[0]!);
    expect(errors[0]).toMatch(/^the record of the instances could not be written: .*EISDIR/);
  });

  it('takes another port when its own was taken meanwhile', async () => {
    const { instance } = await grown('web');
    await ready(instance);
    const { port } = instance.record;
    await ask(instance, '/crash').catch(() => undefined);
    await until('it waits', () => instance.state === 'backoff');
    const thief = node(['-e', `require("net").createServer().listen(${port}, "127.0.0.1", () => console.log(1))`]);
    try {
      await ready(instance);
      expect(instance.record.port).not.toBe(port);
    } finally {
      thief.child.kill('SIGKILL');
      await thief.code;
    }
  });
});

describe('restore', () => {
  it('takes over what lives, without a moment of not being ready', async () => {
    const { supervisor, instance, again, release } = await grown('web');
    await supervisor.grow(release, 'web');
    await Promise.all(supervisor.all().map(ready));
    await supervisor.forsake();
    const next = again();
    await next.restore();
    expect(next.all().map(({ state }) => state)).toEqual(['ready', 'ready']);
    expect(next.all().map(({ record }) => record.pid).sort()).toEqual(supervisor.all().map(({ record }) => record.pid).sort());
    const heir = next.all().find(({ record }) => record.id === instance.record.id)!;
    await ask(heir, '/crash').catch(() => undefined);
    await until('it waits', () => heir.state === 'backoff');
    expect(heir.reason).toBe('it exited with code 9');
    await ready(heir);
    await next.stop(heir);
  });

  it('starts what ended meanwhile, also under a number that another process has', async () => {
    const { supervisor, instance, again, folder } = await grown('web');
    await ready(instance);
    await supervisor.forsake();
    const text = readFileSync(join(folder, 'instances.json'), 'utf8');
    process.kill(instance.record.pid ?? 0, 'SIGKILL');
    for (const pid of processesOf(folder)) process.kill(pid, 'SIGKILL');
    await until('all is gone', () => processesOf(folder).length === 0);
    const file = JSON.parse(text) as { schema: 1; instances: { pid?: number }[] };
    file.instances[0]!.pid = process.pid;
    writeFileSync(join(folder, 'instances.json'), JSON.stringify(file));
    const next = again();
    await next.restore();
    const [heir] = next.all();
    expect(heir?.record.pid).not.toBe(process.pid);
    await ready(heir!);
    await next.stop(heir!);
    expect(lives(process.pid)).toBe(true);
  });

  it('goes on trying to start what cannot be started', async () => {
    let refuse = false;
    const { supervisor, release, again, errors } = world('exits', {}, () => refuse);
    await supervisor.grow(release, 'web');
    await until('it waits', () => supervisor.all()[0]?.state === 'backoff');
    await supervisor.forsake();
    refuse = true;
    const next = again();
    await next.restore();
    expect(next.all().map(({ state, reason }) => [state, reason])).toEqual([['backoff', 'the configuration is gone']]);
    expect(errors).toContain('instance web.1 could not be started: the configuration is gone');
  });

  it('finds nothing at first, and refuses a damaged record', async () => {
    const { supervisor, folder } = world('web');
    await supervisor.restore();
    expect(supervisor.all()).toEqual([]);
    for (const text of ['', '{"schema":1}', '{"schema":1,"instances":{}}']) {
      writeFileSync(join(folder, 'instances.json'), text);
      await expect(supervisor.restore()).rejects.toMatchObject({ code: 'ND-STATE-DAMAGED' });
      expect(readFileSync(join(folder, 'instances.json'), 'utf8')).toBe(text);
    }
    rmSync(join(folder, 'instances.json'));
  });

  it('finds every process of an agent that was killed at any moment', async () => {
    const program = bundle(`
      import { Supervisor } from './agent/supervisor.js';
      const [folder, shim, service] = process.argv.slice(2);
      const spec = { processes: {}, cwd: '.', port: 0, health: { path: '/', timeout: 9e3, interval: 50, passes: 1 }, drain: 0, stopTimeout: 500, limits: {} };
      const release = { id: 'r0123456789ab', spec };
      const supervisor = new Supervisor({
        folder, shim, node: process.execPath, release: async () => release, takenPorts: () => new Set(), onChange: () => undefined, onError: () => undefined,
        order: async (_release, record) => ({ argv: [process.execPath, service], cwd: folder, env: { PORT: String(record.port), MODE: 'web', FOLDER: folder }, secrets: {} }),
      });
      console.log('up');
      void (async () => { for (;;) await supervisor.grow(release, 'web'); })();
    `, join(root, 'agent.cjs'));
    for (const delay of [30, 70, 110, 150]) {
      const { folder, supervisor, stored } = world('web');
      const agent = node([program, folder, shim, service]);
      await new Promise((resolve) => agent.child.stdout?.once('data', resolve));
      await new Promise((resolve) => setTimeout(resolve, delay));
      agent.child.kill('SIGKILL');
      await agent.code;
      // A shim that got no order ends; one that got it has started its program by then.
      await new Promise((resolve) => setTimeout(resolve, 400));
      const programs = processesOf(folder).length;
      const known = stored().filter(({ pid }) => pid !== undefined && lives(pid)).length;
      expect(programs).toBe(known);
      await supervisor.restore();
      expect(supervisor.all()).toHaveLength(stored().length);
    }
  });
});

describe('forsake', () => {
  it('leaves all running and watches no more', async () => {
    const { supervisor, instance, folder, stored } = await grown('web');
    await ready(instance);
    await supervisor.forsake();
    const before = readFileSync(join(folder, 'instances.json'), 'utf8');
    const pid = instance.record.pid ?? 0;
    expect([lives(pid), stored()[0]?.pid]).toEqual([true, pid]);
    await ask(instance, '/crash').catch(() => undefined);
    await until('it has ended', () => !lives(pid));
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect([processesOf(folder), readFileSync(join(folder, 'instances.json'), 'utf8')]).toEqual([[], before]);
  });
});
