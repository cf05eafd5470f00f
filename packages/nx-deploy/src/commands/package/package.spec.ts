import { execFileSync, spawn } from 'node:child_process';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename, join } from 'node:path';
import { smallDisk } from '../../platforms/contract/faults/small-disk.js';
import { identity } from '../../shell/process-table.js';
import { eventually, Workbench } from '../workbench.spec-support.js';
import { commit, membersIn, names, pack, packageFile, packagesOf } from './packages.spec-support.js';

let bench: Workbench;
beforeEach(async () => { bench = await Workbench.open(); });
afterEach(() => bench.close());

const sha256 = (content: Buffer | string): string => createHash('sha256').update(content).digest('hex');
const NAME = 'api-v1.0.0-20260102.030405.tar.gz';

async function project(artifact: object = {}, extra: object = {}): Promise<void> {
  await bench.project(packageFile(artifact, extra));
  await bench.write('.gitignore', 'dist\n');
}

test('holds what belongs into it, at its place, and nothing else', async () => {
  await project({ templates: ['config/*.template'], exclude: ['scripts/old/**'], requires: { node: '>=20', services: [{ name: 'postgres', version: '>=14' }] } });
  for (const [path, text] of Object.entries({
    'README.md': 'readme', 'docs/guide/one.md': 'one', 'docs/picture.png': 'png', 'scripts/db/seed.sh': 'seed', 'scripts/old/x.sh': 'x', 'scripts/run.log': 'log', 'scripts/.env': 'A=1', 'tests/smoke/up.js': 'up', 'tests/unit/a.spec.js': 'spec',
    'config/app.json.template': '{"greeting": "${GREETING}"}', 'src/main.ts': 'ts', 'environments/staging.env': 'GREETING=secret-value', 'dist/main.d.ts': 'd', 'dist/main.spec.js': 's', 'dist/debug.log': 'l', 'dist/.env.local': 'B=2',
    'dist/node_modules/lib/lib.test.js': 'kept', 'dist/node_modules/.bin/tool': 'x',
  })) await bench.write(`apps/api/${path}`, text);
  await commit(bench);
  const { exitCode, document, output } = await pack(bench);
  expect([exitCode, output.errors]).toEqual([0, []]);
  expect(names(packagesOf(bench))).toEqual([NAME, `${NAME}.sha256`, 'package-info.json']);
  const members = await membersIn(document.file);
  expect(Object.keys(members).sort()).toEqual([
    'application', 'application/config', 'application/config/app.json.template', 'application/main.js', 'application/node_modules', 'application/node_modules/lib', 'application/node_modules/lib/lib.test.js', 'application/version.txt',
    'build-manifest.json', 'checksums.txt', 'database', 'deployment-info.json', 'docs', 'docs/README.md', 'docs/guide', 'docs/guide/one.md', 'scripts', 'scripts/db', 'scripts/db/seed.sh', 'tests', 'tests/up.js', 'version-compatibility.json',
  ]);
  expect(JSON.parse(members['deployment-info.json']?.content ?? '')).toMatchObject({
    schema: 1, service: 'api', buildId: 'api-1.0.0-20260102.030405', build: { version: '1.0.0', dirty: false }, workingDirectory: 'application', entry: 'main.js', command: ['node', 'main.js'],
    templates: [{ path: 'application/config/app.json.template', variables: ['GREETING'] }], executables: [],
  });
  expect(JSON.parse(members['version-compatibility.json']?.content ?? '')).toEqual({ schema: 1, service: 'api', version: '1.0.0', node: '>=20', database: { schema: { from: null, to: null } }, services: [{ name: 'postgres', version: '>=14' }] });
  expect(JSON.parse(members['build-manifest.json']?.content ?? '')).toMatchObject({ service: 'api', version: '1.0.0', git: { dirty: false } });
  expect(JSON.stringify(members)).not.toContain('secret-value');
  expect(Object.values(members).every(({ mtime, owner }) => mtime === Date.UTC(2026, 0, 2, 3, 4, 5) / 1_000 && owner === '0:0')).toBe(true);
  expect(document.package).toMatchObject({ archive: NAME, sha256: sha256(readFileSync(document.file)), signed: [] });
  expect(output.text).toContain(`packed: api 1.0.0`);
  const run = await bench.json(join(bench.root, 'dist/package-runs/apps/api.json')) as { sizes: { leftOut: { reason: string; files: number }[] } };
  expect(run.sizes.leftOut.map(({ reason, files }) => `${reason} ${files}`).sort()).toEqual(['environment and login files 3', 'left out by "exclude" 1', 'logs 2', 'not named by any pattern 3', 'packages and files that the service does not load 1', 'sources 1', 'tests and their results 2', 'type declarations 1']);
});

