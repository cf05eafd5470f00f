import { execFileSync } from 'node:child_process';
import { readdirSync, utimesSync, readFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { temporaryFolder } from '../../../shell/programs.spec-support.js';
import type { DeployError } from '../../../errors.js';
import type { Build } from '../../builder.js';
import { membersOf } from '../../layer/layer.spec-support.js';
import { readLayout, writeLayout } from '../../layout/index.js';
import { describeWith } from '../../registry/live.spec-support.js';
import { ociBuilder, type CollectFiles } from './builder.js';
import { baseLayout, files, LISTENS, notes, options, siteIn, type TestSite, type Texts } from './oci.spec-support.js';

const root = temporaryFolder('oci');
let count = 0;
const fresh = (): string => join(root, String(count += 1));

const MODULES: Texts = { 'app/node_modules/left-pad/index.js': 'module.exports = 1;\n', 'app/node_modules/left-pad/package.json': '{}' };
const APPLICATION: Texts = { 'app/main.js': `require("left-pad"); ${LISTENS}` };

async function digestOfImage(build: Build, site: TestSite): Promise<string> {
  return (await writeLayout(join(site.workspaceRoot, 'image'), build.images.map(({ image }) => image), { store: site.store })).root.digest;
}

it('gives the same digest for the same input at another place, time and umask', async () => {
  const digests: string[] = [];
  for (const umask of [0o022, 0o077]) {
    const folder = fresh();
    const before = process.umask(umask);
    try {
      const { folder: base } = await baseLayout(folder);
      const collect = files(join(folder, 'files'), { modules: MODULES, application: APPLICATION });
      const old: CollectFiles = async (...given) => {
        const found = await collect(...given);
        return { ...found, layers: found.layers.map((layer) => ({ ...layer, entries: async () => {
          const entries = await layer.entries();
          for (const entry of entries) if (entry.type === 'file' && typeof entry.source === 'string') utimesSync(entry.source, umask, umask);
          return entries;
        } })) };
      };
      const site = siteIn(folder, { workspaceRoot: folder });
      digests.push(await digestOfImage(await ociBuilder(old)(options(`oci:${base}`), site), site));
      expect(JSON.stringify(await readLayout(join(folder, 'image'))).replaceAll(folder, '')).not.toContain(root);
      expect(readFileSync(join(folder, 'image', 'index.json'), 'utf8')).not.toContain(root);
    } finally {
      process.umask(before);
    }
  }
  expect(digests[0]).toBe(digests[1]);
});

describe('one workspace', () => {
  const folder = fresh();
  const site = (): TestSite => siteIn(folder, { workspaceRoot: folder });
  let base: string;
  beforeAll(async () => { base = `oci:${(await baseLayout(folder)).folder}`; });
  const build = (application: Texts, at = site(), more = {}): Promise<Build> => ociBuilder(files(join(folder, 'files'), { modules: MODULES, assets: {}, application }))(options(base, more), at);

  it('makes one layer again when one line changed, and none without a change', async () => {
    const first = await build(APPLICATION);
    const [image] = first.images;
    expect(image?.layers.map(({ kind }) => kind)).toEqual(['base', 'modules', 'application']);
    expect(first.made).toEqual(image?.layers.slice(1).map(({ digest }) => digest));
    expect(first.base?.reference).toBe('oci:base');
    const at = site();
    const changed = await build({ 'app/main.js': `require("left-pad"); ${LISTENS}// changed\n` }, at);
    const after = changed.images[0]?.layers ?? [];
    expect(after.slice(0, 2)).toEqual(image?.layers.slice(0, 2));
    expect(changed.made).toEqual([after[2]?.digest]);
    expect(after[2]?.digest).not.toBe(image?.layers[2]?.digest);
    expect(at.events.flatMap((event) => (event.type === 'phase' && event.state === 'done' ? [event.phase] : []))).toEqual(['base', 'dependencies', 'layers', 'smoke']);
    expect((await build(APPLICATION)).made).toEqual([]);
  });

  it('has what lies in it as it was given: names, texts, words of any kind', async () => {
    const hostile = ['; rm -rf /', '$(id)', '`id`', '"\'\\', 'a\nb', '\u00e9\u{1f600}', '../x'];
    const env = Object.fromEntries(hostile.map((text, index) => [`V${index}`, text]));
    const labels = Object.fromEntries(hostile.map((text) => [`com.example.${text}`, text]));
    const names = ['app/; rm -rf $(id)\n".txt', 'app/\u00e9\u{1f600}'];
    const at = site();
    const result = await build({ ...APPLICATION, ...Object.fromEntries(names.map((name) => [name, 'x'])) }, at, { env, labels, command: ['node', ...hostile] });
    await digestOfImage(result, at);
    const [image] = (await readLayout(join(folder, 'image'))).images;
    expect(image?.config.config?.Env?.slice(-hostile.length)).toEqual(hostile.map((text, index) => `V${index}=${text}`));
    expect(image?.config.config?.Labels).toMatchObject(labels);
    expect(image?.config.config?.Entrypoint).toEqual(['node', ...hostile]);
    const layer = readFileSync(at.store.pathOf(result.images[0]!.layers[2]!.digest));
    expect((await membersOf(gunzipSync(layer))).map(({ path }) => path)).toEqual(expect.arrayContaining(names));
  });

  it('fails and leaves nothing behind when a module is missing', async () => {
    let closed = 0;
    const collect = files(join(folder, 'files'), { application: { 'app/main.js': 'require("gone")' } }, { close: async () => { closed += 1; } });
    const at = site();
    const error = await ociBuilder(collect)(options(base), at).catch((thrown: unknown) => thrown as DeployError) as DeployError;
    expect(error.code).toBe('ND-IMAGE-SMOKE');
    expect(closed).toBe(1);
    expect(at.events.at(-1)).toMatchObject({ type: 'phase', phase: 'smoke', state: 'failed' });
    expect(readdirSync(folder).filter((name) => name.startsWith('nx-deploy-smoke-'))).toEqual([]);
  });

  it('refuses with every problem what no image can hold', async () => {
    const error = await build(APPLICATION, site(), { user: 'a b', port: 0, env: { 'A=B': '', C: '\0' }, labels: { 'io.nx-deploy.project': 'x' }, command: [] }).catch((thrown: unknown) => thrown as DeployError) as DeployError;
    expect(error.code).toBe('ND-CONFIG-INVALID');
    expect(error.parts.problems).toHaveLength(6);
    const platforms = await build(APPLICATION, site(), { platforms: ['linux', 'linux/arm64', 'linux/arm64/v8'] }).catch((thrown: unknown) => thrown as DeployError) as DeployError;
    expect(platforms.parts.problems).toHaveLength(2);
  });

  it('says that root is root', async () => {
    expect((await build(APPLICATION, site(), { user: '0:0' })).warnings).toEqual(['the image runs as root; "user" in deploy.json names another one']);
  });

  it('is cancelled before, between and within layers', async () => {
    const controller = new AbortController();
    const at = siteIn(folder, { workspaceRoot: folder, signal: controller.signal });
    let closed = 0;
    const collect: CollectFiles = async (...given) => {
      const found = await files(join(folder, 'files'), { application: { 'app/main.js': `${LISTENS}// cancelled` } }, { close: async () => { closed += 1; } })(...given);
      controller.abort();
      return found;
    };
    expect((await ociBuilder(collect)(options(base), at).catch((thrown: unknown) => thrown as DeployError) as DeployError).code).toBe('ND-CANCELLED');
    expect(closed).toBe(1);
    expect(existsSync(join(folder, 'store', 'temporary')) ? readdirSync(join(folder, 'store', 'temporary')) : []).toEqual([]);
  });

  it('makes a layer once for two builds at the same time', async () => {
    const application = { 'app/main.js': `${LISTENS}// two at once` };
    const both = await Promise.all([build(application), build(application)]);
    expect(both.flatMap(({ made }) => made)).toHaveLength(1);
    expect(both[0]?.images).toEqual(both[1]?.images);
  });
});

describeWith(['skopeo'], 'an image of several platforms', () => {
  it('is a valid index in the order that was asked for, and makes what is equal once', async () => {
    const folder = fresh();
    const { folder: base } = await baseLayout(folder, [['amd64'], ['arm64', 'v8'], ['arm', 'v7']]);
    const site = siteIn(folder, { workspaceRoot: folder });
    const asked: string[] = [];
    const collect: CollectFiles = async (given, platform, where) => {
      asked.push(`${platform.architecture} ${platform.variant ?? ''}`);
      return files(join(folder, 'files'), { modules: { [`app/node_modules/native/${platform.architecture}.js`]: '' }, application: { 'app/main.js': LISTENS } })(given, platform, where);
    };
    const build = await ociBuilder(collect)(options(`oci:${base}`, { platforms: ['linux/arm64', 'linux/amd64'] }), site);
    expect(asked).toEqual(['arm64 ', 'amd64 ']);
    expect(build.made).toHaveLength(3);
    expect(notes(site)).toContainEqual(expect.stringMatching(/^no smoke import for linux\//));
    await digestOfImage(build, site);
    const layout = await readLayout(join(folder, 'image'));
    expect(layout.images.map(({ platform }) => platform)).toEqual([{ os: 'linux', architecture: 'arm64', variant: 'v8' }, { os: 'linux', architecture: 'amd64' }]);
    expect(layout.images[0]?.manifest.layers[2]).toEqual(layout.images[1]?.manifest.layers[2]);
    const raw = JSON.parse(execFileSync('skopeo', ['inspect', '--raw', `oci:${join(folder, 'image')}`], { encoding: 'utf8' })) as { manifests: { platform: object }[] };
    expect(raw.manifests.map(({ platform }) => platform)).toEqual([{ os: 'linux', architecture: 'arm64', variant: 'v8' }, { os: 'linux', architecture: 'amd64' }]);
    const config = JSON.parse(execFileSync('skopeo', ['--override-arch', 'amd64', 'inspect', '--config', `oci:${join(folder, 'image')}`], { encoding: 'utf8' })) as { config: { Entrypoint: string[] } };
    expect(config.config.Entrypoint).toEqual(['node', 'main.js']);
  });
});
