import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { find } from '../tools/bench/programs.js';
import { pushBase } from '../tools/images/base-image.js';
import { baseImageForTests } from '../tools/images/base-image.spec-support.js';
import { describeWithEngine } from '../tools/images/engine.spec-support.js';
import { startRegistry, type LocalRegistry } from '../tools/images/registry.js';
import { Machine, nxProgram, repository } from './support/machine.js';
import { exited, runProgram, type Ending } from './support/program.js';
import { ask, eventually, freePort } from './support/request.js';
import { addSampleService, setVariables } from './support/sample-service.js';
import { Workspace } from './support/workspace.js';

const SAMPLE = 'apps/sample-service';
/** Of a Dockerfile. */
const BOXED = 'apps/boxed';
const SERVICES = Array.from({ length: process.env['NX_DEPLOY_SOAK'] === '1' ? 20 : 6 }, (_, index) => `s${String(index + 1).padStart(2, '0')}`);
/** ms: for all of the services on a machine with much else to do. */
const LONGEST = 400_000;
/** They use the library. */
const DEPENDANTS = ['s01', 's02', 's03'];
const ALL = [SAMPLE, BOXED, ...SERVICES.map((name) => `apps/${name}`)];
const PLANTED = ['planted-in-a-file', 'planted-in-a-variable', 'planted-in-a-login', 'planted-in-npmrc'] as const;

interface Document {
  readonly digest: string;
  readonly platforms: readonly { readonly platform: string; readonly digest: string; readonly layers: readonly { readonly kind: string; readonly digest: string }[] }[];
}