test('the system\'s own programs take it apart and find every digest right', async () => {
  await project();
  const { document } = await pack(bench);
  const folder = mkdtempSync(join(bench.folder, 'by-hand-'));
  execFileSync('tar', ['-xzf', document.file, '-C', folder]);
  const said = execFileSync('sha256sum', ['-c', '--strict', 'checksums.txt'], { cwd: folder, encoding: 'utf8' });
  expect(said).toContain('application/main.js: OK');
  expect(execFileSync('sha256sum', ['-c', '--strict', `${document.file}.sha256`], { cwd: packagesOf(bench), encoding: 'utf8' })).toMatch(/tar\.gz: OK\n$/);
});

test('the same input gives the same bytes, whoever makes it and in whatever order; another commit another name', async () => {
  await project();
  await bench.write('release.key', generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'pem', type: 'pkcs8' }).toString());
  await commit(bench);
  for (const options of [{}, { key: 'release.key' }]) {
    const first = readFileSync((await pack(bench, options)).document.file);
    await bench.build('1');
    expect(readFileSync((await pack(bench, options)).document.file).equals(first)).toBe(true);
  }
  expect(names(packagesOf(bench))).toEqual([NAME, `${NAME}.sha256`, 'package-info.json']);
});

test('without git there is no time of a commit, and SOURCE_DATE_EPOCH says when', async () => {
  await project();
  const { document } = await pack(bench, {}, {}, { SOURCE_DATE_EPOCH: '1000000000' });
  expect(document.package.archive).toBe('api-v1.0.0-uncommitted.tar.gz');
  expect((await membersIn(document.file))['application/main.js']?.mtime).toBe(1_000_000_000);
});

test('the folder is emptied of what is ours first, and of nothing else, also when the next package fails', async () => {
  await project();
  await pack(bench);
  const folder = packagesOf(bench);
  for (const name of ['api-v0.9.0-20250101.000000.tar.gz', 'api-v0.9.0-20250101.000000.tar.gz.sha256', '.package.999999999.00000000-0000-4000-8000-000000000000.tmp', 'other-v1.tar.gz', 'notes.txt']) writeFileSync(join(folder, name), '');
  await pack(bench);
  expect(names(folder)).toEqual(['api-v1.0.0-uncommitted.tar.gz', 'api-v1.0.0-uncommitted.tar.gz.sha256', 'notes.txt', 'other-v1.tar.gz', 'package-info.json']);
  rmSync(join(bench.root, 'apps/api/dist'), { recursive: true });
  const { exitCode, document } = await pack(bench);
  expect([exitCode, document.error?.code]).toEqual([3, 'ND-ARTIFACT-MISSING']);
  expect(names(folder)).toEqual(['notes.txt', 'other-v1.tar.gz']);
});

test('two at once: one makes it, the other is refused and told who is at it; one that was killed is in nobody\'s way', async () => {
  await project();
  const both = await Promise.all([pack(bench), pack(bench)]);
  expect(both.map(({ exitCode }) => exitCode).sort()).toEqual([0, 3]);
  const [made, refused] = both[0].exitCode === 0 ? both : [both[1], both[0]];
  expect(refused.document.error).toMatchObject({ code: 'ND-LOCKED', why: expect.stringContaining(`process ${process.pid} on `) });
  expect(names(packagesOf(bench))).toEqual([basename(made.document.file), `${basename(made.document.file)}.sha256`, 'package-info.json']);
  const locks = join(bench.context().home.folder, 'image-blobs/locks');
  expect(readdirSync(locks)).toEqual([]);
  const killed = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  const name = createHash('sha256').update(`package ${join(realpathSync(bench.root), 'dist/packages/apps/api')}`).digest('hex');
  writeFileSync(join(locks, name), JSON.stringify({ pid: killed.pid, identity: await identity(killed.pid ?? 0), host: hostname(), since: Date.now(), token: 'other' }));
  expect((await pack(bench)).document.error).toMatchObject({ code: 'ND-LOCKED', why: expect.stringContaining(`process ${String(killed.pid)} on `) });
  killed.kill('SIGKILL');
  await once(killed, 'exit');
  expect((await pack(bench)).exitCode).toBe(0);
  writeFileSync(join(locks, name), 'no owner');
  expect((await pack(bench)).exitCode).toBe(0);
  expect(readdirSync(locks)).toEqual([]);
});

