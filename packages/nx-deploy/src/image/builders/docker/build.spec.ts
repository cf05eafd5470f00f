import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { find } from '../../../../../../tools/bench/programs.js';
import { baseArchive } from '../../../../../../tools/images/base-image.js';
import { baseImageForTests } from '../../../../../../tools/images/base-image.spec-support.js';
import { describeWithEngine } from '../../../../../../tools/images/engine.spec-support.js';
import { describeWith } from '../../../../../../tools/images/needs.spec-support.js';
import type { DockerfileImage } from '../../../config/resolved.js';
import { temporaryFolder } from '../../../shell/programs.spec-support.js';
import { openBlobs, type BlobStore } from '../../blobs/index.js';
import type { Build, BuildEvent, BuildSite } from '../../builder.js';
import { membersOf, type Member } from '../../layer/layer.spec-support.js';
import { readLayout, writeDockerArchive, writeLayout } from '../../layout/index.js';
import { openRegistries } from '../../registry/index.js';
import { buildDockerfile } from './build.js';

const SECRET = 'hunter2-hunter2 "quoted"';
/** By tools/signing/newer-programs.sh, which puts a client beside it. */
const BUILDX = 'docker-buildx';

describeWithEngine('builder docker', (engine) => {
  const root = temporaryFolder('docker-builder');
  const temporary = join(root, 'tmp');
  const { TMPDIR } = process.env;
  let store: BlobStore;

  beforeAll(() => {
    mkdirSync(temporary);
    process.env['TMPDIR'] = temporary;
  });
  afterAll(() => {
    if (TMPDIR === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = TMPDIR;
  });
  afterEach(() => { expect(readdirSync(temporary)).toEqual([]); });

  beforeEach(() => { store = openBlobs(mkdtempSync(join(root, 'store-'))); });

  /** A context with busybox, whose programs the Dockerfile may run. */
  function image(dockerfile: string, changes: Partial<DockerfileImage> = {}): DockerfileImage {
    const context = mkdtempSync(join(root, 'context, with spaces-'));
    mkdirSync(join(context, 'bin'));
    copyFileSync(find('busybox') ?? '', join(context, 'bin/busybox'));
    for (const program of ['sh', 'cat', 'sleep', 'id']) symlinkSync('busybox', join(context, 'bin', program));
    writeFileSync(join(context, 'Dockerfile'), dockerfile);
    return {
      type: 'image', builder: 'docker', engine: 'docker', platforms: ['linux/amd64'], labels: {}, push: [], plainHttp: [], dockerfile: join(context, 'Dockerfile'), context,
      args: {}, secrets: [], cacheFrom: [], cacheTo: [], ...changes,
    };
  }

  const events: BuildEvent[] = [];
  async function build(options: DockerfileImage, variables: NodeJS.ProcessEnv = {}, signal?: AbortSignal, onEvent?: (event: BuildEvent) => void): Promise<Build> {
    events.length = 0;
    const registries = openRegistries({ env: {} });
    const site: BuildSite = {
      workspaceRoot: root, projectRoot: 'apps/api', projectName: 'api', store, registries, variables: { ...engine().env, ...variables }, ...(signal === undefined ? {} : { signal }),
      onEvent: (event) => { events.push(event); onEvent?.(event); },
    };
    return buildDockerfile(options, site).finally(() => registries.close());
  }
  const failure = (options: DockerfileImage, variables?: NodeJS.ProcessEnv): Promise<string> => build(options, variables).then(() => 'no error', (error: unknown) => JSON.stringify(error));
  const output = (): string => events.flatMap((event) => (event.type === 'output' ? [event.line] : [])).join('\n');
  const layerOf = (result: Build, index: number): Promise<Member[]> => membersOf(gunzipSync(readFileSync(store.pathOf(result.images[0]!.layers[index]!.digest))));

  const SHELL = 'FROM scratch AS tools\nCOPY bin /bin\n';

  function passes(kind: () => NodeJS.ProcessEnv): void {

    it('builds a stage with arguments, keeps nothing of the engine, and is the same image again', async () => {
      const hostile = `; touch /pwned $(id) \`id\` "'\\ \u00e9 --label=a=b`;
      const options = image(`${SHELL}FROM tools AS one\nARG TEXT\nRUN echo -n "$TEXT" > /text\nENV A=b\nFROM one AS two\nRUN exit 1\n`, {
        target: 'one', args: { TEXT: hostile }, labels: { 'com.example.a': 'x', __proto__: 'no' },
      });
      const first = await build(options, kind());
      const [{ image: { config }, layers }] = first.images as [Build['images'][number]];
      expect(layers.map(({ kind: layer, reason }) => [layer, /COPY|RUN|echo/.test(reason)])).toEqual(layers.map(() => ['dockerfile', true]));
      expect((await layerOf(first, layers.length - 1)).find(({ path }) => path === 'text')?.content).toBe(Buffer.from(hostile).toString('latin1'));
      expect(config).toMatchObject({ os: 'linux', architecture: 'amd64', created: '1970-01-01T00:00:01.000Z', config: { Labels: { 'com.example.a': 'x' }, Env: expect.arrayContaining(['A=b']) as unknown } });
      expect(JSON.stringify(config)).not.toMatch(/container|Hostname|"Image"|20[0-9]{2}-[0-9]{2}/);
      expect(first.made).toHaveLength(new Set(layers.map(({ digest }) => digest)).size);
      expect(events.filter(({ type }) => type === 'phase').map((event) => ('phase' in event ? `${event.phase} ${event.state}` : ''))).toEqual(['dockerfile start', 'dockerfile done', 'export start', 'export done']);
      expect(engine().docker(['images', '--format', '{{.Tag}}', '--filter', 'label=com.example.a'])).toBe('');
      const second = await build(options, kind());
      expect(second).toEqual({ ...first, made: [] });
    });

    it('says which line failed, and how', async () => {
      expect(await failure(image(`${SHELL}RUN echo "it broke \u001b[31m"; exit 3\n`), kind())).toMatch(/ND-IMAGE-BUILD-FAILED.*ended with [13].*it broke.*(code: 3|code 3|did not complete|failed running)/);
      expect(engine().docker(['ps', '--all', '--no-trunc', '--format', '{{.Command}}'])).not.toContain('it broke');
    });

    it('ends the build when it is cancelled', async () => {
      const stop = new AbortController();
      const running = build(image(`${SHELL}RUN echo begun; sleep 61.7\n`), kind(), stop.signal, (event) => {
        if (event.type === 'output' && /(^|\d )begun$/.test(event.line)) stop.abort();
      });
      await expect(running).rejects.toMatchObject({ code: 'ND-CANCELLED' });
      for (let left = 50; left > 0 && ps().includes('sleep 61.7'); left -= 1) await new Promise((wake) => { setTimeout(wake, 100); });
      expect(ps()).not.toContain('sleep 61.7');
    });
  }

  describe('classic', () => passes(() => ({ DOCKER_BUILDKIT: '0' })));
  describe('buildkit', () => passes(() => ({ DOCKER_BUILDKIT: '1' })));
  // The plugin, with a client that has no BuildKit of its own.
  describeWith([BUILDX], 'buildx', () => {
    const config = dirname(dirname(realpathSync(find(BUILDX) ?? '/')));
    const kind = (): NodeJS.ProcessEnv => ({ DOCKER_CONFIG: config, BUILDX_CONFIG: join(root, 'buildx'), PATH: `${config}:${engine().env['PATH'] ?? ''}` });
    passes(kind);

    it('mounts secrets, and its own refusal of what its driver cannot do is passed on', async () => {
      const options = image(`${SHELL}RUN --mount=type=secret,id=a cat /run/secrets/a && echo ${Date.now()} > /size\n`, { secrets: [{ id: 'a', env: 'PATH_TO' }] });
      const result = await build(options, { ...kind(), PATH_TO: SECRET });
      expect(output()).toMatch(/\[a\]/);
      expect(JSON.stringify([result, events])).not.toContain('hunter2');
      expect(await failure(image(SHELL, { cacheTo: ['type=registry,ref=x'] }), kind())).toMatch(/ND-IMAGE-BUILD-FAILED.*Cache export is not supported/i);
    });
  });

  const ps = (): string => execFileSync('ps', ['-eo', 'args='], { encoding: 'utf8' });

  it('mounts secrets, which stand nowhere afterwards', async () => {
    const file = join(root, 'a, "file"');
    writeFileSync(file, `${SECRET}2\n`);
    // Another one each time: an engine that has run it before prints nothing of it.
    const options = image(`${SHELL}RUN --mount=type=secret,id=a --mount=type=secret,id=b cat /run/secrets/a /run/secrets/b && cat /run/secrets/a > /size && echo ${Date.now()} > /size\n`, {
      secrets: [{ id: 'a', env: 'PATH_TO' }, { id: 'b', file }],
    });
    const result = await build(options, { PATH_TO: SECRET });
    expect(output()).toMatch(/\[a\]|\[b\]/);
    for (const text of [JSON.stringify(result), JSON.stringify(events), ...readdirSync(store.folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name))).map((bytes) => (bytes[0] === 0x1f ? gunzipSync(bytes) : bytes).toString('latin1'))]) expect(text.includes('hunter2')).toBe(false);
  });

  it('refuses what would make a secret part of the image, or cannot be honoured', async () => {
    const secrets = [{ id: 'a', env: 'A' }];
    expect(await failure(image(SHELL, { secrets, args: { B: `x${SECRET}` } }), { A: SECRET })).toMatch(/ND-OPTION-INVALID.*args\.B.*value of the secret/);
    expect(await failure(image(SHELL, { secrets }))).toMatch(/ND-OPTION-INVALID.*\\"A\\\\?\\" is not set|ND-OPTION-INVALID.*is not set/);
    expect(await failure(image(SHELL, { secrets, cacheTo: ['type=inline'], platforms: ['linux/amd64', 'linux/arm64'] }), { A: SECRET, DOCKER_BUILDKIT: '0' })).toMatch(/ND-ENGINE-UNSUPPORTED.*cacheTo.*secrets.*linux\/arm64/);
    expect(await failure(image(SHELL, { cacheTo: ['type=registry,ref=x'], cacheFrom: ['type=gha'] }))).toMatch(/ND-ENGINE-UNSUPPORTED.*type=gha.*type=registry/);
    expect(await failure(image(`${SHELL}RUN --mount=type=secret,id=a echo\nENV X="hunter2-hunter2 \\"quoted\\""\n`, { secrets }), { A: SECRET })).toMatch(/ND-IMAGE-INVALID.*secret \\"a\\"/);
    expect(events.some((event) => event.type === 'phase' && event.phase === 'export' && event.state === 'done')).toBe(false);
  });

  it('names every part that is not there or no name', async () => {
    const text = await failure(image('', { dockerfile: join(root, 'none'), context: join(root, 'no', 'folder'), args: { 'a=b; rm -rf /': '1', '-x': '2' }, target: '--help', platforms: ['linux'], secrets: [{ id: 'a,env=PATH', env: 'PATH' }] }));
    for (const part of ['dockerfile: there is no file', 'context: there is no folder', 'a=b; rm -rf /', '-x', '--help', 'linux', 'a,env=PATH']) expect(text).toContain(part);
  });

  it('says when the engine does not run or is not installed', async () => {
    expect(await failure(image(SHELL), { DOCKER_HOST: `unix://${root}/none.sock` })).toMatch(/ND-ENGINE-UNREACHABLE.*Cannot connect/);
    expect(await failure(image(SHELL), { PATH: join(root, 'nothing') })).toContain('ND-ENGINE-MISSING');
    expect(await failure(image(SHELL, { engine: 'podman' }), { PATH: join(root, 'nothing') })).toContain('ND-ENGINE-MISSING');
  });

  it('makes one image per platform', async () => {
    const { images } = await build(image('FROM scratch\nCOPY Dockerfile /\n', { platforms: ['linux/arm64', 'linux/amd64'] }));
    expect(images.map(({ platform, image: { config } }) => [platform.architecture, config.architecture])).toEqual([['arm64', 'arm64'], ['amd64', 'amd64']]);
    const { manifests } = await writeLayout(join(root, 'two'), images.map((built) => built.image), { store });
    expect(manifests).toHaveLength(2);
  });

  /** What stands in a layout is loaded and run. */
  async function loadAndRun(options: DockerfileImage): Promise<string> {
    const { docker } = engine();
    const { images: [built] } = await build(options);
    expect(built!.image.config.config).toMatchObject({ Healthcheck: { Test: ['CMD', 'true'] }, User: '1000:1000' });
    const folder = mkdtempSync(join(root, 'whole-'));
    await writeLayout(join(folder, 'image'), [built!.image], { store });
    execFileSync('skopeo', ['inspect', `oci:${folder}/image`], { stdio: ['ignore', 'ignore', 'pipe'] });
    const parts: Uint8Array[] = [];
    await writeDockerArchive(await readLayout(join(folder, 'image')), store, { platform: built!.platform, tags: ['nx-deploy-spec:1'] }, (chunk) => void parts.push(Buffer.from(chunk)));
    docker(['load', '--quiet'], Buffer.concat(parts));
    try {
      return docker(['run', '--rm', 'nx-deploy-spec:1']);
    } finally {
      docker(['image', 'rm', '--force', 'nx-deploy-spec:1']);
    }
  }
  const LAST = 'USER 1000:1000\nHEALTHCHECK CMD ["true"]\n';

  it('makes a layout that other tools read and an engine runs', async () => {
    expect(await loadAndRun(image(`${SHELL}RUN echo -n made > /who\n${LAST}CMD ["sh", "-c", "cat /who; echo"]\n`))).toBe('made\n');
  });

  const soak = process.env['NX_DEPLOY_SOAK'] === '1' ? it : it.skip;
  soak('does so with a service of Node', async () => {
    const { base, remove } = await baseImageForTests();
    engine().docker(['load', '--quiet'], await baseArchive(base, 'nx-deploy-spec-base:1'));
    try {
      const options = image(`FROM nx-deploy-spec-base:1\nWORKDIR /app\nCOPY main.js .\nRUN node -e "1" && id -u > /app/who\n${LAST}CMD ["node", "main.js"]\n`);
      writeFileSync(join(options.context, 'main.js'), 'console.log("served", process.getuid(), require("fs").readFileSync("who", "utf8").trim())');
      expect(await loadAndRun(options)).toBe('served 1000 0\n');
    } finally {
      engine().docker(['image', 'rm', '--force', 'nx-deploy-spec-base:1']);
      remove();
    }
  });
}, ['busybox', 'skopeo']);
