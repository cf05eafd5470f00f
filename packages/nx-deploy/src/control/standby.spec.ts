import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { descriptorOf } from '../routers/embedded/descriptor.js';
import { identity } from '../shell/process-table.js';
import { lives, temporaryFolder, until } from '../shell/programs.spec-support.js';
import { StandbyKeeper } from './standby.js';

const root = temporaryFolder('standby');
/** What a standby tells of itself goes to a file of its own; `how` is what it does next. */
function program(how: string): string {
  const file = join(root, `${how.replace(/\W+/g, '-').slice(0, 40)}-${Math.random().toString(36).slice(2)}.js`);
  writeFileSync(file, `
    const fs = require('node:fs');
    const told = (text) => fs.appendFileSync(${JSON.stringify(file)} + '.told', text + '\\n');
    told('started ' + process.pid + ' ' + process.argv.slice(2).join(' ') + ' ' + process.cwd() + ' ' + (process.env.SECRET ?? 'clean'));
    process.on('message', (message) => { told(message); if (message === 'leave') process.exit(0); });
    process.on('disconnect', () => { told('let go'); process.exit(0); });
    ${how}
  `);
  return file;
}

const READY = 'process.send("ready");';

function told(file: string): string {
  try {
    return readFileSync(`${file}.told`, 'utf8');
  } catch {
    return '';
  }
}

interface Made {
  readonly keeper: StandbyKeeper;
  readonly home: { readonly folder: string; readonly lockFile: string };
  readonly log: [string, Record<string, unknown>][];
  readonly named: () => number | undefined;
}

const keepers: StandbyKeeper[] = [];
const servers: Server[] = [];
let count = 0;
afterEach(async () => {
  await Promise.all(keepers.splice(0).map((keeper) => keeper.leave()));
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => { server.close(resolve); })));
});

async function made(own: string, listeners: readonly Server[] = [], node = process.execPath): Promise<Made> {
  const folder = join(root, String(count += 1));
  mkdirSync(folder);
  const lockFile = join(folder, 'agent.json');
  writeFileSync(lockFile, JSON.stringify({ pid: process.pid, identity: await identity(process.pid) }));
  const log: Made['log'] = [];
  const keeper = new StandbyKeeper({
    home: { folder, lockFile },
    own: { node, program: own },
    descriptors: () => listeners.filter((server) => server.listening).map((server, index) => ({ name: `n${index}`, fd: descriptorOf(server) ?? -1 })),
    log: (message, facts) => log.push([message, facts as Record<string, unknown>]),
  });
  keepers.push(keeper);
  const named = (): number | undefined => (JSON.parse(readFileSync(lockFile, 'utf8')) as { standby?: { pid: number } }).standby?.pid;
  return { keeper, home: { folder, lockFile }, log, named };
}

async function listening(): Promise<Server> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  return server;
}

const pidsOf = (file: string): readonly number[] => [...told(file).matchAll(/^started (\d+)/gm)].map(([, pid]) => Number(pid));

