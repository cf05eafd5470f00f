import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { DeployError } from '../../errors.js';
import { describeWith, startRegistry, type RealRegistry } from '../../image/registry/live.spec-support.js';
import { readLayout } from '../../image/layout/index.js';
import { temporaryFolder } from '../../shell/programs.spec-support.js';
import { buildImage } from '../build-image.js';
import { commandContext, resolveProject, type CommandContext } from '../context.js';
import { smallBuilder } from '../image/images.spec-support.js';
import { pushImage } from '../push-image.js';
import { Recorder } from '../workbench.spec-support.js';
import { deployedImage, type DeployedImage } from './image.js';

const everything = temporaryFolder('engine-image');

interface Wish {
  readonly artifact?: object;
  readonly port?: number;
  readonly exposes?: readonly string[];
  readonly engine?: 'docker' | 'podman';
  /** What the engine says that it runs on. */
  readonly runsOn?: string;
  /** The image is there already. */
  readonly there?: boolean;
}

/** A workspace with an image that was built, and an engine that is a script. */
class Shop {
  readonly folder = mkdtempSync(join(everything, 'shop-'));
  readonly root = join(this.folder, 'acme');
  readonly output = new Recorder();

  constructor(readonly wish: Wish = {}) {
    const { artifact = {}, port, engine = 'docker', runsOn = 'linux/amd64', there = false } = wish;
    this.write('acme/nx.json', '{}');
    this.write('acme/apps/api/package.json', '{ "name": "api", "version": "1.0.0" }');
    this.write('acme/apps/api/deploy.json', JSON.stringify({ artifact: { type: 'image', ...artifact }, ...(port === undefined ? {} : { port }), environments: { live: { platform: { type: 'docker', engine }, listen: 80 } } }));
    this.write('acme/apps/api/dist/main.js', 'one');
    this.write(`bin/${engine}`, `#!/bin/sh\necho "$@" >> ${this.folder}/calls\ncase "$1" in version|info) echo '${runsOn}' ;; image) ${there ? 'echo \'[{"Id":"sha256:1"}]\'' : 'echo "Error: No such image" >&2; exit 1'} ;; *) exit 9 ;; esac\n`);
    chmodSync(join(this.folder, 'bin', engine), 0o755);
  }

