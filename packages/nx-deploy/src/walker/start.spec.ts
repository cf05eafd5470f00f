import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive } from '../shell/process-table.js';
import { bundle, lives, node, temporaryFolder, until } from '../shell/programs.spec-support.js';
import { readWalker, runFolder } from './run-folder.js';
import { launchWalker, startWalker } from './start.js';

const folder = temporaryFolder('start');
const runs = join(folder, 'runs');
const pids: number[] = [];
afterEach(() => {
  for (const pid of pids.splice(0)) if (lives(pid)) process.kill(pid, 'SIGKILL');
});

/** Does what the text of its order says. */
const program = bundle(`
import { recordWalker, runFolder } from './walker/run-folder.js';
import { writeFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
const [, , folder] = process.argv;
const run = runFolder(folder);
void recordWalker(run, process.pid).then(() => text(process.stdin)).then((input) => {
  if (input === '') process.exit(0);
  const { behave, size } = JSON.parse(input);
  if (behave === 'fail') throw new Error('planted');
  writeFileSync(run.events, JSON.stringify({ argv: process.argv.slice(2), env: process.env, cwd: process.cwd(), parent: process.ppid, size: size?.length ?? 0 }) + '\\n');
  setInterval(() => {}, 1000);
});
`, join(folder, 'walker.js'));

async function started(name: string, order: object): Promise<{ readonly pid: number; readonly told: Record<string, unknown> & { readonly parent: number } }> {
  const run = await startWalker({ runs, run: name, program, order });
  const record = await readWalker(run);
  pids.push(record?.pid ?? 0);
  expect(await isAlive(record?.pid ?? 0, record?.identity ?? '')).toBe(true);
  // Whole once its line feed is there.
  const text = await until('what it tells', () => /^.+(?=\n$)/.exec(readFileSync(run.events, 'utf8'))?.[0]);
  return { pid: record?.pid ?? 0, told: JSON.parse(text) as Record<string, unknown> & { readonly parent: number } };
}

test('the walker has no parent, no folder of the user, none of the variables of the caller, and the whole order', async () => {
  process.env['CI_SECRET_OF_THIS_TEST'] = 'x';
  const { pid, told } = await started('run-1', { behave: 'well', size: 'y'.repeat(2_000_000) });
  delete process.env['CI_SECRET_OF_THIS_TEST'];
  expect(told).toMatchObject({ argv: [join(runs, 'run-1')], cwd: '/', size: 2_000_000 });
  expect(Object.keys(told['env'] as object)).toEqual(expect.arrayContaining(['PATH']));
  expect(Object.keys(told['env'] as object).filter((name) => /CI_|JEST|NODE_ENV/.test(name))).toEqual([]);
  const stat = (who: number): readonly string[] => readFileSync(`/proc/${who}/stat`, 'latin1').replace(/^.*\) /, '').split(' ');
  // Nobody's child, and of no session that this process has anything to do with.
  expect(told.parent).not.toBe(process.pid);
  await until('its launcher has ended', () => Number(stat(pid)[1]) !== told.parent || !lives(told.parent) || told.parent === 1);
  const session = stat(pid)[3];
  expect([stat(process.pid)[3], String(process.pid)]).not.toContain(session);
  expect(Number(stat(pid)[4])).toBe(0);
});

test('one that waits for its order does nothing, and ends without one, also with whoever launched it', async () => {
  const waiting = await launchWalker({ runs, run: 'run-4', program });
  const { pid } = await until('it is on record', async () => readWalker(runFolder(join(runs, 'run-4'))));
  expect([lives(pid), existsSync(runFolder(join(runs, 'run-4')).events)]).toEqual([true, false]);
  waiting.dismiss();
  await until('it has ended', () => !lives(pid));
  const starter = bundle(`
    import { launchWalker } from './walker/start.js';
    void launchWalker(${JSON.stringify({ runs, run: 'run-5', program })}).then(() => { console.log('launched'); setInterval(() => undefined, 1_000); });
  `, join(folder, 'starter.js'));
  const { child, code } = node([starter]);
  await new Promise((done) => child.stdout?.once('data', done));
  const second = await until('it is on record', async () => readWalker(runFolder(join(runs, 'run-5'))));
  expect(lives(second.pid)).toBe(true);
  child.kill('SIGKILL');
  await code;
  await until('it has ended', () => !lives(second.pid));
});

test('a walker that fails is told with the end of its log, at once', async () => {
  const began = performance.now();
  await expect(startWalker({ runs, run: 'run-2', program, order: { behave: 'fail' } })).rejects.toMatchObject({
    code: 'ND-INTERRUPTED', parts: { what: 'the walker did not start', where: runFolder(join(runs, 'run-2')).log, problems: expect.arrayContaining([expect.stringContaining('planted')]) },
  });
  expect(performance.now() - began).toBeLessThan(10_000);
});

test('so is a program that cannot be launched', async () => {
  const broken = join(folder, 'broken.js');
  writeFileSync(broken, 'throw new Error("the bundle is broken")');
  await expect(startWalker({ runs, run: 'run-3', program: broken, order: {} })).rejects.toMatchObject({
    code: 'ND-INTERRUPTED', parts: { problems: expect.arrayContaining([expect.stringContaining('the bundle is broken')]) },
  });
});

test('the name of a run is used once', async () => {
  await expect(startWalker({ runs, run: 'run-2', program, order: {} })).rejects.toMatchObject({ code: 'ND-LOCKED' });
});
