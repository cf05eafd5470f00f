import { cpSync, existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { makeBaseImage } from '../tools/images/base-image.js';
import { root } from './repository.spec-support.js';
import { Machine } from './support/machine.js';
import { startPackageRegistry, type PackageRegistry } from './support/package-registry.js';
import type { Ending } from './support/program.js';
import { publish, releaseCopy, setVersion } from './support/release.js';
import { askJson, freePort } from './support/request.js';
import { Stranger } from './support/stranger.js';
import { normalised, shownIn, Transcript, withShown } from './support/transcript.js';

const README = join(root, 'README.md');
const UPDATE = 'NX_DEPLOY_UPDATE=1 npm run e2e -- e2e/stranger.way';
const load = (): number => (loadavg()[1] ?? 0) / availableParallelism();
/** From `nx add` to the rollback: three minutes, and never more than six of a machine that has less than a processor for each process that wants one. */
const mostMs = (): number => 180_000 * Math.min(2, Math.max(1, load()));
const CREATE = ['--preset=node-monorepo', '--framework=express', '--appName=api', '--docker', '--pm=npm'];

/** The newest version that a migration is for: what is published must not be older. */
const { generators } = JSON.parse(readFileSync(join(root, 'packages/nx-deploy/migrations.json'), 'utf8')) as { generators: Readonly<Record<string, { readonly version: string }>> };
const VERSION = Object.values(generators).map(({ version }) => version).sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1) ?? '';
/** Before every migration. */
const OLD = '0.0.1';
/** What the workspace has of ours. */
const PACKAGES = ['nx-deploy', 'nx-env-sync', 'nx-build-manifest'];

