import type { DeployError } from '../../errors.js';
import { arrange, type Entry } from './entry.js';

const file = (path: string): Entry => ({ path, type: 'file', mode: 0o644, source: Buffer.from('') });
const link = (path: string, target: string): Entry => ({ path, type: 'symlink', target });
const problemsOf = async (...entries: Entry[]): Promise<unknown> => {
  const failure = await arrange(entries).then(() => undefined, (error: unknown) => error);
  expect(failure).toMatchObject({ code: 'ND-ARTIFACT-UNSAFE' });
  return (failure as DeployError).parts.problems;
};

it('sorts by bytes, where the order of strings differs', async () => {
  const names = ['\uff5e', '\ud83d\ude80', 'z', 'Z', 'a/b', 'a-b', 'a', '\u00e9'];
  const entries = await arrange(names.map((path): Entry => (path === 'a' ? { path, type: 'directory' } : file(path))));
  expect(entries.map(({ path }) => path)).toEqual([...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
  expect([...names].sort()).not.toEqual(entries.map(({ path }) => path));
});

it('takes what comes one by one, and adds the folders above', async () => {
  async function* come(): AsyncGenerator<Entry> {
    yield file('x/y/z');
    yield { path: 'x', type: 'directory' };
    yield { path: 'x', type: 'directory' };
  }
  expect((await arrange(come())).map(({ path, type }) => `${type} ${path}`)).toEqual(['directory x', 'directory x/y', 'file x/y/z']);
});

it.each([
  ['', 'the name is empty'], ['/etc/passwd', 'the path is absolute'], ['a/../../etc', 'empty, "." or ".."'], ['..', 'empty, "." or ".."'], ['./a', 'empty, "." or ".."'],
  ['a//b', 'empty, "." or ".."'], ['a/', 'empty, "." or ".."'], ['a\0b', 'NUL'], ['a/.wh.b', 'delete'], ['.wh..wh..opq', 'delete'], ['\ud800', 'Unicode'],
  ['x'.repeat(256), 'longer'], [Array.from({ length: 50 }, () => 'x'.repeat(100)).join('/'), 'longer'],
])('refuses the path %j', async (path, why) => {
  expect(await problemsOf(file(path))).toEqual([expect.stringContaining(why)]);
});

it('refuses links without a target, and files written through a link or a file', async () => {
  expect(await problemsOf(link('a', ''), link('b', 'x\0y'), link('c', '\ud800'))).toHaveLength(3);
  expect(await problemsOf(link('a', '/etc'), file('a/passwd'))).toEqual(['"a/passwd": "a" on its way is no folder']);
  expect(await problemsOf(file('b/c/d'), file('b'))).toEqual(['"b/c/d": "b" on its way is no folder']);
});

it('refuses what stands twice, a relative source, and content of another size', async () => {
  expect(await problemsOf(file('a'), file('a'))).toEqual(['"a": it stands twice in the list']);
  expect(await problemsOf(file('a'), { path: 'a', type: 'directory' })).toEqual(['"a": it stands twice in the list']);
  expect(await problemsOf({ path: 'a', type: 'file', mode: 0, source: 'here' })).toEqual(['"a": its source is no absolute path']);
  expect(await problemsOf({ path: 'a', type: 'file', mode: 0, source: Buffer.from('xy'), size: 3 })).toEqual(['"a": its content has 2 bytes, not 3']);
});

it('shows twenty problems and counts the others, in plain ASCII', async () => {
  const problems = await problemsOf(...Array.from({ length: 30 }, (_value, index) => file(`/\u00e9${index}`))) as string[];
  expect(problems).toHaveLength(21);
  expect(problems[0]).toBe('"/\\u00e90": the path is absolute');
  expect(problems[20]).toBe('and 10 more');
});
