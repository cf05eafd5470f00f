import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive } from '../shell/process-table.js';
import { bundle, lives, temporaryFolder, until } from '../shell/programs.spec-support.js';
import { readWalker, runFolder } from './run-folder.js';
import { startWalker } from './start.js';

const folder = temporaryFolder('start');
const runs = join(folder, 'runs');
const pids: number[] = [];
afterEach(() => {
  for (const pid of pids.splice(0)) if (lives(pid)) process.kill(pid, 'SIGKILL');
});

/** Launches as every walker does; `run` does what the text says. */
const program = bundle(`
import { detach } from './shell/detach.js';
import { recordWalker, runFolder } from './walker/run-folder.js';
import { writeFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
const [, self, role, folder] = process.argv;
const run = runFolder(folder);
void text(process.stdin).then(async (input) => {
if (role === 'launch') await detach(process.execPath, [self, 'run', folder], { env: { ...process.env }, output: 2, input, before: (pid) => recordWalker(run, pid) });
else {
  const { behave, size } = JSON.parse(input);
  if (behave === 'fail') throw new Error('planted');
  writeFileSync(run.events, JSON.stringify({ argv: process.argv.slice(2), env: process.env, cwd: process.cwd(), parent: process.ppid, size: size?.length ?? 0 }) + '\\n');
  setInterval(() => {}, 1000);
}
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
  expect(told).toMatchObject({ argv: ['run', join(runs, 'run-1')], cwd: '/', size: 2_000_000 });
  expect(Object.keys(told['env'] as object)).toEqual(expect.arrayContaining(['PATH']));
  expect(Object.keys(told['env'] as object).filter((name) => /CI_|JEST|NODE_ENV/.test(name))).toEqual([]);
  const stat = (who: number): readonly string[] => readFileSync(`/proc/${who}/stat`, 'latin1').replace(/^.*\) /, '').split(' ');
  await until('its launcher has ended', () => Number(stat(pid)[1]) !== told.parent || !lives(told.parent) || told.parent === 1);
  // A session of its own: it leads it.
  expect(Number(stat(pid)[3])).toBe(pid);
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