describe('the service is started from it', () => {
  test('and is healthy, with the defaults of its schema and the variables that it is given', async () => {
    await project({ smoke: { env: { SPECIAL: 'given' } }, templates: ['config/*.template'] });
    await bench.write('apps/api/config/app.json.template', '{"a": "${SPECIAL}", "b": "${USUAL}"}');
    await bench.write('apps/api/environments/env.schema.json', { type: 'object', properties: { USUAL: { type: 'string', default: 'usual' } } });
    const { exitCode, output, document } = await pack(bench);
    expect([exitCode, output.errors]).toEqual([0, []]);
    expect(output.text).toMatch(/checked {3}every digest; the service was healthy after/);
    expect(output.phases).toEqual(expect.arrayContaining(['verify done', 'start done']));
    expect(Object.keys(await membersIn(document.file))).toContain('application/config/app.json.template');
  });

  test.each([
    ['ends at once', 'exits-at-start', {}, /it ended by itself with exit code/],
    ['never answers', 'never-healthy', { timeout: '400ms' }, /did not pass within 0.4 s/],
  ])('and when it %s nothing of the package stays', async (_, fixture, smoke, why) => {
    await bench.project(packageFile({ smoke }), { fixture });
    const { exitCode, document } = await pack(bench);
    expect([exitCode, document.error?.code]).toEqual([1, 'ND-PACKAGE-SMOKE']);
    expect(document.error?.why).toMatch(why);
    expect(names(packagesOf(bench))).toEqual([]);
    expect(readdirSync(join(bench.home.folder, 'packages'))).toEqual([]);
  });

  test('a template that lacks a variable is told by its name', async () => {
    await project({ smoke: {}, templates: ['config/*.template'] });
    await bench.write('apps/api/config/app.txt.template', '${MISSING}');
    const { document } = await pack(bench);
    expect(document.error).toMatchObject({ code: 'ND-PACKAGE-TEMPLATE', problems: ['"application/config/app.txt.template": the variable MISSING is not set'] });
  });
});