describe('a standby', () => {
  it('is started with the listeners and a clean environment, named, and told to leave', async () => {
    process.env['SECRET'] = 'planted';
    const own = program(READY);
    const { keeper, log, named } = await made(own, [await listening(), await listening()]);
    keeper.changed('opened');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(told(own)).toBe('');
    keeper.start();
    await until('it is ready', () => log.length > 0);
    delete process.env['SECRET'];
    const [pid = 0] = pidsOf(own);
    expect(log).toEqual([['standby', { standby: pid }]]);
    expect(told(own)).toBe(`started ${pid} standby ["n0","n1"] / clean\n`);
    expect(named()).toBe(pid);
    await keeper.leave();
    expect([told(own).endsWith('leave\n'), lives(pid)]).toEqual([true, false]);
  });

  it('that ends is started again, later each time', async () => {
    const own = program(READY);
    const { keeper, log, named } = await made(own, [await listening()]);
    keeper.start();
    const times: number[] = [];
    for (let round = 1; round <= 3; round += 1) {
      await until('it is ready', () => log.filter(([message]) => message === 'standby').length === round);
      times.push(performance.now());
      const pid = pidsOf(own).at(-1) ?? 0;
      expect(named()).toBe(pid);
      process.kill(pid, 'SIGKILL');
      await until('its end is seen', () => log.some(([message, facts]) => message === 'the standby ended' && facts['standby'] === pid));
    }
    await until('it is ready', () => log.filter(([message]) => message === 'standby').length === 4);
    const [first = 0, second = 0, third = 0] = times;
    expect(third - second).toBeGreaterThan(second - first);
  });

  it.each([
    ['that exits at once', 'process.exit(3);', /it exited with code 3/],
    ['that is killed', 'process.kill(process.pid, "SIGKILL");', /it was ended by SIGKILL/],
  ])('%s before it is ready is reported and tried again', async (_name, how, why) => {
    const own = program(how);
    const { keeper, log } = await made(own, [await listening()]);
    keeper.start();
    await until('it was tried twice', () => pidsOf(own).length >= 2);
    expect(log.filter(([message]) => message === 'the standby did not start').map(([, facts]) => facts['failure'])).toContainEqual(expect.stringMatching(why));
  });

  it('whose Node is gone is reported', async () => {
    const { keeper, log } = await made(program(READY), [await listening()], join(root, 'no-node'));
    keeper.start();
    await until('it is reported', () => log.some(([, facts]) => String(facts['failure']).includes('ENOENT')));
  });

  it('gives way to a new one when a listener is opened, and only once that is ready', async () => {
    const own = program(READY);
    const all = [await listening()];
    const { keeper, log, named } = await made(own, all);
    keeper.start();
    await until('it is ready', () => log.length === 1);
    const [first = 0] = pidsOf(own);
    all.push(await listening());
    keeper.changed('opened');
    keeper.changed('opened');
    await until('another is ready', () => log.length === 2);
    const second = pidsOf(own)[1] ?? 0;
    await until('the first is gone', () => !lives(first));
    expect([pidsOf(own).length, named(), told(own)]).toEqual([2, second, expect.stringContaining('["n0","n1"]')]);
    // It was not taken for one that failed.
    expect(log.map(([message]) => message)).toEqual(['standby', 'standby']);
  });

  it('goes at once when a listener is closed, so that the address can be bound again', async () => {
    const own = program(READY);
    const server = await listening();
    const { keeper, log } = await made(own, [server]);
    keeper.start();
    await until('it is ready', () => log.length === 1);
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    await new Promise((resolve) => { server.close(resolve); });
    keeper.changed('closed');
    await keeper.released();
    const again = createServer();
    servers.push(again);
    await new Promise<void>((resolve, reject) => { again.once('error', reject).listen(address.port, '127.0.0.1', resolve); });
    await until('there is one without it', () => log.length === 2);
    expect(told(own)).toContain('standby [] ');
  });

  it('that answered once and then no more is ended and replaced', async () => {
    const own = program(`let beats = 0; process.on('message', (message) => { if (message === 'beat' && (beats += 1) === 1) process.send('beat'); }); ${READY}`);
    const { keeper, log } = await made(own, [await listening()]);
    keeper.start();
    await until('it is ended', () => log.find(([message]) => message === 'the standby did not answer and was ended'), 20_000);
    const [first = 0] = pidsOf(own);
    expect(log[1]?.[1]).toMatchObject({ standby: first, silentMs: expect.any(Number) });
    await until('another is ready', () => pidsOf(own).length === 2 && !lives(first));
  }, 40_000);

  it('that never says that it runs, as one of an earlier version, is left alone; so is one that was let go', async () => {
    const [silent, successor] = [program(READY), program(`process.once('message', (message) => { if (message === 'beat') process.send('beat'); }); process.removeAllListeners('disconnect'); setInterval(() => {}, 1000); ${READY}`)];
    const one = await made(silent, [await listening()]);
    const other = await made(program(READY), [await listening()]);
    one.keeper.start();
    const next = await other.keeper.prepare({ node: process.execPath, program: successor });
    await until('it has told that it runs', () => told(successor).includes('beat'));
    const left = other.keeper.letGo();
    await new Promise((resolve) => setTimeout(resolve, 12_500));
    expect([pidsOf(silent).length, lives(pidsOf(silent)[0] ?? 0), lives(next)]).toEqual([1, true, true]);
    process.kill(next, 'SIGKILL');
    await left;
  }, 40_000);

  it('that takes no notice of being told to leave is killed', async () => {
    const own = program(`process.removeAllListeners('message'); process.on('message', () => {}); ${READY}`);
    const { keeper, log } = await made(own, [await listening()]);
    keeper.start();
    await until('it is ready', () => log.length === 1);
    const [pid = 0] = pidsOf(own);
    await keeper.leave();
    expect(lives(pid)).toBe(false);
  });
});

describe('a successor', () => {
  it('takes the place of the standby, keeps it while listeners change, and is let go', async () => {
    const [own, next] = [program(READY), program(READY)];
    const { keeper, log, named } = await made(own, [await listening()]);
    keeper.start();
    await until('it is ready', () => log.length === 1);
    const pid = await keeper.prepare({ node: process.execPath, program: next });
    expect([pidsOf(next), named()]).toEqual([[pid], pid]);
    keeper.changed('opened');
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect([pidsOf(own).length, lives(pid)]).toEqual([1, true]);
    await keeper.letGo();
    expect(told(next)).toContain('let go');
    await expect(keeper.prepare({ node: process.execPath, program: next })).rejects.toThrow('leaves');
  });

  it('that does not start leaves the standby as it is', async () => {
    const own = program(READY);
    const { keeper, log, named } = await made(own, [await listening()]);
    keeper.start();
    await until('it is ready', () => log.length === 1);
    const [first] = pidsOf(own);
    await expect(keeper.prepare({ node: process.execPath, program: program('throw new Error("broken")') })).rejects.toThrow('it exited with code 1');
    await expect(keeper.prepare({ node: process.execPath, program: join(root, 'none.js') })).rejects.toThrow('it exited with code 1');
    expect(named()).toBe(first);
  });

  it('that is not to take over after all is replaced by a standby of the own program', async () => {
    const [own, next] = [program(READY), program(READY)];
    const { keeper, named } = await made(own);
    await keeper.prepare({ node: process.execPath, program: next });
    keeper.restore();
    await until('the own one is back', () => pidsOf(own).length === 1 && named() === pidsOf(own)[0]);
    await until('the other is gone', () => !lives(pidsOf(next)[0] ?? 0));
  });
});
