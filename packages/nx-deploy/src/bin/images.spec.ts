/** The commands about images as a user runs them, with files and disks as bad as they come. The builder is the product's own. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { filesIn } from '../image/blobs/blobs.spec-support.js';
import { LISTENS } from '../image/builders/oci/oci.spec-support.js';
import { openBlobs } from '../image/blobs/index.js';
import { storeLayer } from '../image/layer/index.js';
import { membersOf } from '../image/layer/layer.spec-support.js';
import { blobFile, readLayout, writeLayout } from '../image/layout/index.js';
import { smallDisk, type SmallDisk } from '../platforms/contract/faults/small-disk.js';
import { temporaryFolder } from '../shell/programs.spec-support.js';
import { main } from './nx-deploy.js';

const everything = temporaryFolder('bin-images');
const base = join(everything, 'base');
const cwd = process.cwd();
let folder: string;
let root: string;
let variables: NodeJS.ProcessEnv;
let stdout: string;
/** Called whenever something was printed. */
let whilePrinting: () => void;

beforeAll(async () => {
  const store = openBlobs(join(everything, 'store of the base'));
  const layer = await storeLayer(store, [{ path: 'usr/bin/node', type: 'file', mode: 0o755, source: Buffer.from('#!/bin/sh\n') }]);
  const config = { os: 'linux', architecture: process.arch === 'arm64' ? 'arm64' : 'amd64', config: { Env: ['PATH=/usr/bin'] }, rootfs: { type: 'layers', diff_ids: [layer.diffId] } } as const;
  await writeLayout(base, [{ config, layers: [layer] }], { store });
});
afterAll(() => process.chdir(cwd));
beforeEach(() => {
  folder = mkdtempSync(join(everything, 'n'));
  root = join(folder, 'shop');
  variables = { PATH: process.env['PATH'], HOME: folder, TMPDIR: folder, NX_DEPLOY_HOME: join(folder, 'home') };
  stdout = '';
  whilePrinting = () => undefined;
  write('nx.json', '{}');
  // As Nx leaves it, so that no graph is made for each command.
  write('.nx/workspace-data/project-graph.json', JSON.stringify({ nodes: { api: { name: 'api', type: 'app', data: { root: 'apps/api' } } } }));
  write('apps/api/package.json', '{ "name": "api", "version": "1.2.0" }');
  write('apps/api/deploy.json', JSON.stringify({ artifact: { type: 'image', path: 'dist', base: 'oci:{workspaceRoot}/images/node', platforms: [`linux/${process.arch === 'arm64' ? 'arm64' : 'amd64'}`] }, environments: { staging: {} } }));
  cpSync(base, join(root, 'images/node'), { recursive: true });
  write('apps/api/dist/main.js', LISTENS);
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
    stdout += String(text);
    whilePrinting();
    return true;
  });
});
afterEach(() => jest.restoreAllMocks());

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}
async function run(...argv: readonly string[]): Promise<number> {
  stdout = '';
  return main(argv, join(root, 'apps/api'), variables);
}
interface Told {
  readonly outcome: string;
  readonly error?: { readonly code: string; readonly what: string; readonly where?: string; readonly why?: string; readonly problems?: readonly string[] };
}
async function told(...argv: readonly string[]): Promise<Told & { readonly exitCode: number }> {
  const exitCode = await run(...argv, '--json');
  return { ...JSON.parse(stdout) as Told, exitCode };
}
/** What is written below dist, and what is half of something anywhere. */
const output = (): Promise<string[]> => filesIn(join(root, 'dist'));
const halves = async (home = join(folder, 'home')): Promise<string[]> => [
  ...(await filesIn(join(home, 'image-blobs'))).filter((file) => !/^(?:sha256|records|unpacked)\/|^digests\/[0-9a-f]{64}\.json$/.test(file)), ...(await output()).filter((file) => file.includes('.tmp')),
];

test('hostile names are files like any other, and nothing of them reaches the terminal', async () => {
  const names = ['line\nbreak', '; touch pwned', '$(touch pwned)', '`id`', '..hidden', '...', '-rf', ' ', 'a"b\'c', 'back\\slash', '\u001b[31mred', '\u00e9\u6f22\u{1f600}', 'u\u0308', 'n'.repeat(255), '..\\..\\x', '%2e%2e', '__proto__', '#'];
  const deep = `${'folder-with-a-long-name/'.repeat(12)}file`;
  for (const name of [...names, deep, '.env']) write(`apps/api/dist/${name}`, `content of ${name}`);
  expect([await run('build-image', 'api'), stdout]).toEqual([0, expect.stringContaining('built: the image of api')]);
  expect(stdout).toMatch(/^[\n\x20-\x7e]*$/);
  const layout = await readLayout(join(root, 'dist/images/apps/api/image'));
  const [, own] = layout.images[0]?.manifest.layers ?? [];
  const members = await membersOf(gunzipSync(readFileSync(blobFile(layout.folder, own!.digest))));
  const contents = Object.fromEntries(members.map(({ path, content }) => [path, Buffer.from(content, 'latin1').toString()]));
  const found = [...names, deep].map((name) => contents[members.find(({ path }) => path.endsWith(`/${name}`))?.path ?? '']);
  expect(found).toEqual([...names, deep].map((name) => `content of ${name}`));
  // It may hold secrets.
  expect(members.some(({ path }) => path.endsWith('.env'))).toBe(false);
  expect(existsSync(join(root, 'apps/api/pwned')) || existsSync('pwned')).toBe(false);
  expect(await run('inspect-image', 'api')).toBe(0);
  expect(await halves()).toEqual([]);
});