/** One workspace for all tests, which build on each other: images of real registries, in a real engine, read by skopeo. */
describeWithEngine('images outside of Nx', (engine) => {
  const machine = new Machine('images-engine');
  const containers: string[] = [];
  let workspace: Workspace;
  let bases: LocalRegistry;
  let others: LocalRegistry;
  let removeBase = (): void => undefined;

  beforeAll(async () => {
    const [made, ...started] = await Promise.all([baseImageForTests(['linux/amd64', 'linux/arm64']), ...['bases', 'others'].map((name) => startRegistry(join(machine.folder, name)))]);
    [bases, others] = started as [LocalRegistry, LocalRegistry];
    removeBase = made.remove;
    await pushBase(made.base, bases.host, 'library/node:22-slim');
    writeLogin();
    workspace = withVariables(await machine.workspace());
    workspace.write('.npmrc', `//${others.host}/:_authToken=${PLANTED[3]}\n`);
    await workspace.git('config', 'core.excludesFile', '/dev/null');
    addServices();
    addSample();
    addBoxed();
    await workspace.commit('services, a library, the sample and a Dockerfile');
  });
  afterEach(() => { if (containers.length > 0) engine().docker(['rm', '--force', ...containers.splice(0)]); });
  afterAll(async () => {
    await Promise.all([bases.stop(), others.stop()]);
    removeBase();
    await machine.dispose();
  });

  function writeLogin(): void {
    mkdirSync(join(machine.folder, 'login'));
    writeFileSync(join(machine.folder, 'login/config.json'), JSON.stringify({ auths: { [others.host]: { auth: Buffer.from(`robot:${PLANTED[2]}`).toString('base64') } } }));
  }

  /** `home`: the store of blobs of another machine. */
  function withVariables({ root, env }: Workspace, home = machine.home): Workspace {
    const { DOCKER_HOST = '', PATH = '' } = engine().env;
    return new Workspace(root, { ...env, DOCKER_HOST, PATH, DOCKER_CONFIG: join(machine.folder, 'login'), NX_DEPLOY_HOME: home, API_TOKEN: PLANTED[1], GREETING: PLANTED[1] });
  }

  function addServices(): void {
    workspace.write('libs/greeting/project.json', { name: 'greeting' });
    workspace.write('libs/greeting/index.js', 'module.exports = "hello";\n');
    workspace.write('apps/node_modules/tiny/package.json', { name: 'tiny', version: '1.0.0' });
    workspace.write('apps/node_modules/tiny/index.js', `module.exports = ${JSON.stringify('tiny '.repeat(20_000))};\n`);
    for (const name of SERVICES) {
      const uses = DEPENDANTS.includes(name);
      workspace.write(`apps/${name}/project.json`, { name, ...(uses ? { implicitDependencies: ['greeting'] } : {}) });
      workspace.write(`apps/${name}/package.json`, { name, version: '1.4.0' });
      workspace.write(`apps/${name}/src/main.js`, `require('tiny');\nconst text = ${uses ? 'require("../../../libs/greeting/index.js")' : `"${name}"`};\nrequire('node:http').createServer((_, answer) => answer.end(text)).listen(Number(process.env.PORT));\n`);
      workspace.write(`apps/${name}/deploy.json`, {
        artifact: { type: 'image', path: 'src', dependencies: 'traced', base: `${bases.host}/library/node:22-slim`, push: [{ repository: `${bases.host}/shop/${name}`, tags: ['{version}'] }] },
        environments: { staging: {} },
      });
    }
  }

  function addSample(): void {
    const artifact = { type: 'image', path: 'dist', entry: 'main.js', base: `${bases.host}/library/node:22-slim`, platforms: ['linux/amd64', 'linux/arm64'], push: [{ repository: `${others.host}/shop/sample`, tags: ['{version}', '{branch}'] }] };
    addSampleService(workspace, {}, { artifact });
    setVariables(workspace, 'production', { GREETING: PLANTED[0] });
    const project = workspace.json<{ targets: { build: { options: object } } }>(`${SAMPLE}/project.json`);
    // The modules of a test lie outside of its workspace: comments and source maps would name that place.
    Object.assign(project.targets.build.options, { sourcemap: false, minify: true });
    workspace.write(`${SAMPLE}/project.json`, project);
  }

  /** A Dockerfile of no language at all. */
  function addBoxed(): void {
    workspace.write(`${BOXED}/project.json`, { name: 'boxed' });
    workspace.write(`${BOXED}/package.json`, { name: 'boxed', version: '2.0.0' });
    workspace.write(`${BOXED}/www/index.html`, 'in a box');
    workspace.write(`${BOXED}/Dockerfile`, 'FROM scratch\nCOPY bin /bin\nRUN echo made > /tmp-made\nCOPY www /www\nUSER 1000\nCMD ["/bin/busybox", "httpd", "-f", "-p", "3000", "-h", "/www"]\n');
    workspace.write(`${BOXED}/deploy.json`, { artifact: { type: 'image', builder: 'docker', push: [{ repository: `${bases.host}/shop/boxed`, tags: ['{version}'] }] }, environments: { staging: {} } });
    mkdirSync(workspace.path(BOXED, 'bin'));
    copyFileSync(find('busybox') ?? '', workspace.path(BOXED, 'bin/busybox'));
    for (const program of ['sh', 'id']) symlinkSync('busybox', workspace.path(BOXED, 'bin', program));
  }

  const nx = async ({ root, env }: Workspace, ...args: readonly string[]): Promise<Ending> => exited(await runProgram([process.execPath, nxProgram, ...args, '--outputStyle=static'], { cwd: root, env, deadline: LONGEST }), 0);
  const documentOf = (place: Workspace, root: string): Document => place.json<Document>(`dist/images/${root}/image.json`);
  const layoutOf = (place: Workspace, root: string): string => place.path(`dist/images/${root}/image`);
  const builtAt = (root: string): string => workspace.json<{ build: { started: string } }>(`dist/image-runs/${root}.json`).build.started;
  const layersOf = ({ platforms }: Document): string[] => platforms.flatMap(({ layers }) => layers.map(({ digest }) => digest));
  const skopeo = (...args: readonly string[]): string => execFileSync('skopeo', ['--insecure-policy', ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

  /** Starts it in the engine, and gives what its health says. */
  async function serve(image: string, path: string): Promise<{ readonly status: number; readonly body: string }> {
    const port = await freePort();
    const id = engine().docker(['run', '--detach', '--publish', `127.0.0.1:${port}:3000`, '--env', 'HOST=0.0.0.0', '--env', 'GREETING=hi', image]).trim();
    containers.push(id);
    const answer = await eventually(`${image} answers`, () => ask(`http://127.0.0.1:${port}${path}`), () => true, 20_000);
    expect(engine().docker(['exec', id, 'id', '-u']).trim()).toBe('1000');
    return answer;
  }

  it(`makes the modules of ${SERVICES.length} services once`, async () => {
    await nx(workspace, 'run-many', '-t', 'build-image', '--parallel=3');
    const modules = SERVICES.map((name) => documentOf(workspace, `apps/${name}`).platforms[0]?.layers.find(({ kind }) => kind === 'modules')?.digest);
    expect(new Set(modules).size).toBe(1);
    const made = SERVICES.map((name) => workspace.json<{ build: { made: string[] } }>(`dist/image-runs/apps/${name}.json`).build.made);
    expect(made.filter((digests) => digests.includes(modules[0] ?? 'none'))).toHaveLength(1);
  }, LONGEST);

  it('pushes what the cache restored, and an engine pulls and runs it', async () => {
    const before = builtAt('apps/s01');
    rmSync(workspace.path('dist/images/apps/s01'), { recursive: true });
    await nx(workspace, 'run', 's01:push-image');
    expect(builtAt('apps/s01')).toBe(before);
    const { digest } = documentOf(workspace, 'apps/s01');
    engine().docker(['pull', '--quiet', `${bases.host}/shop/s01:1.4.0`]);
    expect(await serve(`${bases.host}/shop/s01@${digest}`, '/')).toMatchObject({ status: 200, body: 'hello' });
  }, LONGEST);

  it('does so with nothing in the store, for several platforms, to another registry', async () => {
    const before = builtAt(SAMPLE);
    rmSync(workspace.path('dist/images', SAMPLE), { recursive: true });
    rmSync(join(machine.home, 'image-blobs'), { recursive: true });
    await nx(workspace, 'run', 'sample-service:push-image');
    expect(builtAt(SAMPLE)).toBe(before);
    const { digest, platforms } = documentOf(workspace, SAMPLE);
    const reference = `${others.host}/shop/sample:1.0.0`;
    engine().docker(['pull', '--quiet', reference]);
    expect(engine().docker(['inspect', '--format', '{{.Architecture}} {{index .RepoDigests 0}}', reference]).trim()).toBe(`amd64 ${others.host}/shop/sample@${digest}`);
    expect((await serve(reference, '/health')).status).toBe(200);
    expect(platforms.map(({ platform }) => platform)).toEqual(['linux/amd64', 'linux/arm64']);
    const remote = ['--tls-verify=false', `docker://${others.host}/shop/sample:main`];
    const index = JSON.parse(skopeo('inspect', '--raw', ...remote)) as { manifests: { digest: string; platform: { architecture: string } }[] };
    expect(index.manifests.map((manifest) => [manifest.digest, manifest.platform.architecture])).toEqual(platforms.map((each) => [each.digest, each.platform.split('/')[1]]));
    expect(JSON.parse(skopeo('inspect', '--override-arch=arm64', ...remote))).toMatchObject({ Architecture: 'arm64' });
    skopeo('copy', '--all', '--quiet', '--src-tls-verify=false', `docker://${others.host}/shop/sample@${digest}`, `dir:${join(machine.folder, 'copy')}`);
  }, LONGEST);

  it('pushes and loads the image of a Dockerfile as the cache restored it, without a build', async () => {
    const before = builtAt(BOXED);
    const { digest } = documentOf(workspace, BOXED);
    rmSync(workspace.path('dist/images', BOXED), { recursive: true });
    const { output } = await nx(workspace, 'run', 'boxed:push-image');
    expect(output).toMatch(/boxed:build-image +\[(?:local|remote) cache\]/);
    expect([builtAt(BOXED), documentOf(workspace, BOXED).digest]).toEqual([before, digest]);
    exited(await workspace.bin('load-image', 'boxed', '--tag=shop/boxed:loaded'), 0);
    for (const image of [`${bases.host}/shop/boxed@${digest}`, 'shop/boxed:loaded']) expect(await serve(image, '/')).toMatchObject({ status: 200, body: 'in a box' });
  }, LONGEST);

  it('loads it into the engine', async () => {
    exited(await workspace.bin('load-image', 'sample-service', '--tag=shop/sample:loaded'), 0);
    expect((await serve('shop/sample:loaded', '/health')).status).toBe(200);
  }, LONGEST);

  it('writes whole layouts that other tools read and copy', async () => {
    const { digest } = documentOf(workspace, SAMPLE);
    exited(await workspace.bin('build-image', 'sample-service', '--full'), 0);
    expect(documentOf(workspace, SAMPLE).digest).toBe(digest);
    const layout = `oci:${layoutOf(workspace, SAMPLE)}`;
    expect(JSON.parse(skopeo('inspect', layout))).toMatchObject({ Architecture: 'amd64', Os: 'linux' });
    skopeo('copy', '--all', '--quiet', layout, `oci:${join(machine.folder, 'again')}:x`);
    skopeo('copy', '--all', '--quiet', '--dest-tls-verify=false', layout, `docker://${bases.host}/skopeo/sample:1`);
    expect(skopeo('inspect', '--tls-verify=false', '--format', '{{.Digest}}', `docker://${bases.host}/skopeo/sample:1`).trim()).toBe(digest);
  }, LONGEST);

  it('gives the same digest in another clone, of another commit, with a store of its own; one other line is one other layer', async () => {
    const first = documentOf(workspace, SAMPLE);
    const root = join(machine.folder, 'some/where/else/clone');
    await workspace.git('clone', '--quiet', '.', root);
    machine.install(root);
    const clone = withVariables(machine.at(root), join(machine.folder, 'another home'));
    clone.write('README.md', 'later\n');
    await clone.commit('another commit');
    await nx(clone, 'run', 'sample-service:build-image');
    expect(documentOf(clone, SAMPLE)).toEqual(first);
    const source = `${SAMPLE}/src/routes/greeting.ts`;
    clone.write(source, `${clone.read(source)}\nexport const changed: unknown = process.stdout.write('');\n`);
    await nx(clone, 'run', 'sample-service:build-image');
    const second = documentOf(clone, SAMPLE);
    const [old, now] = [layersOf(first), layersOf(second)];
    // One for both platforms.
    expect([new Set(now.filter((digest) => !old.includes(digest))).size, now.length]).toEqual([1, old.length]);
    expect(second.platforms[0]?.layers.find(({ digest }) => !old.includes(digest))?.kind).toBe('application');
  }, LONGEST);

  it('builds exactly the dependants of a library that was edited', async () => {
    const before = new Map(ALL.map((root) => [root, [builtAt(root), layersOf(documentOf(workspace, root))] as const]));
    workspace.write('libs/greeting/index.js', 'module.exports = "good morning";\n');
    await nx(workspace, 'affected', '-t', 'build-image', '--base=HEAD');
    expect(ALL.filter((root) => builtAt(root) !== before.get(root)?.[0])).toEqual(DEPENDANTS.map((name) => `apps/${name}`));
    for (const name of DEPENDANTS) {
      const [, old = []] = before.get(`apps/${name}`) ?? [];
      const [platform] = documentOf(workspace, `apps/${name}`).platforms;
      expect(platform?.layers.filter(({ digest }) => !old.includes(digest)).map(({ kind }) => kind)).toEqual(['libraries']);
    }
  }, LONGEST);

  it('has no value of an environment, credential or path of the machine in any layer or document', () => {
    const hidden = [...PLANTED, Buffer.from(`robot:${PLANTED[2]}`).toString('base64'), machine.folder, `${repository}/`];
    const files = ALL.flatMap((root) => {
      const own = new Set(documentOf(workspace, root).platforms.flatMap(({ layers }) => layers.filter(({ kind }) => kind === 'base').map(({ digest }) => digest.slice('sha256:'.length))));
      return readdirSync(workspace.path(`dist/images/${root}`), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && !own.has(entry.name)).map((entry) => join(entry.parentPath, entry.name));
    });
    const found = files.flatMap((file) => {
      const bytes = readFileSync(file);
      const content = bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes;
      return hidden.filter((value) => content.includes(value)).map((value) => `${file}: ${value}`);
    });
    // What is searched holds what is not hidden: names, and the code itself.
    expect([files.length > 5 * ALL.length, files.some((file) => readFileSync(file).includes('API_TOKEN'))]).toEqual([true, true]);
    expect(found).toEqual([]);
  });
}, ['docker-registry', 'skopeo', 'busybox', 'git']);
