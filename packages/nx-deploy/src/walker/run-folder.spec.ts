import { existsSync, mkdirSync, mkdtempSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { node, temporaryFolder, until } from '../shell/programs.spec-support.js';
import { createRunFolder, readWalker, recordWalker, runFolder, walkerLives } from './run-folder.js';

const root = temporaryFolder('runs');
const fresh = (): string => mkdtempSync(join(root, 'x-'));
const runs = join(root, 'runs');
const mode = (path: string): number => statSync(path).mode & 0o777;

test('a run gets a folder of its own that only its owner may open, and never that of another', async () => {
  const made = await createRunFolder(runs, 'run-1');
  expect([mode(runs), mode(made.folder)]).toEqual([0o700, 0o700]);
  expect(made).toEqual(runFolder(join(runs, 'run-1')));
  await expect(createRunFolder(runs, 'run-1')).rejects.toMatchObject({ code: 'ND-LOCKED' });
});

test.each(['', '.', '..', '../x', 'a/b', '-x', 'a b', 'x'.repeat(101), 'a\0'])('%j is not the name of a run', async (name) => {
  await expect(createRunFolder(runs, name)).rejects.toMatchObject({ code: 'ND-OPTION-INVALID' });
});

test('what stands in the way of the folder is told', async () => {
  const file = join(fresh(), 'file');
  writeFileSync(file, '');
  await expect(createRunFolder(join(file, 'runs'), 'run-1')).rejects.toMatchObject({ code: 'ENOTDIR' });
});

test('a walker is known by its process and the time it was started', async () => {
  const made = await createRunFolder(runs, 'run-2');
  expect(await walkerLives(made)).toBe(false);
  const { child, code } = node(['-e', 'setInterval(() => {}, 1000)']);
  await recordWalker(made, child.pid ?? 0);
  expect(mode(made.walker)).toBe(0o600);
  expect(await readWalker(made)).toMatchObject({ pid: child.pid, startedAt: expect.stringMatching(/^\d{4}-.*Z$/) });
  expect(await walkerLives(made)).toBe(true);
  child.kill('SIGKILL');
  await code;
  expect(await walkerLives(made)).toBe(false);
  // The same number, another process.
  await recordWalker(made, process.pid);
  const record = JSON.parse(readFileSync(made.walker, 'utf8')) as object;
  writeFileSync(made.walker, JSON.stringify({ ...record, identity: 'boot:1' }));
  expect(await walkerLives(made)).toBe(false);
});

test.each(['', '{', 'null', '[]', '{"pid":0,"identity":"x"}', '{"pid":"5","identity":"x"}', '{"pid":5,"identity":""}', '{"pid":5}', '{"pid":1,"identity":"x"}'])('%j names no walker', async (text) => {
  const made = runFolder(join(fresh(), 'run'));
  mkdirSync(made.folder);
  writeFileSync(made.walker, text);
  expect(await readWalker(made)).toBeUndefined();
});

test('a record that cannot be read is an error, not an absence', async () => {
  const made = runFolder(join(fresh(), 'run'));
  mkdirSync(made.walker, { recursive: true });
  await expect(readWalker(made)).rejects.toMatchObject({ code: 'EISDIR' });
});

test('the folders of old runs go, those whose walkers live stay', async () => {
  const many = join(fresh(), 'runs');
  const oldest = await createRunFolder(many, 'run-0');
  await recordWalker(oldest, process.pid);
  utimesSync(oldest.folder, 1, 1);
  for (let index = 1; index <= 52; index += 1) {
    const { folder } = await createRunFolder(many, `run-${index}`);
    utimesSync(folder, 1_000 + index, 1_000 + index);
  }
  const left = (await until('the folders', () => [0, 1, 2, 3, 51, 52].filter((index) => existsSync(join(many, `run-${index}`)))));
  expect(left).toEqual([0, 3, 51, 52]);
});