test('what no image can hold is refused, all of it at once, and nothing is written', async () => {
  execFileSync('mkfifo', [join(root, 'apps/api/dist/pipe')]);
  symlinkSync('/etc/passwd', join(root, 'apps/api/dist/away'));
  symlinkSync('../../../../../../etc', join(root, 'apps/api/dist/up'));
  const device = ((): boolean => {
    try {
      execFileSync('mknod', [join(root, 'apps/api/dist/device'), 'c', '1', '5'], { stdio: 'ignore' });
      return true;
    } catch {
      // Only root may make one.
      return false;
    }
  })();
  const server = createServer();
  const here = process.cwd();
  // The path of a socket may have about a hundred characters.
  process.chdir(join(root, 'apps/api/dist'));
  await new Promise<void>((ready) => { server.listen('sock', ready); });
  process.chdir(here);
  const refused = await told('build-image', 'api');
  await new Promise((closed) => { server.close(closed); });
  expect(refused).toMatchObject({ exitCode: 3, outcome: 'refused', error: { code: 'ND-ARTIFACT-UNSAFE' } });
  const problems = refused.error?.problems ?? [];
  expect(problems.map((problem) => problem.split(':')[0])).toEqual([...(device ? ['"device"'] : []), '"pipe"', '"sock"']);
  expect([await output(), await halves()]).toEqual([[], []]);
  for (const name of ['device', 'pipe', 'sock']) rmSync(join(root, 'apps/api/dist', name), { force: true });
  expect((await told('build-image', 'api')).error?.problems).toEqual(['"away": the link to "/etc/passwd" leaves the artifact or never ends', '"up": the link to "../../../../../../etc" leaves the artifact or never ends']);
  expect([await output(), await halves()]).toEqual([[], []]);
  rmSync(join(root, 'apps/api/dist'), { recursive: true });
  write('apps/api/dist/main.js', LISTENS);
  write('apps/api/dist/.wh.main.js', '');
  expect(await told('build-image', 'api')).toMatchObject({ exitCode: 3, error: { code: 'ND-ARTIFACT-UNSAFE' } });
  expect([await output(), await halves()]).toEqual([[], []]);
});

test.each<[string, () => void, string]>([
  ['vanishes', () => rmSync(join(root, 'apps/api/dist/other.js'), { force: true }), 'it was removed'],
  ['grows', () => write('apps/api/dist/other.js', 'more than before'), 'it has 16 bytes, and had 6 when it was listed'],
  ['becomes another', () => write('apps/api/dist/other.js', 'OTHERS'), 'its content is not what it was when it was listed'],
  ['becomes a pipe', () => {
    rmSync(join(root, 'apps/api/dist/other.js'));
    execFileSync('mkfifo', [join(root, 'apps/api/dist/other.js')]);
  }, 'named pipe'],
])('a file that %s during the build ends it, and the image stays as it was', async (_, change, why) => {
  expect(await run('build-image', 'api')).toBe(0);
  const before = readFileSync(join(root, 'dist/images/apps/api/image.json'), 'utf8');
  write('apps/api/dist/other.js', 'others');
  let done = false;
  whilePrinting = () => {
    if (done || !/layers +started/.test(stdout)) return;
    done = true;
    change();
  };
  const code = await run('build-image', 'api');
  expect(done).toBe(true);
  expect(code).not.toBe(0);
  expect(stdout).toMatch(/error ND-ARTIFACT-(?:CHANGED|UNSAFE)/);
  expect(stdout).toContain(why);
  expect(readFileSync(join(root, 'dist/images/apps/api/image.json'), 'utf8')).toBe(before);
  expect((await readLayout(join(root, 'dist/images/apps/api/image'))).images).toHaveLength(1);
  expect(await halves()).toEqual([]);
});

