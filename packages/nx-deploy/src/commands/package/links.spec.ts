/** Links of a package: what the archive holds, what its lists say, and what whoever takes it apart or has it unpacked finds are one. */
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatLinks, verifyPackage, type Verdicts } from 'nx-build-manifest';
import { parents } from '../../archive/manifest.js';
import { file, folder, gzip, link, tar } from '../../package/archives.spec-support.js';
import { openPackage, placeLinks } from '../../package/open.js';
import { Workbench } from '../workbench.spec-support.js';
import { membersIn, pack, packageFile } from './packages.spec-support.js';

const LINKS = { 'application/current': 'lib', 'application/lib/lost.js': 'nothing.js', 'application/main-link.js': 'main.js' };
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
let bench: Workbench;
let archive: string;
beforeAll(async () => {
  bench = await Workbench.open();
  await bench.project(packageFile());
  await bench.write('apps/api/dist/lib/a.js', 'a');
  for (const [path, target] of Object.entries(LINKS)) symlinkSync(target, join(bench.root, 'apps/api', path.replace('application', 'dist')));
  await bench.write('release.key', privateKey.export({ format: 'pem', type: 'pkcs8' }).toString());
  const { document, output } = await pack(bench, { key: 'release.key' });
  expect(output.errors).toEqual([]);
  archive = document.file;
});
afterAll(() => bench.close());

const policy = { mode: 'enforce', keys: [{ name: 'release', publicKey: publicKey.export({ format: 'pem', type: 'spki' }).toString() }] } as const;
const empty = (): string => mkdtempSync(join(bench.folder, 'unpacked-'));
const judged = (where: string): Promise<Verdicts> => verifyPackage({ folder: where, policy });
const told = ({ rules }: Verdicts): readonly string[] => rules.flatMap(({ rule, findings }) => findings.map(({ file: of, problem }) => `${rule}: ${of ?? ''} ${problem}`));

test('the archive, its list of links and the list of digests say the same, and system tar unpacks what verify accepts', async () => {
  const members = await membersIn(archive);
  expect(Object.fromEntries(Object.entries(members).filter(([, { type }]) => type === 'SymbolicLink').map(([path, { target }]) => [path, target]))).toEqual(LINKS);
  expect(members['checksums.links.json']?.content).toBe(formatLinks(Object.entries(LINKS).map(([path, target]) => ({ path, target }))));
  expect(members['checksums.txt']?.content).toMatch(/ {2}checksums\.links\.json\n/);
  const unpacked = empty();
  execFileSync('tar', ['-xzf', archive, '-C', unpacked]);
  expect(told(await judged(unpacked))).toEqual([]);
  execFileSync('sha256sum', ['-c', '--strict', '--quiet', 'checksums.txt'], { cwd: unpacked });
});

test('what is taken apart here is judged as what is unpacked by hand, once its links are made', async () => {
  const unpacked = empty();
  const opened = await openPackage(archive, unpacked);
  await placeLinks(opened);
  expect(told(await judged(unpacked))).toEqual([]);
  expect(readlinkSync(join(unpacked, 'application/current'))).toBe('lib');
  rmSync(join(unpacked, 'application/current'));
  symlinkSync('main.js', join(unpacked, 'application/current'));
  expect(told(await judged(unpacked))).toEqual(['files: application/current was changed: it leads to main.js, and in checksums.links.json to lib']);
});

test.each<[string, Readonly<Record<string, string>>, RegExp]>([
  ['leads elsewhere in the package', { ...LINKS, 'application/current': '.' }, /"application\/current": the link is not that of checksums\.links\.json/],
  ['was added', { ...LINKS, 'application/more': 'lib' }, /"application\/more": the link is not that of/],
  ['is gone', { 'application/current': 'lib', 'application/main-link.js': 'main.js' }, /"application\/lib\/lost\.js": the link is missing/],
])('an archive in which a link %s is refused, and it is named', async (_, links, problem) => {
  const contents = Object.entries(await membersIn(archive)).flatMap(([path, { type, content }]) => (type === 'File' ? [[path, content] as const] : []));
  const folders = [...new Set([...contents.map(([path]) => path), ...Object.keys(links)].flatMap(parents))].sort();
  const forged = join(bench.folder, 'forged.tar.gz');
  writeFileSync(forged, gzip(tar(...folders.map(folder), ...contents.map(([path, content]) => file(path, Buffer.from(content, 'latin1'))), ...Object.entries(links).map(([path, target]) => link(path, target)))));
  await expect(openPackage(forged, empty())).rejects.toMatchObject({ code: 'ND-PACKAGE-INVALID', parts: { problems: [expect.stringMatching(problem)] } });
});

test('a package without links has no list of them', async () => {
  for (const path of Object.keys(LINKS)) rmSync(join(bench.root, 'apps/api', path.replace('application', 'dist')));
  const kept = readFileSync(archive);
  const { document } = await pack(bench);
  expect(Object.keys(await membersIn(document.file))).not.toContain('checksums.links.json');
  expect(readFileSync(document.file).equals(kept)).toBe(false);
});