  write(path: string, text: string): void {
    const file = join(this.folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }

  get context(): CommandContext {
    const variables = { PATH: `${join(this.folder, 'bin')}:${process.env['PATH'] ?? ''}`, NX_DEPLOY_HOME: join(this.folder, 'home'), HOME: this.folder };
    return commandContext({ workspaceRoot: this.root, projectName: 'api', projectRoot: 'apps/api', environment: 'live', variables }, this.output);
  }

  get layout(): string {
    return join(this.root, 'dist/images/apps/api/image');
  }

  async build(from?: string): Promise<this> {
    const small = smallBuilder();
    if (from !== undefined) small.from = from;
    const { oci } = small.builders;
    const exposes = Object.fromEntries((this.wish.exposes ?? ['3000/tcp']).map((port) => [port, {}]));
    const built = await buildImage(this.context, {}, () => Promise.resolve({}), { ...small.builders, oci: async (image, site) => {
      const made = await oci(image, site);
      return { ...made, images: made.images.map((each) => ({ ...each, image: { ...each.image, config: { ...each.image.config, config: { ...each.image.config.config, ExposedPorts: exposes } } } })) };
    } });
    expect(built).toMatchObject({ exitCode: 0 });
    return this;
  }

  deployed(dryRun = false): Promise<DeployedImage> {
    const resolved = resolveProject(this.context);
    if (resolved.platform.type !== 'docker') throw new Error('not on docker');
    return deployedImage(this.context, resolved, resolved.platform.place, dryRun);
  }

  async refused(): Promise<DeployError> {
    return this.deployed().then(() => { throw new Error('it was not refused'); }, (error: unknown) => error as DeployError);
  }

  /** But for the one by which it is found that this engine cannot be dialled. */
  get calls(): readonly string[] {
    const file = join(this.folder, 'calls');
    return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').filter((call) => call !== 'system dial-stdio') : [];
  }
}

test('is the one for what the engine runs on, by its digests; without a registry it comes from this machine', async () => {
  const shop = await new Shop({ artifact: { platforms: ['linux/amd64', 'linux/arm64'] }, runsOn: 'linux/arm64' }).build();
  const { images } = await readLayout(shop.layout);
  const own = images.find(({ platform }) => platform.architecture === 'arm64');
  expect(await shop.deployed()).toEqual({
    artifact: { type: 'image', digest: own?.descriptor.digest, config: own?.manifest.config.digest, platform: 'linux/arm64', bytes: own?.manifest.layers.reduce((sum, { size }) => sum + size, 0) },
    port: 3000, source: { layout: shop.layout, home: join(shop.folder, 'home') },
  });
  expect(shop.calls[0]).toBe('version --format={{.Server.Os}}/{{.Server.Arch}}');
  // That is of the build.
  expect(shop.output.events).toEqual([{ type: 'note', text: 'a warning' }]);
});

test('podman is asked in its own words', async () => {
  const shop = await new Shop({ engine: 'podman' }).build();
  await shop.deployed();
  expect(shop.calls[0]).toBe('info --format={{.Host.OS}}/{{.Host.Arch}}');
});

test('that was not built is told, with how to', async () => {
  expect(await new Shop().refused()).toMatchObject({ code: 'ND-IMAGE-INCOMPLETE', parts: { what: 'api has no image yet', next: 'build it first: nx run api:build-image' } });
});

test('that is not for the engine is refused', async () => {
  expect(await (await new Shop({ runsOn: 'linux/riscv64' }).build()).refused()).toMatchObject({
    code: 'ND-IMAGE-UNSUPPORTED', parts: { where: 'docker', why: 'the engine is linux/riscv64, the image is for linux/amd64', next: expect.stringContaining('name linux/riscv64 in "artifact.platforms"') as string },
  });
});

test.each(['', '<no value>/amd64'])('an engine that says %j of itself is told', async (runsOn) => {
  expect(await (await new Shop({ runsOn }).build()).refused()).toMatchObject({ code: 'ND-ENGINE-FAILED' });
});

test('an engine that is not installed is told', async () => {
  const shop = await new Shop().build();
  writeFileSync(join(shop.folder, 'bin/docker'), '#!/bin/sh\necho "Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?" >&2\nexit 1\n');
  expect(await shop.refused()).toMatchObject({ code: 'ND-ENGINE-UNREACHABLE' });
});

describe('its port', () => {
  it.each([
    [{ exposes: ['8080'] }, 8080],
    [{ exposes: ['8080/tcp', '53/udp'] }, 8080],
    [{ exposes: ['1/tcp', '2/tcp'], port: 7 }, 7],
    [{ exposes: [], port: 7 }, 7],
  ])('of %j is %j', async (wish, port) => {
    expect((await (await new Shop(wish).build()).deployed(true)).port).toBe(port);
  });

  it.each([[[], 'the image exposes none'], [['1/tcp', '2/tcp'], 'the image exposes several: 1/tcp, 2/tcp'], [['53/udp'], 'the image exposes none']])('is not guessed where %j are exposed', async (exposes, why) => {
    const { code, parts } = await (await new Shop({ exposes }).build()).refused();
    expect(code).toBe('ND-CONFIG-INVALID');
    expect(parts.why).toContain(why);
    expect(parts.next).toContain('set "port" to it');
  });
});

describe('layers of the base that are elsewhere', () => {
  const FROM = '127.0.0.1:9/base/node';

  it.each([true, false])('are fetched before the walker begins, unless the engine has the image (%j)', async (there) => {
    const shop = await new Shop({ there }).build(FROM);
    rmSync(join(shop.folder, 'home/image-blobs'), { recursive: true });
    if (there) await expect(shop.deployed()).resolves.toMatchObject({ port: 3000 });
    else expect((await shop.refused()).code).toMatch(/^ND-REGISTRY-/);
    expect(shop.calls.filter((call) => call.startsWith('image inspect'))).toHaveLength(there ? 1 : 3);
  });

  it('are asked for nowhere in a dry run', async () => {
    const shop = await new Shop().build(FROM);
    expect(await shop.deployed(true)).not.toHaveProperty('source');
    expect(shop.calls).toHaveLength(1);
  });
});

describeWith(['docker-registry'], 'its repository', () => {
  let registry: RealRegistry;
  beforeAll(async () => { registry = await startRegistry(); });
  afterAll(() => registry.stop());

  it('is the first that has this very image; where none has it, that is told and the image comes from this machine', async () => {
    const push = [`${registry.host}/team/none`, `${registry.host}/team/api`];
    const shop = await new Shop({ artifact: { push } }).build();
    expect(await shop.deployed()).toHaveProperty('source');
    expect(shop.output.events).toContainEqual({ type: 'note', text: `the image is loaded into the engine from this machine: ${push[0] ?? ''} does not have it; ${push[1] ?? ''} does not have it; push-image brings it there` });
    shop.write('acme/apps/api/deploy.json', JSON.stringify({ artifact: { type: 'image', push: [push[1]] }, environments: { live: { platform: 'docker', listen: 80 } } }));
    expect(await pushImage(shop.context, {})).toMatchObject({ exitCode: 0 });
    const found = await shop.deployed();
    expect(found.artifact.repository).toBe(push[1]);
    expect(found).not.toHaveProperty('source');
    expect((await shop.deployed(true)).artifact).not.toHaveProperty('repository');
  });

  it('that cannot be asked is no reason to fail', async () => {
    const shop = await new Shop({ artifact: { push: ['127.0.0.1:9/team/api'] } }).build();
    expect(await shop.deployed()).toHaveProperty('source');
    expect(JSON.stringify(shop.output.events)).toContain('127.0.0.1:9/team/api does not tell');
  });
});