describe('a disk without room', () => {
  let disk: SmallDisk | undefined;
  beforeAll(() => {
    disk = smallDisk();
    if (disk === undefined) process.stderr.write('NOT TESTED: build-image on a full disk, as this user may not mount one\n');
  });
  afterAll(() => disk?.remove());
  afterEach(() => {
    if (disk === undefined) return;
    disk.free();
    for (const name of readdirSync(disk.folder)) rmSync(join(disk.folder, name), { recursive: true, force: true });
  });
  /** Compresses badly. */
  const large = (bytes: number): string => randomBytes(bytes).toString('base64');

  test.each([['the store', false], ['the store, from the first byte', true]])('for %s', async (_, fill) => {
    if (disk === undefined) return;
    variables = { ...variables, NX_DEPLOY_BLOBS: join(disk.folder, 'blobs') };
    mkdirSync(join(disk.folder, 'blobs'));
    write('apps/api/dist/large', large(4_000_000));
    // Room for half of it.
    if (fill) disk.fill();
    else writeFileSync(join(disk.folder, 'ballast'), Buffer.alloc(31 * 1024 * 1024));
    expect(await told('build-image', 'api')).toMatchObject({ exitCode: 1, outcome: 'failed', error: { code: 'ND-DISK-FULL', where: expect.stringContaining('blobs') as string, why: expect.stringMatching(/no space|full/) as string } });
    expect(await output()).toEqual([]);
    expect((await filesIn(join(disk.folder, 'blobs'))).filter((file) => /^(?:temporary|locks|holds)\//.test(file))).toEqual([]);
    disk.free();
    rmSync(join(disk.folder, 'ballast'), { force: true });
    expect((await told('build-image', 'api')).exitCode).toBe(0);
  });

  test('for the output: the image that was there stays', async () => {
    if (disk === undefined) return;
    const there = join(disk.folder, 'images');
    mkdirSync(there);
    mkdirSync(join(root, 'dist'));
    symlinkSync(there, join(root, 'dist/images'));
    expect((await told('build-image', 'api')).exitCode).toBe(0);
    const before = await filesIn(there);
    write('apps/api/dist/large', large(300_000));
    disk.fill();
    expect(await told('build-image', 'api')).toMatchObject({ exitCode: 1, outcome: 'failed', error: { code: 'ND-DISK-FULL', what: 'the folder of the image could not be written' } });
    expect(await filesIn(there)).toEqual(before);
    expect((await told('inspect-image', 'api')).exitCode).toBe(0);
    disk.free();
    expect((await told('build-image', 'api')).exitCode).toBe(0);
    expect(await filesIn(there)).toHaveLength(before.length);
  });
});

test('what a killed build left in the store goes with the next prune', async () => {
  expect(await run('build-image', 'api')).toBe(0);
  const program = `const { openBlobs } = require(process.argv[1]); openBlobs(process.argv[2]).write().then(async (writer) => { await writer.write(Buffer.alloc(1000)); process.kill(process.pid, 'SIGKILL'); });`;
  const { bundle } = await import('../shell/programs.spec-support.js');
  const blobs = bundle('export { openBlobs } from \'./image/blobs/store.js\';', join(folder, 'blobs.cjs'));
  expect(() => execFileSync(process.execPath, ['-e', program, blobs, join(folder, 'home/image-blobs')])).toThrow();
  expect(await halves()).toHaveLength(1);
  expect(await told('images', 'prune', '--dry-run')).toMatchObject({ outcome: 'planned', removed: 0, leftovers: 1 });
  expect(await run('images', 'prune', '--max', '1GB')).toBe(0);
  expect(stdout).toMatch(/^removed 1 files that killed builds left: [\d.]+ .?B are left in /);
  expect(await halves()).toEqual([]);
  expect(await told('images', 'prune')).toMatchObject({ outcome: 'unchanged', leftovers: 0 });
  expect(await told('images', 'purge')).toMatchObject({ exitCode: 3, error: { code: 'ND-OPTION-INVALID' } });
});

test('push, load and inspect take what the command line says', async () => {
  expect(await told('inspect-image', 'api')).toMatchObject({ exitCode: 3, error: { code: 'ND-IMAGE-INCOMPLETE' } });
  expect((await told('build-image', 'api', '--full')).exitCode).toBe(0);
  expect(await told('push-image', 'api', '--tag', '1.10', '--tag', 'x')).toMatchObject({ exitCode: 3, error: { code: 'ND-OPTION-INVALID', where: 'deploy.json: artifact.push' } });
  expect(await told('load-image', 'api', '--archive', '../../image.tar', '--tag', 'shop/api:1.10')).toMatchObject({ exitCode: 0, outcome: 'done', tags: ['shop/api:1.10'] });
  expect(execFileSync('tar', ['-tf', join(root, 'image.tar')], { encoding: 'utf8' })).toContain('manifest.json');
  expect(await told('load-image', 'api', '--engine', 'none')).toMatchObject({ exitCode: 3, error: { code: 'ND-OPTION-INVALID' } });
  expect(await told('load-image', 'api', '--platform', 'linux/s390x')).toMatchObject({ exitCode: 3, error: { code: 'ND-OPTION-INVALID' } });
});