/** The way of somebody who has an empty folder and our packages in a registry, as the README tells it; each test is a step of it. */
describe('a stranger', () => {
  const machine = new Machine('stranger');
  const transcript = new Transcript();
  let registry: PackageRegistry;
  let stranger: Stranger;
  let url = '';
  let walked = 0;

  async function publishAll(): Promise<void> {
    registry = await startPackageRegistry(`${machine.folder}/registry`);
    const copy = await releaseCopy(machine);
    for (const version of [OLD, VERSION]) {
      setVersion(copy, version);
      await publish(copy, registry, '--first-release');
    }
  }

  /** Of a registry on the internet in a stranger's case; no machine of tests needs one. */
  async function writeBaseImage(): Promise<void> {
    const { layout } = await makeBaseImage(join(machine.folder, 'base'));
    cpSync(layout.folder, stranger.workspace.path('images/node'), { recursive: true });
    writeFileSync(stranger.workspace.path('.git/info/exclude'), 'images\n');
  }

  beforeAll(async () => {
    [stranger] = await Promise.all([Stranger.create(machine, CREATE), publishAll()]);
    stranger.registry = registry;
    url = `http://127.0.0.1:${await freePort()}/`;
    await writeBaseImage();
  }, 600_000);
  afterAll(async () => {
    await registry.stop();
    await machine.dispose();
  });

  /** `npx nx` and these words, as a step of the way. */
  async function walk(...words: readonly string[]): Promise<Ending> {
    const ending = await stranger.nx(...words);
    walked += ending.ms;
    transcript.add(`npx nx ${words.join(' ')}`, ending.output);
    return ending;
  }

  it('adds nx-deploy, which touches what it must and nothing else', async () => {
    await walk('add', 'nx-deploy');
    expect(await stranger.changed()).toEqual(['nx.json', 'package-lock.json', 'package.json']);
    expect(stranger.workspace.json<{ devDependencies: object }>('package.json').devDependencies).toMatchObject({ 'nx-deploy': expect.stringContaining(VERSION) as string, 'nx-env-sync': VERSION, 'nx-build-manifest': VERSION });
    expect(stranger.workspace.json<{ plugins: readonly (string | { plugin: string })[] }>('nx.json').plugins.map((each) => (typeof each === 'string' ? each : each.plugin)))
      .toEqual(['@nx/js/typescript', '@nx/eslint/plugin', '@nx/jest/plugin', '@nx/docker', 'nx-deploy/plugin']);
    await stranger.workspace.commit('nx-deploy');
  }, 300_000);

  it('sets the service up, in files that pass the formatter of the workspace', async () => {
    const { port } = new URL(url);
    const { output } = await walk('g', 'nx-deploy:setup', 'api', '--artifact=image', `--listen=${port}`);
    expect(output).toContain('@shop/api: apps/api/deploy.json written');
    expect(await stranger.changed()).toEqual(['apps/api/deploy.json', 'apps/api/environments/env.schema.json', 'apps/api/environments/production.env', 'apps/api/environments/staging.env']);
    expect(stranger.workspace.json('apps/api/deploy.json')).toMatchObject({ version: 1, artifact: { type: 'image', path: 'dist', entry: 'main.js' }, health: { path: '/' }, environments: { staging: { listen: Number(port) }, production: {} } });
    await stranger.bin('prettier', '--check', 'apps/api', 'nx.json', 'package.json');
    await stranger.workspace.commit('set up');
  }, 180_000);

  it('sees no change by a second setup', async () => {
    const { output } = await stranger.nx('g', 'nx-deploy:setup', 'api');
    expect(output).toContain('apps/api/deploy.json has all that was asked for; left as it is');
    expect(await stranger.changed()).toEqual([]);
  }, 180_000);

  it('deploys', async () => {
    const file = 'apps/api/deploy.json';
    stranger.workspace.write(file, stranger.workspace.read(file).replace('"type": "image",', '"type": "image",\n    "base": "oci:{workspaceRoot}/images/node",'));
    await stranger.workspace.commit('the base image of this machine');
    const { output } = await walk('run', 'api:deploy', '--configuration=staging');
    expect(output).toMatch(/^deployed: shop-api staging in /m);
    expect(await askJson(url)).toEqual({ message: 'Hello API' });
    expect(await stranger.changed()).toEqual([]);
  }, 180_000);

  it('edits, and builds and deploys what the edit concerns', async () => {
    const source = 'apps/api/src/main.ts';
    stranger.workspace.write(source, stranger.workspace.read(source).replace('Hello API', 'Hello again'));
    const { output } = await walk('affected', '-t', 'build-image', 'deploy', '--configuration=staging', '--outputStyle=static');
    expect(output).toMatch(/^built: the image of @shop\/api in /m);
    expect(output).toMatch(/^deployed: shop-api staging in [^]* {2}requests {2}\d+ seen, 0 failed/m);
    expect(await askJson(url)).toEqual({ message: 'Hello again' });
    expect(existsSync(stranger.workspace.path('dist/images/apps/api/image/index.json'))).toBe(true);
    expect(await stranger.changed()).toEqual([source]);
  }, 180_000);

  it('goes back', async () => {
    const { output } = await walk('run', 'api:rollback', '--configuration=staging');
    expect(output).toMatch(/^rolled back: shop-api staging in /m);
    expect(await askJson(url)).toEqual({ message: 'Hello API' });
  }, 180_000);

  it('was quick, and saw what the README shows', () => {
    process.stdout.write(`a stranger's way took ${Math.round(walked / 1000)} s, with ${load().toFixed(1)} processes for each processor\n`);
    expect(walked).toBeLessThan(mostMs());
    const readme = readFileSync(README, 'utf8');
    const seen = transcript.text.replaceAll(new URL(url).port, '8080');
    if (process.env['NX_DEPLOY_UPDATE'] === '1') writeFileSync(README, withShown(readme, seen));
    else expect(`${normalised(shownIn(readme))}(${UPDATE})`).toBe(`${normalised(seen)}(${UPDATE})`);
  });

  it('makes a package of the service instead', async () => {
    const file = 'apps/api/deploy.json';
    const { artifact, ...rest } = stranger.workspace.json<{ artifact: { base: string } }>(file);
    const { base, ...kept } = artifact;
    expect(base).toBe('oci:{workspaceRoot}/images/node');
    stranger.workspace.write(file, { ...rest, artifact: { ...kept, type: 'package' } });
    const { output } = await stranger.nx('run', 'api:package');
    expect(output).toMatch(/^packed: @shop\/api/m);
    expect(readdirSync(stranger.workspace.path('dist/packages/apps/api')).filter((name) => name.endsWith('.tar.gz'))).toHaveLength(1);
  }, 180_000);

  it('is brought from an old release to the newest one and its format of deploy.json by nx migrate', async () => {
    const { workspace } = stranger;
    const file = 'apps/api/deploy.json';
    const installed = (): readonly string[] => PACKAGES.map((name) => workspace.json<{ version: string }>(`node_modules/${name}/package.json`).version);
    await stranger.npm('install', '--save-dev', ...PACKAGES.map((name) => `${name}@${OLD}`));
    expect(installed()).toEqual(PACKAGES.map(() => OLD));
    const old = workspace.read(file).replace(/^ *"version": 1,\n/m, '  // of the time before\n');
    workspace.write(file, old);
    await workspace.commit('an old release');
    // By the Nx of the workspace: by itself it would load the newest one for this.
    const migrating = { NX_MIGRATE_USE_LOCAL: 'true' };
    await stranger.nxWith(migrating, 'migrate', 'nx-deploy@latest');
    expect(workspace.json<{ migrations: readonly object[] }>('migrations.json').migrations).toContainEqual(expect.objectContaining({ package: 'nx-deploy', name: 'deploy-json-version' }));
    expect(workspace.json<{ devDependencies: object }>('package.json').devDependencies).toMatchObject(Object.fromEntries(PACKAGES.map((name) => [name, VERSION])));
    await stranger.npm('install');
    expect(installed()).toEqual(PACKAGES.map(() => VERSION));
    await stranger.nxWith(migrating, 'migrate', '--run-migrations');
    expect(workspace.read(file)).toBe(old.replace('deploy.schema.json",\n', 'deploy.schema.json",\n  "version": 1,\n'));
    expect(await stranger.changed()).toEqual([file, 'migrations.json', 'package-lock.json', 'package.json']);
  }, 300_000);
});
