import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { workspace } from '../dependencies.spec-support.js';
import { lockVersion, oldestRelease, readLock } from './lock-file.js';
import { MANAGERS } from './managers.spec-support.js';
import { assertFresh } from './stale.js';

const textOf = (fixture: string): string => readFileSync(join(__dirname, 'fixtures', fixture), 'utf8');
const MANIFEST = '{"name":"root","dependencies":{"p1":"^1.0.0"}}';
/** Of another time: what older releases of each wrote. */
const OLD: Readonly<Record<string, readonly [text: string, version: number, least: number]>> = {
  npm: ['{"lockfileVersion":1,"dependencies":{}}', 1, 2], pnpm: ['lockfileVersion: 5.4\n', 5.4, 9], 'yarn 1': ['# yarn lockfile v0\n', 0, 1],
  'yarn 4': ['__metadata:\n  version: 6\n', 6, 8], bun: ['{"lockfileVersion":-1}', -1, 0],
};
/** Bytes. */
const SIZE = (process.env['NX_DEPLOY_SOAK'] === '1' ? 20 : 4) * 2 ** 20;
/** So large, and one entry is asked for. */
const LARGE: Readonly<Record<string, (padding: (entry: (index: number) => string) => string) => string>> = {
  npm: (many) => `{"lockfileVersion":3,"packages":{"":{"dependencies":{"p1":"^1.0.0"}},${many((index) => `"node_modules/p${index}":{"version":"1.0.0","resolved":"http://registry.test/p-1.0.0.tgz"},`)}"node_modules/z":{}}}\n`,
  pnpm: (many) => `lockfileVersion: '9.0'\n\nimporters:\n\n  .:\n    dependencies:\n      p1:\n        specifier: ^1.0.0\n        version: 1.0.0\n\npackages:\n\n${many((index) => `  p${index}@1.0.0:\n    resolution: {integrity: sha512-xxxxxxxxxxxxxxxxxxxx}\n\n`)}`,
  'yarn 1': (many) => `# yarn lockfile v1\n\n${many((index) => `p${index}@^1.0.0:\n  version "1.0.0"\n  resolved "http://registry.test/p-1.0.0.tgz"\n\n`)}`,
  'yarn 4': (many) => `__metadata:\n  version: 8\n\n${many((index) => `"p${index}@npm:^1.0.0":\n  version: 1.0.0\n  resolution: "p${index}@npm:1.0.0"\n\n`)}`,
  bun: (many) => `{"lockfileVersion":1,"workspaces":{"":{"dependencies":{"p1":"^1.0.0",},},},"packages":{${many((index) => `"p${index}":["p${index}@1.0.0","",{},"sha512-xxxxxxxxxxxxxxxxxxxxxxxx"],\n`)}}}\n`,
};

describe.each(MANAGERS.map((one) => [one.title, one] as const))('the lock file of %s', (title, { manager, fixture }) => {
  const refusal = async (text: string): Promise<unknown> => {
    const { root, write } = workspace();
    write({ [manager.lockFile]: text, 'package.json': MANIFEST });
    return readLock(manager, root).catch((error: unknown) => error);
  };

  it('is read as it is', async () => {
    expect(await refusal(textOf(fixture))).toBe(textOf(fixture));
  });

  it('is refused when it is empty, damaged, unmerged or of an old version', async () => {
    const refused = (why: unknown): object => ({ code: 'ND-LOCKFILE', parts: { where: expect.stringContaining(manager.lockFile) as string, why, next: expect.stringContaining(`run`) as string } });
    expect(await refusal('')).toMatchObject(refused('it is empty'));
    expect(await refusal('\n \n')).toMatchObject(refused('it is empty'));
    expect(await refusal('\u0000\u0001 nonsense')).toMatchObject(refused(expect.stringContaining('it is damaged')));
    const text = textOf(fixture);
    const [first = ''] = text.split('\n');
    const json = manager.name === 'npm' || manager.name === 'bun';
    expect(await refusal(json ? text.slice(0, text.length / 2) : first.slice(0, 10))).toMatchObject(refused(expect.stringContaining('it is damaged')));
    expect(await refusal(`${first}\n<<<<<<< HEAD\n${text}=======\n${text}>>>>>>> other\n`)).toMatchObject(refused('line 2 is a mark of a merge conflict'));
    const [old = '', version, least] = OLD[title] ?? [];
    expect(await refusal(old)).toMatchObject(refused(`it is of version ${version ?? ''}, and at least ${least ?? ''} is needed`));
  });

  it('may be large', async () => {
    const { root, write } = workspace();
    const large = LARGE[title]?.((entry) => {
      const parts: string[] = [];
      for (let index = 0, size = 0; size < SIZE; index += 1) size += parts[parts.push(entry(index)) - 1]?.length ?? 0;
      return parts.join('');
    }) ?? '';
    expect(large.length).toBeGreaterThanOrEqual(SIZE);
    write({ [manager.lockFile]: large, 'package.json': MANIFEST });
    await assertFresh(manager, root, ['.']);
    write({ 'package.json': MANIFEST.replace('^1', '^2') });
    await expect(assertFresh(manager, root, ['.'])).rejects.toMatchObject({ code: 'ND-LOCKFILE' });
  });
});

describe('a version of a lock file', () => {
  it('is known for what the managers themselves wrote', () => {
    expect(MANAGERS.map(({ title, manager, fixture }) => [title, lockVersion(manager, textOf(fixture))])).toEqual([['npm', 3], ['pnpm', 9], ['yarn 1', 1], ['yarn 4', 10], ['bun', 1]]);
  });

  it('decides how old the manager may be', () => {
    const bun = { name: 'bun', lockFile: 'bun.lock' } as const;
    expect([undefined, 0, 1, 2, 3].map((version) => oldestRelease(bun, version))).toEqual([[1, 2], [1, 2], [1, 2], [1, 4], [1, 4]]);
    expect(MANAGERS.map(({ title, manager }) => [title, oldestRelease(manager).join('.')])).toEqual([['npm', '10.8'], ['pnpm', '9.0'], ['yarn 1', '1.22'], ['yarn 4', '4.0'], ['bun', '1.2']]);
    expect(oldestRelease({ name: 'npm', lockFile: 'package-lock.json' }, 1)).toEqual([10, 8]);
  });
});
