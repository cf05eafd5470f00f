/** Symbolic links of a folder that is signed: a list of digests cannot tell of them. */
import { execFileSync } from 'node:child_process';
import { readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseSigningKey } from './keys.js';
import { formatLinks, linkProblems, parseLinks } from './links.js';
import { signPackage } from './sign-package.js';
import { BUILD, ecdsaKey, folderWith, PACKAGE } from './signing.spec-support.js';
import { verifyPackage, type Verdicts } from './verify-package.js';

const KEY = ecdsaKey();
let folder: string;
let remove: () => Promise<void>;
beforeEach(async () => { ({ folder, remove } = await folderWith(PACKAGE)); });
afterEach(async () => remove());

const at = (path: string): string => join(folder, path);
const sign = async (): Promise<readonly string[]> => signPackage({ folder, build: BUILD, key: await parseSigningKey(KEY.secret) });
const verify = async (): Promise<Verdicts> => verifyPackage({ folder, policy: { mode: 'enforce', keys: [KEY.trusted] } });
const told = ({ rules }: Verdicts): string[] => rules.flatMap(({ rule, findings }) => findings.map(({ file, problem }) => `${rule}: ${file === undefined ? '' : `${file} `}${problem}`));

describe('links', () => {
  const place = async (): Promise<void> => {
    await symlink('main.js', at('application/current.js'));
    await symlink('application', at('folder'));
    await symlink('../nothing', at('application/lost'));
    await sign();
  };

  it('are listed with where they lead, and what they lead to is covered by itself', async () => {
    await place();
    const verdicts = await verify();
    expect(told(verdicts)).toEqual([]);
    expect(verdicts.rules[0]?.detail).toBe('6 files have the digests of checksums.txt, and 3 links are those of checksums.links.json');
    expect(await readFile(at('checksums.txt'), 'utf8')).not.toMatch(/current\.js|folder|lost/);
    expect(execFileSync('sha256sum', ['-c', '--strict', 'checksums.txt'], { cwd: folder, encoding: 'utf8' })).toContain('checksums.links.json: OK');
    await writeFile(at('application/main.js'), 'changed');
    expect(told(await verify())).toEqual(['files: application/main.js was changed: its digest is not the one in checksums.txt']);
  });

  it.each<[string, () => Promise<void>, string]>([
    ['leads elsewhere', async () => { await rm(at('folder')); await symlink('application/empty', at('folder')); }, 'files: folder was changed: it leads to application/empty, and in checksums.links.json to application'],
    ['leads out', async () => { await rm(at('folder')); await symlink('/etc', at('folder')); }, 'files: folder was changed: it leads to /etc, and in checksums.links.json to application'],
    ['is gone', async () => rm(at('application/lost')), 'files: application/lost is missing'],
    ['is a file now', async () => { await rm(at('application/lost')); await writeFile(at('application/lost'), 'x'); }, 'files: application/lost is a file, and should be a link'],
    ['was added', async () => symlink('main.js', at('application/more.js')), 'unlisted: application/more.js is not in checksums.links.json'],
    ['stands for a file', async () => { await rm(at('application/main.js')); await symlink('empty', at('application/main.js')); }, 'files: application/main.js is a link, and should be a file'],
    ['stands for a folder', async () => { await rename(at('application'), at('moved')); await symlink('moved', at('application')); }, 'unlisted: application is not in checksums.links.json'],
  ])('one that %s is named', async (_, change, problem) => {
    await place();
    await change();
    expect((await verify()).accepted).toBe(false);
    expect(told(await verify())).toContain(problem);
  });

  it('that are no more are no more in the list, when it is signed again', async () => {
    await place();
    for (const path of ['application/current.js', 'application/lost', 'folder']) await rm(at(path));
    expect(await sign()).not.toContain('checksums.links.json');
    expect(told(await verify())).toEqual([]);
    await expect(readFile(at('checksums.links.json'))).rejects.toThrow('ENOENT');
  });

  it('are judged also when a trusted key signed that they leave', async () => {
    const evil = formatLinks([{ path: 'application/x', target: '../../etc' }, { path: '../y', target: 'z' }]);
    await writeFile(at('plain.json'), evil);
    await sign();
    // Whoever has the key can write what no honest program does.
    const list = (await readFile(at('checksums.txt'), 'utf8')).split('\n').map((line) => line.replace('plain.json', 'checksums.links.json')).filter((line) => line !== '').sort((a, b) => (a.slice(66) < b.slice(66) ? -1 : 1)).join('\n');
    await writeFile(at('checksums.txt'), `${list}\n`);
    await rename(at('plain.json'), at('checksums.links.json'));
    expect(told(await verify())).toEqual(expect.arrayContaining(['files: application/x leads out of the folder, or never ends', 'files: ../y leaves the folder (..)']));
  });

  it.each([
    ['no JSON', 'x', 'is no JSON'], ['null', 'null\n', 'is not in the form in which it is written'], ['without links', '{}', 'is not in the form in which it is written'],
    ['twice the same', formatLinks([{ path: 'a', target: 'b' }, { path: 'a', target: 'c' }]), undefined], ['with more', formatLinks([]).replace('"schema"', '"more": 1,\n  "schema"'), 'is not in the form in which it is written'],
    ['of numbers', '{"schema":1,"links":[1]}', 'is not in the form in which it is written'], ['out of order', formatLinks([{ path: 'a', target: 'b' }, { path: 'c', target: 'd' }]).replace('"a"', '"z"'), 'is not in the form in which it is written'],
  ])('a list that is %s is told as that', (_, text, why) => {
    const links = parseLinks(text);
    if (why !== undefined) expect(links).toBe(why);
    else expect(linkProblems(typeof links === 'string' ? [] : links)).toEqual([{ file: 'a', problem: 'is listed twice' }]);
  });

  it.each([[[{ path: 'a', target: 'b' }, { path: 'b', target: 'a' }]], [[{ path: 'd', target: '.' }, { path: 's/l', target: 'd/..' }, { path: 'x', target: 's/../../out' }]], [[{ path: 's/up', target: '..' }, { path: 'x', target: 's/up/../out' }]], [[{ path: 'a', target: '' }]]])('%j have one that is refused', (links) => {
    expect(linkProblems(links).length).toBeGreaterThan(0);
  });
});
