import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Ajv } from 'ajv';
import { temporaryFolder } from '../../shell/programs.spec-support.js';
import { readLayout } from '../../image/layout/index.js';
import { describeWith, startRegistry, type RealRegistry } from '../../image/registry/live.spec-support.js';
import { openRegistries, parseReference } from '../../image/registry/index.js';
import { buildImage, type BuildImageOptions } from '../build-image.js';
import { commandContext, type CommandContext } from '../context.js';
import { images } from '../images.js';
import { inspectImage } from '../inspect-image.js';
import { loadImage } from '../load-image.js';
import { pushImage } from '../push-image.js';
import type { CommandResult } from '../result.js';
import { Recorder } from '../workbench.spec-support.js';
import { imageJsonSchema, type ImageDocument } from './document.js';
import { smallBuilder, type SmallBuilder } from './images.spec-support.js';

const everything = temporaryFolder('image-commands');
const PUBLISHED = join(__dirname, '../../../image.schema.json');

interface Done {
  readonly outcome: string;
  readonly made: readonly string[];
  readonly image: ImageDocument;
  readonly error?: { readonly code: string; readonly what: string; readonly where?: string; readonly problems?: readonly string[] };
}

class Shop {
  readonly folder = mkdtempSync(join(everything, 'shop-'));
  readonly root = join(this.folder, 'a clone');
  readonly small: SmallBuilder = smallBuilder();
  variables: NodeJS.ProcessEnv = { PATH: process.env['PATH'], NX_DEPLOY_HOME: join(this.folder, 'home') };
  output = new Recorder();

  constructor() {
    this.write('nx.json', '{}');
    this.write('apps/api/package.json', '{ "name": "api", "version": "1.2.0+build.7" }');
    this.deployFile({});
    this.write('apps/api/dist/main.js', 'one');
  }

