import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { ExecutorContext, TargetConfiguration } from '@nx/devkit';
import { find } from '../../../../../tools/bench/programs.js';
import { describeWithEngine } from '../../../../../tools/images/engine.spec-support.js';
import buildImageExecutor from '../../executors/build-image/executor.js';
import { temporaryFolder } from '../../shell/programs.spec-support.js';
import { buildImage } from '../build-image.js';
import { commandContext, type CommandContext } from '../context.js';
import { inspectImage } from '../inspect-image.js';
import { Recorder } from '../workbench.spec-support.js';

const SECRET = 'hunter2-of-the-registry';
const everything = temporaryFolder('dockerfile-images');

describeWithEngine('build-image of a Dockerfile', (engine) => {
  let folder: string;
  let output: Recorder;
  const inherited = { ...process.env };
  beforeEach(() => {
    folder = mkdtempSync(join(everything, 'shop-'));
    write('nx.json', '{}');
    write('apps/api/package.json', '{ "name": "api", "version": "1.2.0" }');
    write('apps/api/text', 'hello');
    mkdirSync(join(folder, 'clone/apps/api/bin'));
    copyFileSync(find('busybox') ?? '', join(folder, 'clone/apps/api/bin/sh'));
    copyFileSync(find('busybox') ?? '', join(folder, 'clone/apps/api/bin/cat'));
  });
  afterEach(() => { process.env = { ...inherited }; });

  function write(path: string, text: string): void {
    const file = join(folder, 'clone', path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  const read = (path: string): string => readFileSync(join(folder, 'clone', path), 'utf8');
  const deployFile = (artifact: object): void => write('apps/api/deploy.json', JSON.stringify({ artifact: { type: 'image', ...artifact }, environments: { staging: {} } }));
  const variables = (): NodeJS.ProcessEnv => ({ ...engine().env, NX_DEPLOY_HOME: join(folder, 'home'), THE_TOKEN: SECRET });

  function context(): CommandContext {
    output = new Recorder();
    return commandContext({ workspaceRoot: join(folder, 'clone'), projectName: 'api', projectRoot: 'apps/api', environment: undefined, variables: variables() }, output);
  }
  const build = async (): Promise<{ readonly exitCode: number; readonly document: object }> => buildImage(context(), {}, () => Promise.resolve({}));

  /** Everything that is written anywhere, layers unpacked. */
  function written(): string {
    return readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && !entry.parentPath.endsWith('/bin')).map((entry) => {
      const bytes = readFileSync(join(entry.parentPath, entry.name));
      return (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString('latin1');
    }).join('\n');
  }

  it('says what each layer is, and no secret stands anywhere', async () => {
    write('apps/api/Dockerfile', 'FROM scratch\nCOPY bin /bin\nARG WHO\nRUN --mount=type=secret,id=token echo "$WHO: $(cat /run/secrets/token)" && echo done > /made\nCOPY text /\n');
    deployFile({ builder: 'docker', args: { WHO: 'me' }, secrets: [{ id: 'token', env: 'THE_TOKEN' }] });
    const { exitCode, document } = await build();
    expect({ exitCode, errors: output.errors }).toEqual({ exitCode: 0, errors: [] });
    expect(output.text).toMatch(/dockerfile .* made .*COPY text/);
    expect(output.phases).toEqual(['dockerfile start', 'dockerfile done', 'export start', 'export done', 'write start', 'write done']);
    expect(JSON.parse(read('dist/images/apps/api/image.json'))).toMatchObject({ platforms: [{ layers: [{ kind: 'dockerfile', reason: expect.stringContaining('COPY bin') as string }, {}, {}] }] });
    expect(JSON.parse(read('dist/image-runs/apps/api.json'))).toMatchObject({ build: { version: '1.2.0' } });
    const told = JSON.stringify([output.events, output.lines, output.told, document]);
    // It was mounted, for it was printed: that line stands there without it.
    expect(told).toMatch(/me: [^ ]+/);
    expect([told.includes(SECRET), written().includes(SECRET), written().includes('done')]).toEqual([false, false, true]);
    expect((await inspectImage(context(), {})).exitCode).toBe(0);
    expect(output.text).toMatch(/dockerfile .*COPY bin/);

    expect((await build()).document).toMatchObject({ made: [], image: (document as { image: object }).image });
    write('apps/api/text', 'other');
    expect((await build()).document).toMatchObject({ made: [expect.any(String)] });
    write('apps/api/Dockerfile', 'FROM scratch\nCOPY none /\n');
    expect(await build()).toMatchObject({ exitCode: 1, document: { error: { code: 'ND-IMAGE-BUILD-FAILED' } } });
  });

  /** By the executor, as Nx calls it: the targets are Nx's. */
  async function execute(targets: Readonly<Record<string, TargetConfiguration>>): Promise<{ readonly success: boolean; readonly document: { readonly error?: object; readonly warnings?: readonly string[] } }> {
    process.env = variables();
    const outputFile = join(folder, 'result.json');
    const nx = { root: join(folder, 'clone'), cwd: folder, isVerbose: false, projectName: 'api', projectsConfigurations: { version: 2, projects: { api: { root: 'apps/api', targets } } }, nxJsonConfiguration: {}, projectGraph: { nodes: {}, dependencies: {} } } satisfies ExecutorContext;
    const streams = [process.stdout, process.stderr].map((stream) => jest.spyOn(stream, 'write').mockImplementation(() => true));
    const { success } = await buildImageExecutor({ outputFile }, nx);
    streams.forEach((spy) => spy.mockRestore());
    return { success, document: JSON.parse(readFileSync(outputFile, 'utf8')) as { error?: object } };
  }

  it('takes what docker:build of @nx/docker says, by whatever name it goes', async () => {
    write('apps/api/Dockerfile', 'FROM scratch AS one\nARG A\nENV B=$A\nCOPY text /\nFROM one\nCOPY bin /bin\n');
    deployFile({ builder: '@nx/docker', labels: { 'com.example.own': '1' } });
    const target = { executor: 'nx:run-commands', options: { command: 'docker build .', cwd: 'apps/api', args: ['--tag apps-api', '--label com.example.theirs=2'] }, configurations: { release: { args: '--target one --build-arg A=b' } }, defaultConfiguration: 'release' };
    expect(await execute({ 'docker:build': target })).toMatchObject({ success: true, document: { warnings: [], image: { platforms: [{ platform: 'linux/amd64', layers: [{ reason: expect.stringContaining('COPY text') as string }] }] } } });
    expect(written()).toContain('"B=b"');

    expect(await execute({ build: target })).toMatchObject({ success: false, document: { error: { code: 'ND-OPTION-INVALID', what: expect.stringContaining('no target docker:build') as string } } });
    write('nx.json', JSON.stringify({ plugins: [{ plugin: '@nx/docker', options: { buildTarget: { name: 'container' } } }] }));
    write('else/Dockerfile', 'FROM scratch\nCOPY apps/api/text /\n');
    const { success, document } = await execute({ container: { command: 'docker build . --network=host', options: {} } });
    expect({ success, document }).toMatchObject({ success: false, document: { error: { problems: [expect.stringContaining('it is not "docker build <folder>"')] } } });
    const outside = await execute({ container: { command: 'docker build .', options: { args: '-f else/Dockerfile' } } });
    expect(outside.success).toBe(true);
    expect(outside.document.warnings).toHaveLength(2);
    deployFile({ builder: '@nx/docker', platforms: ['linux/arm64'] });
    expect(await execute({ container: { command: 'docker build .', options: { args: '-f else/Dockerfile --platform linux/amd64' } } })).toMatchObject({ success: false });
  });
}, ['busybox']);