test.each<[string, object, Readonly<Record<string, string>>, RegExp]>([
  ['two files of one place', { docs: ['a/*.md', 'b/*.md'] }, { 'a/x.md': '1', 'b/x.md': '2' }, /"b\/x.md" and "a\/x.md" would both be "docs\/x.md"/],
  ['a template without its ending', { templates: ['config/*'] }, { 'config/a.json': '{}' }, /a template's name ends with ".template"/],
  ['a template where a file is', { templates: ['main.js.template'] }, { 'main.js.template': 'x' }, /"application\/main.js": a template is filled in there/],
  ['a name that no package can hold', {}, { 'docs/.wh.a.md': 'x' }, /delete files/],
])('refuses %s', async (_, artifact, files, told) => {
  await project(artifact);
  for (const [path, text] of Object.entries(files)) await bench.write(`apps/api/${path}`, text);
  const { exitCode, document } = await pack(bench);
  expect([exitCode, document.error?.code]).toEqual([3, 'ND-ARTIFACT-UNSAFE']);
  expect(document.error?.problems?.join('\n')).toMatch(told);
});

test('names of any length and sign, and a project without tests, docs or scripts', async () => {
  await project();
  const long = `dist/${'d'.repeat(200)}/${'\u00e9\u4e16'.repeat(40)}.txt`;
  await bench.write(`apps/api/${long}`, 'x');
  const { exitCode, document } = await pack(bench);
  expect(exitCode).toBe(0);
  expect(Object.keys(await membersIn(document.file))).toEqual(expect.arrayContaining([long.replace('dist', 'application'), 'tests', 'docs', 'scripts', 'database']));
});

test('an API that breaks clients of the release before is told, and the package of that release serves to compare', async () => {
  const document = (paths: object): object => ({ openapi: '3.1.0', info: { version: '1' }, paths });
  await project({ api: { document: 'openapi.json' } });
  await bench.write('apps/api/openapi.json', document({ '/a': { get: { responses: {} } }, '/b': { get: { responses: {} } } }));
  const first = await pack(bench);
  expect(first.document.package.breaking).toEqual([]);
  await bench.write('apps/api/released.tar.gz', readFileSync(first.document.file).toString('latin1'));
  writeFileSync(join(bench.root, 'apps/api/released.tar.gz'), readFileSync(first.document.file));
  await bench.write('apps/api/openapi.json', document({ '/a': { post: { responses: {} } } }));
  await bench.write('apps/api/deploy.json', packageFile({ api: { document: 'openapi.json', previous: 'released.tar.gz' } }));
  const second = await pack(bench);
  expect(second.document.package.breaking).toEqual(['/b: the path is gone', 'GET /a: the operation is gone']);
  expect(second.output.events).toContainEqual({ type: 'note', text: 'breaks clients of the release before: /b: the path is gone' });
  const members = await membersIn(second.document.file);
  expect(JSON.parse(members['version-compatibility.json']?.content ?? '')).toMatchObject({ api: { document: 'docs/api.json', compatible: false, previous: { version: '1' } } });
  await bench.write('apps/api/openapi.json', 'no json');
  expect((await pack(bench)).document.error).toMatchObject({ code: 'ND-CONFIG-INVALID' });
});

test('with a key it is signed, and openssl finds the signature right', async () => {
  await project();
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  await bench.write('release.key', privateKey.export({ format: 'pem', type: 'pkcs8' }).toString());
  await bench.write('release.pub', publicKey.export({ format: 'pem', type: 'spki' }).toString());
  const { document, output } = await pack(bench, { key: 'release.key' });
  expect(output.errors).toEqual([]);
  expect(document.package.signed).toEqual(['checksums.txt.sig', 'provenance.intoto.json', 'provenance.sigstore.json']);
  const folder = mkdtempSync(join(bench.folder, 'by-hand-'));
  execFileSync('tar', ['-xzf', document.file, '-C', folder]);
  expect(execFileSync('openssl', ['dgst', '-sha256', '-verify', join(bench.root, 'release.pub'), '-signature', 'checksums.txt.sig', 'checksums.txt'], { cwd: folder, encoding: 'utf8' })).toContain('Verified OK');
  const refused = await pack(bench, { key: 'package.json' });
  expect(refused.document.error?.code).toBe('ND-OPTION-INVALID');
  expect(existsSync(document.file)).toBe(true);
});

test('a full disk is told, and leaves no half of a package', async () => {
  const disk = smallDisk();
  if (disk === undefined) {
    process.stdout.write('NOT TESTED: a full disk, as this user may not mount\n');
    return;
  }
  try {
    await project();
    const folder = join(disk.folder, 'acme');
    execFileSync('cp', ['-r', bench.root, folder]);
    disk.fill();
    const { makePackage } = await import('../package.js');
    const result = await makePackage({ ...bench.context(), workspaceRoot: folder }, {});
    expect(result.document).toMatchObject({ error: { code: 'ND-DISK-FULL' } });
    expect(existsSync(join(folder, 'dist/packages/apps/api')) ? names(join(folder, 'dist/packages/apps/api')) : []).toEqual([]);
  } finally {
    disk.remove();
  }
});

test('a kill in the middle leaves nothing that could be taken for a package, and the next one cleans up', async () => {
  await project();
  await bench.write('nx.json', {});
  await bench.write('apps/api/project.json', { name: 'api' });
  writeFileSync(join(bench.root, 'apps/api/dist/big.bin'), Buffer.alloc(120_000_000, 'abcdefghi'));
  const bin = join(__dirname, '../../../dist/bundles/nx-deploy.js');
  const killed = spawn(process.execPath, [bin, 'package', 'api', '--json'], { cwd: bench.root, env: { ...bench.variables, NX_DAEMON: 'false', HOME: bench.folder }, stdio: 'ignore' });
  const folder = packagesOf(bench);
  const temporary = (): string | undefined => (existsSync(folder) ? names(folder).find((name) => name.endsWith('.tmp')) : undefined);
  await eventually(() => temporary() !== undefined, 'the writing to begin', 30_000);
  killed.kill('SIGKILL');
  await new Promise((resolve) => { killed.once('exit', resolve); });
  expect(names(folder).filter((name) => !name.startsWith('.'))).toEqual([]);
  rmSync(join(bench.root, 'apps/api/dist/big.bin'));
  expect((await pack(bench)).exitCode).toBe(0);
  expect(names(folder)).toEqual(['api-v1.0.0-uncommitted.tar.gz', 'api-v1.0.0-uncommitted.tar.gz.sha256', 'package-info.json']);
}, 60_000);

test('as many files as a service has with all of its modules', async () => {
  const count = process.env['NX_DEPLOY_SOAK'] === '1' ? 30_000 : 3_000;
  await project();
  const folder = join(bench.root, 'apps/api/dist/node_modules/many');
  for (let index = 0; index < count; index += 1) {
    if (index % 500 === 0) mkdirSync(join(folder, String(index / 500)), { recursive: true });
    writeFileSync(join(folder, String(Math.floor(index / 500)), `${index}.js`), `module.exports = ${index};\n`);
  }
  const { exitCode, document } = await pack(bench);
  expect(exitCode).toBe(0);
  expect(document.package.files).toBeGreaterThan(count);
}, 120_000);