  write(path: string, text: string): void {
    const file = join(this.root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }

  deployFile(artifact: object): void {
    this.write('apps/api/deploy.json', JSON.stringify({ artifact: { type: 'image', ...artifact }, environments: { staging: {} } }));
  }

  path(path: string): string {
    return join(this.root, path);
  }

  get context(): CommandContext {
    this.output = new Recorder();
    return commandContext({ workspaceRoot: this.root, projectName: 'api', projectRoot: 'apps/api', environment: undefined, variables: this.variables }, this.output);
  }

  async build(options: BuildImageOptions = {}): Promise<CommandResult & { document: Done }> {
    return await buildImage(this.context, options, () => Promise.resolve({}), this.small.builders) as CommandResult & { document: Done };
  }
}

/** A program of that name on the PATH, which keeps what it gets. */
function fakeEngine(shop: Shop, name: string, script: string): void {
  shop.write(`bin/${name}`, `#!/bin/sh\n${script}\n`);
  chmodSync(shop.path(`bin/${name}`), 0o755);
  shop.variables = { ...shop.variables, PATH: `${shop.path('bin')}:${process.env['PATH'] ?? ''}` };
}

describe('build-image', () => {
  it('writes a layout, what is in it, and what varies from run to run apart', async () => {
    const shop = new Shop();
    const { exitCode, document } = await shop.build();
    expect({ exitCode, errors: shop.output.errors }).toEqual({ exitCode: 0, errors: [] });
    const layout = await readLayout(shop.path('dist/images/apps/api/image'));
    const text = readFileSync(shop.path('dist/images/apps/api/image.json'), 'utf8');
    expect(JSON.parse(text)).toEqual(document.image);
    expect(new Ajv({ strict: false }).compile(imageJsonSchema())(document.image)).toBe(true);
    expect(document.image).toMatchObject({ schema: 1, digest: layout.roots[0]?.digest, base: { reference: 'node:22-slim' }, platforms: [{ platform: 'linux/amd64', layers: [{ kind: 'base' }, { kind: 'application', reason: '1 files' }] }] });
    expect(document.made).toHaveLength(2);
    const run = JSON.parse(readFileSync(shop.path('dist/image-runs/apps/api.json'), 'utf8')) as { build: object };
    expect(run).toMatchObject({ schema: 1, project: 'api', build: { digest: document.image.digest, made: document.made, version: '1.2.0+build.7', phases: { layers: expect.any(Number) as number } } });
    expect(shop.output.text).toContain(`digest    ${document.image.digest}`);
    expect(shop.output.text).toContain('folder    dist/images/apps/api/image');
    expect(shop.output.phases).toEqual(['layers start', 'layers done', 'write start', 'write done']);
    expect(shop.output.events).toContainEqual({ type: 'note', text: 'a warning' });
    expect(readdirSync(shop.path('dist/images/apps/api')).sort()).toEqual(['image', 'image.json']);
    expect(text).not.toContain(shop.folder);
  });

  it('gives the same bytes in another clone, and one other layer after a change', async () => {
    const [a, b] = [new Shop(), new Shop()];
    for (const shop of [a, b]) shop.deployFile({ platforms: ['linux/amd64', 'linux/arm64'], base: 'oci:../../images/node' });
    const [first, second] = [await a.build(), await b.build()];
    const file = 'dist/images/apps/api/image.json';
    expect(readFileSync(a.path(file))).toEqual(readFileSync(b.path(file)));
    expect(first.document.image).toMatchObject({ base: { reference: 'oci:images/node' } });
    a.write('apps/api/dist/main.js', 'two');
    const changed = await a.build();
    expect(changed.document.image.digest).not.toBe(second.document.image.digest);
    expect(changed.document.made).toHaveLength(1);
    expect(a.output.text).toMatch(/application .* made/);
    a.write('apps/api/dist/main.js', 'one');
    expect((await a.build()).document).toMatchObject({ made: [], image: { digest: first.document.image.digest } });
    expect(a.output.text).toMatch(/application .* from the store/);
  });

  it('shows every problem of deploy.json, and builds nothing', async () => {
    const shop = new Shop();
    shop.write('apps/api/environments/env.schema.json', '{ "properties": { "WORDS": { "type": "string", "x-secret": true } } }');
    shop.deployFile({ base: 'node:22:slim', env: { WORDS: 'x', DB_PASSWORD: 'y' }, push: ['images.example.com/Team/api:1'] });
    const { exitCode, document } = await shop.build();
    expect({ exitCode, code: document.error?.code }).toEqual({ exitCode: 3, code: 'ND-CONFIG-INVALID' });
    expect(document.error?.problems?.map((line) => line.split(' ')[0])).toEqual(['artifact.push[0]', 'artifact.env.WORDS', 'artifact.env.DB_PASSWORD', 'artifact.base']);
    expect(shop.small.builds).toBe(0);
    expect(existsSync(shop.path('dist'))).toBe(false);
  });

  it('leaves the image as it was when it fails or is ended in the middle', async () => {
    const shop = new Shop();
    const { document } = await shop.build();
    shop.write('apps/api/dist/main.js', 'two');
    shop.small.during = (site) => new Promise((_resolve, reject) => {
      site.signal?.addEventListener('abort', () => reject(new Error('torn')), { once: true });
      process.emit('SIGTERM', 'SIGTERM');
    });
    const ended = await shop.build();
    expect({ code: ended.document.error?.code, exitCode: ended.exitCode }).toEqual({ code: 'ND-CANCELLED', exitCode: 1 });
    expect(process.listenerCount('SIGTERM')).toBe(0);
    expect((await readLayout(shop.path('dist/images/apps/api/image'))).roots[0]?.digest).toBe(document.image.digest);
    rmSync(shop.path('apps/api/dist'), { recursive: true });
    shop.small.during = () => Promise.resolve();
    expect((await shop.build()).document.error?.code).toBe('ND-ARTIFACT-MISSING');
    expect((await inspectImage(shop.context, {})).exitCode).toBe(0);
    expect(readdirSync(join(shop.folder, 'home/image-blobs/holds'))).toEqual([]);
  });

  it('may run twice at once', async () => {
    const shop = new Shop();
    const results = await Promise.all([shop.build(), shop.build(), shop.build()]);
    expect(results.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);
    expect((await inspectImage(shop.context, {})).exitCode).toBe(0);
    expect(readdirSync(shop.path('dist/images/apps/api')).sort()).toEqual(['image', 'image.json']);
  });

  it('tells a folder that cannot be written from a failure of its own', async () => {
    const shop = new Shop();
    shop.write('dist/images/apps', 'a file');
    const { document } = await shop.build();
    expect(document.error).toMatchObject({ code: 'ND-IMAGE-STORE' });
    rmSync(shop.path('dist'), { recursive: true });
    shop.write('dist/images/apps/api/image.json/x', '');
    expect((await shop.build()).document.error).toMatchObject({ code: 'ND-IMAGE-STORE', what: 'a file of the image could not be written' });
    shop.write('dist/image-runs', 'a file');
    rmSync(shop.path('dist/images'), { recursive: true });
    expect((await shop.build()).exitCode).toBe(0);
    expect(shop.output.events.map((event) => ('text' in event ? event.text : '')).join()).toContain('the facts of this run could not be written');
  });

  it('keeps the store below its cap, and refuses a cap that is none', async () => {
    const shop = new Shop();
    await shop.build();
    shop.variables = { ...shop.variables, NX_DEPLOY_BLOBS_MAX: 'much' };
    expect((await shop.build()).document.error).toMatchObject({ code: 'ND-OPTION-INVALID' });
    const blobs = join(shop.folder, 'home/image-blobs/sha256');
    for (const name of readdirSync(blobs, { recursive: true, encoding: 'utf8' })) if (name.length > 64) utimesSync(join(blobs, name), 1, 1);
    const output = new Recorder();
    expect((await images('prune', { max: '0', dryRun: true }, output, { NX_DEPLOY_HOME: join(shop.folder, 'home') })).document).toMatchObject({ outcome: 'planned', removed: 2 });
    expect((await images('prune', { max: '1GB' }, output, { NX_DEPLOY_HOME: join(shop.folder, 'home') })).document).toMatchObject({ outcome: 'unchanged' });
    expect((await images('prune', { max: '0' }, output, { NX_DEPLOY_HOME: join(shop.folder, 'home') })).document).toMatchObject({ outcome: 'done', removed: 2, left: 0 });
    await expect(images('purge', {}, output, {})).rejects.toMatchObject({ code: 'ND-OPTION-INVALID' });
  });
});

describe('inspect-image', () => {
  it('tells what takes the room and what is for developers, of a restored image too', async () => {
    const shop = new Shop();
    await shop.build();
    rmSync(join(shop.folder, 'home'), { recursive: true });
    const { document } = await inspectImage(shop.context, {});
    expect(document).toMatchObject({ outcome: 'done', developmentPackages: ['typescript'] });
    expect(shop.output.text).toMatch(/typescript +60\.0 MB\n +left-pad +1\.0\.0 +12\.3 kB/);
    expect(shop.output.text).toContain('warning: typescript is a package of development');
  });

  it.each([
    ['no image', (shop: Shop) => rmSync(shop.path('dist'), { recursive: true }), 'ND-IMAGE-INCOMPLETE'],
    ['no image.json', (shop: Shop) => rmSync(shop.path('dist/images/apps/api/image.json')), 'ND-IMAGE-INCOMPLETE'],
    ['another image.json', (shop: Shop) => shop.write('dist/images/apps/api/image.json', '{ "schema": 2 }'), 'ND-IMAGE-INVALID'],
    ['a damaged one', (shop: Shop) => shop.write('dist/images/apps/api/image.json', '{'), 'ND-IMAGE-INVALID'],
    ['one of another build', (shop: Shop) => { const file = shop.path('dist/images/apps/api/image.json'); writeFileSync(file, readFileSync(file, 'utf8').replace(/("digest": "sha256:)[^"]*(",\n {2}"mediaType")/, `$1${'0'.repeat(64)}$2`)); }, 'ND-IMAGE-INVALID'],
  ])('says so when there is %s', async (_, change, code) => {
    const shop = new Shop();
    await shop.build();
    change(shop);
    expect((await inspectImage(shop.context, {})).document).toMatchObject({ outcome: 'refused', error: { code } });
  });
});

describe('load-image', () => {
  it('gives the engine an archive of the platform, and nothing of the environment but what it needs', async () => {
    const shop = new Shop();
    shop.deployFile({ platforms: ['linux/amd64', 'linux/arm64'] });
    await shop.build();
    shop.variables = { ...shop.variables, NPM_TOKEN: 'secret', DOCKER_HOST: 'unix:///nowhere' };
    fakeEngine(shop, 'docker', `env > '${shop.folder}/env'; cat > '${shop.folder}/image.tar'; echo loaded`);
    const { document, exitCode } = await loadImage(shop.context, { platform: 'linux/arm64', tag: ['shop/api:1', 'images.example.com/api'] });
    expect({ exitCode, document }).toMatchObject({ exitCode: 0, document: { outcome: 'done', engine: 'docker', platform: 'linux/arm64', tags: ['shop/api:1', 'images.example.com/api:latest'] } });
    const list = JSON.parse(execFileSync('tar', ['-xOf', join(shop.folder, 'image.tar'), 'manifest.json'], { encoding: 'utf8' })) as { RepoTags: string[] }[];
    expect(list[0]?.RepoTags).toEqual(['shop/api:1', 'images.example.com/api:latest']);
    expect(readFileSync(join(shop.folder, 'env'), 'utf8')).toContain('DOCKER_HOST=');
    expect(readFileSync(join(shop.folder, 'env'), 'utf8')).not.toContain('secret');
    const file = join(shop.folder, 'api.tar');
    expect((await loadImage(shop.context, { platform: 'linux/arm64', tag: ['shop/api:1', 'images.example.com/api'], archive: file })).exitCode).toBe(0);
    expect(readFileSync(file)).toEqual(readFileSync(join(shop.folder, 'image.tar')));
    expect((await loadImage(shop.context, { archive: join(shop.folder, 'none/api.tar') })).document).toMatchObject({ error: { code: 'ND-IMAGE-STORE', why: 'its folder does not exist' } });
  });

  it('says why an engine did not take it', async () => {
    const shop = new Shop();
    await shop.build();
    fakeEngine(shop, 'podman', 'echo "no space left" >&2; exit 125');
    expect((await loadImage(shop.context, { engine: 'podman' })).document).toMatchObject({ outcome: 'failed', error: { code: 'ND-ENGINE-FAILED', why: 'no space left' } });
    shop.variables = { ...shop.variables, PATH: shop.path('bin') };
    expect((await loadImage(shop.context, {})).document).toMatchObject({ outcome: 'refused', error: { code: 'ND-TOOL-MISSING', what: 'docker cannot be run', why: expect.not.stringContaining('\n') as string } });
    expect((await loadImage(shop.context, { engine: 'sh' })).document).toMatchObject({ outcome: 'refused', error: { code: 'ND-OPTION-INVALID' } });
    expect((await loadImage(shop.context, { platform: 'linux/s390x' })).document).toMatchObject({ outcome: 'refused', error: { code: 'ND-OPTION-INVALID', next: expect.stringContaining('linux/amd64') as string } });
    expect((await loadImage(shop.context, { tag: 2 })).document).toMatchObject({ outcome: 'refused', error: { code: 'ND-OPTION-INVALID' } });
    expect((await loadImage(shop.context, { tag: 'Bad Name' })).document).toMatchObject({ outcome: 'refused', error: { code: 'ND-IMAGE-REFERENCE' } });
  });
});

describeWith(['docker-registry'], 'push-image', () => {
  let registry: RealRegistry;
  beforeAll(async () => { registry = await startRegistry(); });
  afterAll(() => registry.stop());

  it('pushes to every repository and tags there, and a second time sends nothing', async () => {
    const shop = new Shop();
    shop.deployFile({ platforms: ['linux/amd64', 'linux/arm64'], push: [{ repository: `${registry.host}/team/api`, tags: ['{version}', 'latest'] }, `${registry.host}/copy/api`] });
    const { document: { image } } = await shop.build();
    const { document } = await pushImage(shop.context, { tag: 'x-{hash}' });
    const hash = image.digest.slice(7, 19);
    expect(document).toMatchObject({ outcome: 'done', pushed: [{ digest: image.digest, tags: ['1.2.0_build.7', 'latest', `x-${hash}`], blobs: { present: 0 } }, { tags: [hash, `x-${hash}`] }] });
    expect(shop.output.text).toContain(`pushed: ${registry.host}/team/api@${image.digest}`);
    const registries = openRegistries({ env: {} });
    expect((await registries.resolve(parseReference(`${registry.host}/team/api:1.2.0_build.7`))).digest).toBe(image.digest);
    registries.close();
    expect((await pushImage(shop.context, {})).document).toMatchObject({ pushed: [{ bytes: 0, blobs: { uploaded: 0 } }, { bytes: 0 }] });
    expect(JSON.parse(readFileSync(shop.path('dist/image-runs/apps/api.json'), 'utf8'))).toMatchObject({ build: { digest: image.digest }, push: { pushed: [{ digest: image.digest }, {}] } });

    // Another machine: a base that is referred to, restored without a store.
    shop.small.from = `${registry.host}/team/api@${image.platforms[0]?.digest ?? ''}`;
    shop.deployFile({ push: [{ repository: `${registry.host}/other/api`, tags: ['a'] }] });
    await shop.build();
    rmSync(join(shop.folder, 'home'), { recursive: true });
    expect((await pushImage(shop.context, {})).document).toMatchObject({ outcome: 'done', pushed: [{ blobs: { mounted: 1 } }] });
    expect(existsSync(join(shop.folder, 'home/image-blobs/sha256'))).toBe(false);
    expect((await loadImage(shop.context, { archive: join(shop.folder, 'whole.tar') })).exitCode).toBe(0);
    expect((await readLayout(shop.path('dist/images/apps/api/image'))).absent.size).toBe(1);
    expect((await shop.build({ full: true })).exitCode).toBe(0);
    expect((await readLayout(shop.path('dist/images/apps/api/image'))).absent.size).toBe(0);
  });

  it('refuses tags that are none before anything is sent', async () => {
    const shop = new Shop();
    shop.deployFile({ push: [{ repository: `${registry.host}/never`, tags: ['ok', '{commit}', '{branch}'] }] });
    await shop.build();
    // What Nx has made a number of is not what was written: 1.10.
    expect((await pushImage(shop.context, { tag: ['a', 1.1] })).document).toMatchObject({ outcome: 'refused', error: { code: 'ND-OPTION-INVALID', what: '--tag has come as the number 1.1' } });
    const { document } = await pushImage(shop.context, { tag: ['-x', '{date}'] }) as { document: Done };
    expect(document).toMatchObject({ outcome: 'refused', error: { code: 'ND-IMAGE-REFERENCE' } });
    expect(document.error?.problems).toHaveLength(4);
    const registries = openRegistries({ env: {} });
    await expect(registries.resolve(parseReference(`${registry.host}/never:ok`))).rejects.toMatchObject({ code: 'ND-REGISTRY-NOT-FOUND' });
    registries.close();
    shop.deployFile({});
    expect((await pushImage(shop.context, {})).document).toMatchObject({ outcome: 'refused', error: { code: 'ND-OPTION-INVALID' } });
  });
});

test('image.schema.json is what the code says', () => {
  const generated = `${JSON.stringify(imageJsonSchema(), null, 2)}\n`;
  if (process.env['UPDATE_SCHEMA'] === '1') writeFileSync(PUBLISHED, generated);
  expect(readFileSync(PUBLISHED, 'utf8')).toBe(generated);
});
