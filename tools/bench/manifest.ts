/** How long a build manifest takes, and how fast its digests are against `openssl dgst -sha256` on the same file, one after the other in every run. */
import { execFile } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, realpathSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { hashFile } from 'nx-build-manifest';
import generate from 'nx-build-manifest/dist/executors/generate/executor.js';
import { against, median, medianRatio, ms, span } from './figures.js';
import { find } from './programs.js';
import { table } from './table.js';

const PACKAGES = 150;
const FILES = 60;
/** Bytes of the file that is hashed. */
const LARGE = 1_000_000_000;
/** ms */
const AIM = 300;
/** Of openssl's speed. */
const SHARE = 0.8;

/** Prints its tables. */
export async function benchManifest(runs: number, print: (text: string) => void): Promise<void> {
  const place = realpathSync(mkdtempSync(join(tmpdir(), 'nxd-')));
  try {
    await benchGenerate(place, runs, print);
    await benchDigest(place, runs, print);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

async function benchGenerate(place: string, runs: number, print: (text: string) => void): Promise<void> {
  print(`\n== Build manifest: a service with ${PACKAGES} packages, ${FILES} files, a commit, reports ==\n`);
  const root = join(place, 'workspace');
  await service(root);
  const context = { root, projectName: 'api', projectsConfigurations: { version: 2, projects: { api: { root: 'apps/api' } } } };
  const wall: number[] = [];
  // The executor runs in a process that Nx starts for it: what it loads is loaded once, and counts in the first run.
  for (let index = 0; index <= runs; index += 1) wall.push(await silently(async () => generate({ artifacts: ['apps/api/dist'], blockers: ['coverage < 90%'] }, context)));
  const [first = Number.NaN, ...others] = wall;
  print(table(['executor generate', 'wall', 'smallest .. largest', 'aim'], [
    ['first in its process', ms(first), '', against(first, { below: AIM }, ms)],
    ['again', ms(median(others)), span(others, ms), against(median(others), { below: AIM }, ms)],
  ]));
}

/** ms; the line that the executor prints is kept out of the tables. */
async function silently(run: () => Promise<{ readonly success: boolean }>): Promise<number> {
  const write = process.stdout.write.bind(process.stdout);
  let printed = '';
  process.stdout.write = (text) => {
    printed += String(text);
    return true;
  };
  try {
    const started = performance.now();
    const { success } = await run();
    const wall = performance.now() - started;
    if (!success) throw new Error(printed);
    return wall;
  } finally {
    process.stdout.write = write;
  }
}

async function service(root: string): Promise<void> {
  const write = (path: string, content: string | object): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), typeof content === 'string' ? content : JSON.stringify(content));
  };
  const names = Array.from({ length: PACKAGES }, (_, index) => `package-${index}`);
  // Each asks for the three after it, so that all are found by way of others.
  names.forEach((name, index) => write(`node_modules/${name}/package.json`, {
    name, version: `1.0.${index}`, license: 'MIT', dependencies: Object.fromEntries(names.slice(index + 1, index + 4).map((other) => [other, '^1.0.0'])),
  }));
  write('apps/api/package.json', { name: 'api', version: '1.4.0', dependencies: { 'package-0': '^1.0.0' } });
  for (let index = 0; index < FILES; index += 1) write(`apps/api/dist/file-${index}.js`, 'x'.repeat(20_000));
  write('apps/api/openapi.yaml', `openapi: 3.1.0\npaths:\n${names.map((name) => `  /${name}:\n    get: {}\n    post: {}\n`).join('')}`);
  for (let index = 10; index < 60; index += 1) write(`apps/api/prisma/migrations/202501010000${index}_change/migration.sql`, 'SELECT 1;');
  write('coverage/apps/api/coverage-summary.json', { total: { lines: { covered: 95, total: 100 } } });
  write('apps/api/reports/junit.xml', `<testsuite>${'<testcase time="0.1"/>'.repeat(1_000)}</testsuite>`);
  write('.gitignore', 'node_modules\n');
  const git = async (...args: string[]): Promise<unknown> => promisify(execFile)('git', ['-c', 'user.name=bench', '-c', 'user.email=bench@example.org', ...args], { cwd: root });
  await git('init', '-q');
  await git('add', '-A');
  await git('commit', '-q', '-m', 'service');
}

async function benchDigest(place: string, runs: number, print: (text: string) => void): Promise<void> {
  print(`\n== SHA-256 of ${LARGE / 1e9} GB ==\n`);
  const file = join(place, 'large');
  const handle = openSync(file, 'w');
  const part = Buffer.alloc(10_000_000, 'nx-build-manifest');
  for (let written = 0; written < LARGE; written += part.length) writeSync(handle, part);
  closeSync(handle);
  const openssl = find('openssl');
  if (openssl === undefined) print('not compared: openssl is not installed (apt-get install openssl)\n');
  const [ours, theirs]: [number[], number[]] = [[], []];
  for (let index = 0; index < runs; index += 1) {
    const digests: string[] = [];
    ours.push(await timed(async () => { digests.push((await hashFile(file)).sha256); }));
    if (openssl === undefined) continue;
    theirs.push(await timed(async () => { digests.push((await promisify(execFile)(openssl, ['dgst', '-sha256', '-r', file])).stdout.slice(0, 64)); }));
    if (digests[0] !== digests[1]) throw new Error(`the digests differ: ${digests.join(' and ')}`);
  }
  const row = (name: string, wall: readonly number[], aim: string): string[] => [name, ms(median(wall)), span(wall, ms), wall.length === 0 ? '-' : `${Math.round(LARGE / 1e3 / median(wall))} MB/s`, aim];
  const speed = 1 / medianRatio(ours, theirs);
  print(table(['SHA-256', 'wall', 'smallest .. largest', 'speed', 'of openssl'], [
    row('nx-build-manifest', ours, openssl === undefined ? '-' : `${speed.toFixed(2)} (${against(speed, { atLeast: SHARE }, (value) => value.toFixed(2))})`),
    ...(openssl === undefined ? [] : [row('openssl dgst -sha256', theirs, '1.00')]),
  ]));
}

async function timed(run: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await run();
  return performance.now() - started;
}
