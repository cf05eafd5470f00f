/** The program that keeps state, run by the shells that images have. */
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeUnless } from '../../../../../tools/images/needs.spec-support.js';
import { describeStateFiles } from '../../releases/state-files.spec-support.js';
import { describeStateStore } from '../../releases/state-store.spec-support.js';
import { temporaryFolder, until } from '../../shell/programs.spec-support.js';
import { hold } from '../../shell/engine/held.js';
import { engineFiles } from './files.js';
import { Keeper, KeeperGone, isPath, keeperArguments } from './keeper.js';
import { HEADER } from './keeper-program.js';
import { keeperOf, shellsIn } from './shells.spec-support.js';

const root = temporaryFolder('keeper');
let count = 0;
const fresh = (): string => {
  const folder = join(root, String(count += 1));
  mkdirSync(folder);
  return folder;
};

for (const shell of shellsIn(join(root, 'busybox'))) {
  describeUnless(shell.program === undefined ? 'not installed' : undefined, `a keeper of ${shell.name}`, () => {
    const keepers: Keeper[] = [];
    const open = async (folder = fresh(), options: Parameters<typeof keeperOf>[2] = {}): Promise<Keeper> => {
      const keeper = await keeperOf(shell, folder, options);
      keepers.push(keeper);
      return keeper;
    };
    const filesOf = async (folder?: string): Promise<ReturnType<typeof engineFiles>> => {
      const keeper = await open(folder);
      return engineFiles({ name: 'here', ask: (question) => keeper.ask(question) });
    };
    afterEach(async () => { await Promise.all(keepers.splice(0).map((keeper) => keeper.close())); });

    describeStateFiles('state by way of a keeper', () => filesOf(), process.env['NX_DEPLOY_SOAK'] === '1' ? 100 : 5);

    describeStateStore('a store by way of a keeper', () => filesOf());

    it('makes files and folders that only their owner reads, however they are made', async () => {
      const folder = fresh();
      const files = await filesOf(folder);
      await files.write('write/a', 'x');
      await files.append('append/a', 'x');
      await files.create('create/a', 'x');
      const modes = ['write', 'append', 'create'].flatMap((name) => [name, `${name}/a`]).map((path) => statSync(join(folder, path)).mode & 0o777);
      expect(modes).toEqual([0o700, 0o600, 0o700, 0o600, 0o700, 0o600]);
    });

    it.each([0, 1, HEADER - 1, HEADER, HEADER + 1, HEADER + 500, HEADER + 40_000])('changes nothing when its client ends after %i bytes of a question', async (bytes) => {
      const folder = fresh();
      const files = await filesOf(folder);
      await files.write('kept', 'before');
      await files.append('log', 'before');
      for (const operation of ['write kept', 'append log', 'create made']) {
        let send: (content: Uint8Array) => void = () => undefined;
        const [kind = '', path = ''] = operation.split(' ');
        const keeper = await open(folder, { beside: (held) => { send = held.sendBytes; } });
        const question = Buffer.concat([Buffer.from(`${kind} 50000 ${path} ${path}.1.ab.tmp`.padEnd(HEADER - 1)), Buffer.from('\n'), Buffer.alloc(50_000, 'x')]);
        send(question.subarray(0, bytes));
        await keeper.close();
      }
      expect(readdirSync(folder).toSorted()).toEqual(['kept', 'log']);
      expect(readFileSync(join(folder, 'kept'), 'utf8')).toBe('before');
      expect(readFileSync(join(folder, 'log'), 'utf8')).toBe('before');
    });

    it('ends when it is not asked for a while, and its client knows', async () => {
      const keeper = await open(fresh(), { limit: 1 });
      await keeper.ask({ operation: 'beat', path: '.' });
      await until('it has ended', () => keeper.ended, 10_000);
      await expect(keeper.ask({ operation: 'beat', path: '.' })).rejects.toBeInstanceOf(KeeperGone);
    });

    it('goes on for as long as it is asked', async () => {
      const keeper = await open(fresh(), { limit: 1 });
      const end = performance.now() + 2_500;
      while (performance.now() < end) {
        expect(await keeper.ask({ operation: 'beat', path: '.' })).toMatchObject({ word: 'ok' });
        await new Promise((wake) => setTimeout(wake, 200));
      }
    }, 20_000);

    it.each([
      ['sends a part of a content and then nothing', (header: Buffer) => Buffer.concat([header, Buffer.alloc(100)])],
      ['sends a part of a question and then nothing', (header: Buffer) => header.subarray(0, 50)],
      ['takes nothing of what it asked for', () => Buffer.from(`${'read 0 large -'.padEnd(HEADER - 1)}\n`)],
    ])('ends when its client %s', async (_what, sent) => {
      const folder = fresh();
      writeFileSync(join(folder, 'large'), Buffer.alloc(3_000_000));
      const child = spawn(shell.program ?? 'sh', keeperArguments(1, { folder }), { env: { PATH: shell.path }, stdio: ['pipe', 'pipe', 'ignore'] });
      const ended = new Promise<number | null>((done) => { child.once('exit', done); });
      await new Promise((ready) => child.stdout.once('readable', ready));
      child.stdin.on('error', () => undefined).write(sent(Buffer.from(`${'write 5000 a a.1.ab.tmp'.padEnd(HEADER - 1)}\n`)));
      expect(await ended).not.toBeNull();
      child.stdin.destroy();
      child.stdout.destroy();
      expect(readdirSync(folder)).toEqual(['large']);
    }, 20_000);

    describe('that locks', () => {
      let locks: string;
      beforeEach(() => { locks = fresh(); });
      const take = (holder: string, folder = fresh()): Promise<Keeper> => open(folder, { locks, lock: { name: 'api.test.0123456789', holder } });
      const asked = async (operation: 'holder' | 'end', other?: string): Promise<string> => {
        const keeper = await open(fresh(), { locks });
        const { word, content } = await keeper.ask({ operation, path: 'api.test.0123456789', ...(other === undefined ? {} : { other }) });
        return word === 'ok' ? content.toString() : word;
      };
      const HOLDER = '{"run":"one","who":"a \\"b\\" $(id) `id` \u00e4 %s"}';

      it('has one holder, tells who that is, and is free when that is closed', async () => {
        expect(await asked('holder')).toBe('none');
        const one = await take(HOLDER);
        expect(await asked('holder')).toMatch(/^\d+ \{/);
        expect((await asked('holder')).replace(/^\d+ /, '')).toBe(HOLDER);
        await expect(take('two')).rejects.toThrow(JSON.stringify({ held: HOLDER }));
        await one.ask({ operation: 'write', path: 'a', other: 'a.tmp', content: Buffer.from('x') });
        await one.close();
        expect(await asked('holder')).toBe('none');
        await (await take('two')).close();
      });

      it('is free at once when it is given back after a write', async () => {
        const times: number[] = [];
        for (let round = 0; round < 5; round += 1) {
          const began = performance.now();
          const keeper = await take('one');
          times.push(performance.now() - began);
          await keeper.ask({ operation: 'write', path: 'a', other: 'a.tmp', content: Buffer.from('x') });
          await keeper.close();
        }
        // Whoever finds it taken looks again after 100 ms.
        expect(Math.min(...times.slice(1))).toBeLessThan(100);
      });

      it('is taken away from the process that holds it, and from no other', async () => {
        const one = await take('one');
        const [process_ = ''] = (await asked('holder')).split(' ');
        expect(await asked('end', '1')).toBe('none');
        await one.ask({ operation: 'beat', path: '.' });
        expect(await asked('end', process_)).toBe('');
        await expect(one.ask({ operation: 'beat', path: '.' })).rejects.toBeInstanceOf(KeeperGone);
        expect(await asked('end', process_)).toBe('none');
        await (await take('two')).close();
      });

      it('is taken by one of several who ask at once', async () => {
        const results = await Promise.allSettled(['a', 'b', 'c', 'd'].map((name) => take(name)));
        expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      });
    });

    it('tells a folder that is not there from one that is empty', async () => {
      await expect(keeperOf(shell, join(root, 'none'))).rejects.toThrow('absent');
    });
  });
}

test('an image that lacks a program is named as unfit, with the program', async () => {
  const sh = shellsIn(join(root, 'lacking')).find(({ name }) => name.startsWith('dash'));
  const opening = Keeper.open({ name: 'docker, context prod', hold: async (args) => hold([sh?.program ?? 'sh', ...args], { PATH: root }) }, keeperArguments(30, { folder: root }));
  await expect(opening).rejects.toMatchObject({ code: 'ND-ENGINE-UNSUPPORTED', parts: { where: 'docker, context prod', why: 'it has no timeout' } });
});

test('what the engine says instead of a program is a complaint, also where it says so on standard output', async () => {
  const said = 'OCI runtime exec failed: write /run/x: no space left on device: unknown';
  const client = { name: 'docker', hold: async () => hold(['/bin/sh', '-c', `echo '${said}'; echo beside >&2; exit 126`], {}) };
  expect(await Keeper.open(client, [])).toEqual({ complaints: `${said}\nbeside` });
});

describe('a question', () => {
  it.each(['', '/etc/passwd', '../x', 'a/../b', 'a//b', 'a/', './a', '.a', '-n', 'a b', 'a\nb', 'a;b', '$(id)', '*', '\u00e4'])('never has a path like %j', async (path) => {
    expect(isPath(path)).toBe(false);
    const asked: unknown[] = [];
    const held = { started: true, ended: new Promise<never>(() => undefined), line: () => Promise.resolve('ready'), bytes: () => Promise.resolve(undefined), send: () => undefined, sendBytes: (content: unknown) => { asked.push(content); }, close: () => Promise.resolve() };
    const keeper = await Keeper.open({ name: 'here', hold: () => Promise.resolve(held) }, []);
    if (!(keeper instanceof Keeper)) throw new Error('not opened');
    await expect(keeper.ask({ operation: 'tree', path })).rejects.toThrow('not a question');
    expect(asked).toEqual([]);
  });

  it('has every path that state has', () => {
    for (const path of ['target.key', 'services/api.production.0123456789/releases/r0123456789ab.json', 'a.123.abcdef01.tmp', 'journal.json.damaged-20260101T000000-ab12']) expect(isPath(path)).toBe(true);
  });
});
