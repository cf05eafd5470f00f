import { addProjectConfiguration, logger, readJson, readNxJson, updateNxJson, updateProjectConfiguration, writeJson } from '@nx/devkit';
import type { TargetConfiguration, Tree } from '@nx/devkit';
import { createTreeWithEmptyWorkspace } from '@nx/devkit/testing';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseConfig } from '../../config/load.js';
import { resolveEnvironment } from '../../config/resolve.js';
import type { ResolvedEnvironment } from '../../config/resolved.js';
import { AVAILABLE_STRATEGIES } from '../../config/strategy-schema.js';
import { dockerfileGenerator } from '../dockerfile/generator.js';
import generator, { setupGenerator } from './generator.js';
import type { SetupOptions } from './generator.js';

let tree: Tree;
let said: string[];

beforeEach(() => {
  tree = createTreeWithEmptyWorkspace();
  said = [];
  jest.spyOn(logger, 'info').mockImplementation((text) => void said.push(String(text)));
});

afterEach(() => {
  jest.restoreAllMocks();
});

interface Sample {
  root?: string;
  build?: TargetConfiguration;
  files?: Readonly<Record<string, string>>;
}

const ESBUILD: TargetConfiguration = {
  executor: '@nx/esbuild:esbuild',
  options: { main: 'apps/api/src/main.ts', outputPath: 'apps/api/dist', format: ['cjs'], bundle: true, thirdParty: true, esbuildOptions: { outExtension: { '.js': '.js' } } },
};

function project(name: string, { root = `apps/${name}`, build, files = {} }: Sample = {}): void {
  addProjectConfiguration(tree, name, { root, ...(build === undefined ? {} : { targets: { build } }) });
  for (const [file, text] of Object.entries(files)) tree.write(`${root}/${file}`, text);
}

async function setup(options: Partial<SetupOptions> = {}): Promise<string> {
  said = [];
  await setupGenerator(tree, { project: 'api', skipFormat: true, ...options });
  return said.join('\n');
}

function resolved(root = 'apps/api', environment = 'staging'): ResolvedEnvironment {
  const file = `/w/${root}/deploy.json`;
  return resolveEnvironment({ ...parseConfig(tree.read(`${root}/deploy.json`, 'utf8') ?? '', file), environment, projectRoot: root, workspaceRoot: '/w', projectName: 'x' });
}

function everything(): Record<string, string> {
  return Object.fromEntries(tree.listChanges().map(({ path, content }) => [path, content?.toString() ?? '']));
}

const SERVER = 'app.get(\'/healthz\', ok);\nlisten(Number(process.env.PORT ?? 3000));\nconst key = process.env[\'STRIPE_API_KEY\'];\nlog(process.env.LOG_LEVEL, process.env.NX_DEPLOY_RELEASE);\n';

describe('a project with an esbuild target', () => {
  beforeEach(() => project('api', { build: ESBUILD, files: { 'src/main.ts': SERVER, 'src/main.spec.ts': 'get(\'/health\'); process.env.ONLY_IN_TESTS' } }));

  it('gets a deploy.json that resolves, from its build and its source', async () => {
    const output = await setup();
    expect(readJson(tree, 'apps/api/deploy.json')).toEqual({
      $schema: '../../node_modules/nx-deploy/deploy.schema.json',
      version: 1,
      service: 'api',
      artifact: { type: 'files', path: 'dist', entry: 'main.js', dependencies: 'bundled' },
      health: { path: '/healthz' },
      environments: {
        staging: { platform: 'local', instances: 2, strategy: 'rolling', listen: 8080 },
        production: { platform: 'local', instances: 2, strategy: 'rolling', listen: 8081 },
      },
    });
    expect(resolved()).toMatchObject({ artifact: { path: '/w/apps/api/dist' }, port: 0 });
    expect(output).toContain('next: npx nx run api:deploy --configuration=staging --dry-run');
    expect(output).toMatch(/^[ -~\n]+$/);
  });

  it.each(AVAILABLE_STRATEGIES)('gets the strategy %s when it is asked for, and the schema of the generator offers it', async (strategy) => {
    await setup({ strategy });
    expect([resolved().strategy.type, resolved('apps/api', 'production').strategy.type]).toEqual([strategy, strategy]);
    const offered = JSON.parse(readFileSync(join(__dirname, 'schema.json'), 'utf8')) as { properties: { strategy: { enum: string[] } } };
    expect([...offered.properties.strategy.enum].sort()).toEqual([...AVAILABLE_STRATEGIES].sort());
  });

  it('gets environment files and a schema of the variables it reads, secrets marked', async () => {
    await setup();
    expect(tree.read('apps/api/environments/staging.env', 'utf8')).toMatch(/^(#[ -~]*\n)+$/);
    expect(tree.exists('apps/api/environments/production.env')).toBe(true);
    expect(readJson(tree, 'apps/api/environments/env.schema.json')).toMatchObject({
      type: 'object', required: [],
      properties: { LOG_LEVEL: { type: 'string', description: 'Read in apps/api/src/main.ts.' }, STRIPE_API_KEY: { 'x-secret': true } },
    });
    const { properties } = readJson<{ properties: object }>(tree, 'apps/api/environments/env.schema.json');
    expect(Object.keys(properties)).toEqual(['LOG_LEVEL', 'STRIPE_API_KEY']);
  });

  it('registers the plugin', async () => {
    await setup();
    expect(readNxJson(tree)?.plugins).toEqual([{ plugin: 'nx-deploy/plugin' }]);
  });

  it('changes nothing when it runs twice, also when files were formatted', async () => {
    // The workspace of the test has no formatter, which Nx remarks upon.
    jest.spyOn(console, 'warn').mockImplementation();
    await setup({ skipFormat: false });
    const before = everything();
    const output = await setup({ skipFormat: false });
    expect(everything()).toEqual(before);
    expect(output).toContain('left as it is');
  });

  it('takes flags', async () => {
    await setup({ environments: ['qa', ' live '], instances: 3, listen: 9000, output: 'out/api/', entry: 'server.cjs' });
    expect(readJson(tree, 'apps/api/deploy.json')).toMatchObject({
      artifact: { path: '{workspaceRoot}/out/api', entry: 'server.cjs' },
      environments: { qa: { instances: 3, listen: 9000 }, live: { listen: 9001 } },
    });
  });

  it.each(['../out', '/etc', ' ', 'C:\\out'])('refuses the output %j before anything is written', async (output) => {
    await expect(setup({ output })).rejects.toMatchObject({ code: 'ND-OPTION-INVALID', parts: { what: `--output cannot be ${JSON.stringify(output)}` } });
    expect(tree.exists('apps/api/deploy.json')).toBe(false);
  });

  it('gives each service ports of its own', async () => {
    project('web', { files: { 'deploy.json': '{ "artifact": { "type": "files" }, "environments": { "a": { "listen": 8080 }, "b": { "listen": { "port": 8082 } }, "c": {} } }' } });
    project('odd', { files: { 'deploy.json': '{ "environments": 3 }' } });
    await setup();
    expect([resolved().listen.port, resolved('apps/api', 'production').listen.port]).toEqual([8081, 8083]);
  });

  it('sets several projects up at once', async () => {
    project('web', { build: { executor: '@nx/webpack:webpack', options: { outputPath: 'dist/apps/web' } } });
    await setup({ project: 'api, web' });
    expect(resolved('apps/web')).toMatchObject({ artifact: { path: '/w/dist/apps/web', entry: 'main.js', dependencies: 'traced' }, listen: { port: 8082 } });
  });

  it('warns of scripts that replace inferred targets', async () => {
    writeJson(tree, 'apps/api/package.json', { name: 'api', scripts: { ship: 'x', status: 'y', package: 'z' } });
    updateNxJson(tree, { ...readNxJson(tree), plugins: [{ plugin: 'nx-deploy/plugin', options: { targetNames: { deploy: 'ship' } } }] });
    const output = await setup();
    expect(output).toContain('the script "ship" of package.json replaces');
    expect(output).toContain('the script "status"');
    expect(output).not.toContain('"package"');
    expect(output).toContain('npx nx run api:ship');
    expect(readNxJson(tree)?.plugins).toHaveLength(1);
  });
});

describe('a deploy.json that a person wrote', () => {
  const MINE = '\uFEFF// mine\n{\n\t"artifact": { "type": "files" }, // keep\n\t"environments": {\n\t\t"live": { "listen": 80 } /* prod */\n\t}\n}\n';

  beforeEach(() => project('api', { build: ESBUILD, files: { 'deploy.json': MINE } }));

  it('stays as it is without flags; its environments get their files', async () => {
    await setup();
    expect(tree.read('apps/api/deploy.json', 'utf8')).toBe(MINE);
    expect(tree.exists('apps/api/environments/live.env')).toBe(true);
    expect(tree.exists('apps/api/environments/staging.env')).toBe(false);
  });

  it('says what was asked for and is not done to it', async () => {
    const output = await setup({ artifact: 'image', output: 'out', entry: 'x.js', platform: 'docker', instances: 5, strategy: 'canary', listen: 9000 });
    expect(tree.read('apps/api/deploy.json', 'utf8')).toBe(MINE);
    expect(output).toContain('api: apps/api/deploy.json left as it is\n  - --artifact=image, --output=out, --entry=x.js: for a new deploy.json only; change "artifact" in this one by hand\n  - --platform=docker, --instances=5, --strategy=canary, --listen=9000: for new environments only; change those that are there by hand\n');
    expect(await setup({ artifact: 'files', output: 'apps/api/dist', entry: 'main.js', platform: 'local', strategy: 'rolling', listen: 80 })).toContain('api: apps/api/deploy.json has all that was asked for; left as it is\n  next');
    expect(await setup({ environments: ['live', 'qa'], instances: 3, artifact: 'image' })).toContain('deploy.json extended\n  - --artifact=image: for a new deploy.json only; change "artifact" in this one by hand\n  next');
  });

  it('gets an environment that is named twice once', async () => {
    await setup({ environments: ['qa', 'qa ,test'] });
    expect(Object.keys(parseConfig(tree.read('apps/api/deploy.json', 'utf8') ?? '', 'f').config.environments)).toEqual(['live', 'qa', 'test']);
    expect(resolved('apps/api', 'test').listen.port).toBe(8081);
  });

  it('gets the environments that are named and missing, and keeps all else', async () => {
    await setup({ environments: ['live', 'qa'] });
    const text = tree.read('apps/api/deploy.json', 'utf8') ?? '';
    expect(text.startsWith('\uFEFF// mine\n{\n\t"artifact": { "type": "files" }, // keep\n')).toBe(true);
    expect(text).toContain('\n\t\t"live": { "listen": 80 }, /* prod */\n');
    expect(text.endsWith('\n\t\t}\n\t}\n}\n')).toBe(true);
    expect(text).toContain('\n\t\t"qa": {\n\t\t\t"platform": "local",');
    expect(resolved('apps/api', 'qa').listen.port).toBe(8080);
    await setup({ environments: ['live', 'qa'] });
    expect(tree.read('apps/api/deploy.json', 'utf8')).toBe(text);
  });

  it('keeps its line ends and its trailing commas', async () => {
    tree.write('apps/api/deploy.json', '{\r\n    "artifact": { "type": "files", },\r\n    "environments": {\r\n        "live": {},\r\n    },\r\n}\r\n');
    await setup({ environments: ['qa', 'live', 'test'] });
    const text = tree.read('apps/api/deploy.json', 'utf8') ?? '';
    expect(text.replaceAll('\r\n', '')).not.toContain('\n');
    expect(text).toContain('        "live": {},\r\n        "qa": {\r\n            "platform": "local",\r\n');
    expect(text.endsWith('\r\n        },\r\n    },\r\n}\r\n')).toBe(true);
    expect(Object.keys(parseConfig(text, 'f').config.environments)).toEqual(['live', 'qa', 'test']);
  });

  it('on one line is extended too', async () => {
    tree.write('apps/api/deploy.json', '{ "artifact": { "type": "files" }, "environments": { "live": {} } }');
    await setup({ environments: ['qa'] });
    expect(tree.read('apps/api/deploy.json', 'utf8')).toBe('{ "artifact": { "type": "files" }, "environments": { "live": {}, "qa": { "platform": "local", "instances": 2, "strategy": "rolling", "listen": 8080 } } }');
    expect(resolved('apps/api', 'qa').environment).toBe('qa');
  });

  it('keeps a comment behind its last environment, whatever stands in it', async () => {
    tree.write('apps/api/deploy.json', '{ "artifact": { "type": "files" },\n  "environments": {\n    "live": {} // a, b }\n  } }\n');
    await setup({ environments: ['qa'] });
    const text = tree.read('apps/api/deploy.json', 'utf8') ?? '';
    expect(text).toContain('    "live": {}, // a, b }\n    "qa": {\n      "platform"');
    expect(resolved('apps/api', 'qa').environment).toBe('qa');
  });

  it('with problems is refused with all of them, and nothing is written', async () => {
    tree.write('apps/api/deploy.json', '{ "environments": {} }');
    await expect(setup({ environments: ['qa'] })).rejects.toMatchObject({ code: 'ND-CONFIG-INVALID', parts: { problems: { length: 2 } } });
    expect(tree.exists('apps/api/environments')).toBe(false);
  });

  it('with problems is told in full to whoever runs the generator in Nx', async () => {
    tree.write('apps/api/deploy.json', '{ "environments": {} }');
    await expect(generator(tree, { project: 'api' })).rejects.toThrow(/error ND-CONFIG-INVALID: .*2 problems[^]*apps\/api\/deploy.json[^]*artifact[^]*environments/);
    await expect(generator(tree, { project: 'api', get environments(): string[] { throw new TypeError('odd'); } })).rejects.toThrow('odd');
    tree.write('apps/api/deploy.json', MINE);
    expect(typeof await generator(tree, { project: 'api', skipFormat: true })).toBe('function');
  });

  it('with a strategy at the top gets environments that keep it, unless another is asked for', async () => {
    tree.write('apps/api/deploy.json', '{ "artifact": { "type": "files" }, "strategy": { "type": "canary", "sticky": true }, "environments": { "live": {} } }');
    await setup({ environments: ['qa'] });
    expect(resolved('apps/api', 'qa').strategy).toMatchObject({ type: 'canary', sticky: true });
    await setup({ environments: ['test'], strategy: 'blue-green' });
    expect(resolved('apps/api', 'test').strategy.type).toBe('blue-green');
  });

  it('with a fixed port refuses a strategy that needs two instances, and writes nothing', async () => {
    const text = '{ "artifact": { "type": "files" }, "port": 3000, "environments": { "live": {} } }';
    tree.write('apps/api/deploy.json', text);
    await expect(setup({ environments: ['qa'], strategy: 'canary' })).rejects.toMatchObject({ code: 'ND-OPTION-INVALID', parts: { what: 'the strategy "canary" cannot be used here' } });
    expect(tree.read('apps/api/deploy.json', 'utf8')).toBe(text);
    await setup({ environments: ['qa'], strategy: 'recreate' });
    expect(resolved('apps/api', 'qa').strategy.type).toBe('recreate');
  });

  it('with a fixed port gets environments that can work with it', async () => {
    tree.write('apps/api/deploy.json', '{ "artifact": { "type": "files" }, "port": 3000, "environments": { "live": {} } }');
    expect(await setup({ environments: ['qa'], instances: 4 })).toContain('  - --instances=4: 1 in qa, for the service has a fixed port, which two instances cannot share\n');
    expect(resolved('apps/api', 'qa')).toMatchObject({ port: 3000, strategy: { type: 'recreate' } });
  });

  it('has its environment files respected', async () => {
    tree.write('apps/api/environments/live.env', 'MINE=1\n');
    tree.write('environments/live.env', 'export SHARED_TOKEN=x\n#OLD=1\n');
    await setup();
    expect(tree.read('apps/api/environments/live.env', 'utf8')).toBe('MINE=1\n');
    expect(readJson(tree, 'apps/api/environments/env.schema.json').properties).toEqual({
      MINE: { type: 'string', description: 'Set in apps/api/environments/live.env.' },
      SHARED_TOKEN: { type: 'string', description: 'Set in environments/live.env.', 'x-secret': true },
    });
  });

  it('keeps its schema, and leaves shared values to a shared schema', async () => {
    tree.write('environments/live.env', 'SHARED=x\n');
    tree.write('environments/env.schema.json', '{ "type": "object" }');
    await setup();
    expect(readJson(tree, 'apps/api/environments/env.schema.json').properties).toEqual({});
    tree.write('apps/api/environments/env.schema.json', '{ "mine": true }');
    await setup();
    expect(tree.read('apps/api/environments/env.schema.json', 'utf8')).toBe('{ "mine": true }');
  });
});

describe('what the source tells', () => {
  it('a fixed port means one instance that is recreated, and says how to do better', async () => {
    project('api', { build: ESBUILD, files: { 'src/main.ts': 'server.listen(4000)' } });
    const output = await setup();
    expect(resolved()).toMatchObject({ port: 4000, strategy: { type: 'recreate' }, processes: { web: { scale: { fixed: 1 } } } });
    expect(output).toContain('listens on port 4000 without reading process.env.PORT');
    expect(output).toContain('no health path was found');
  });

  it('no port at all is told', async () => {
    project('api', { build: ESBUILD, files: { 'src/main.ts': 'go("/health")', 'src/big.ts': `listen(1); .listen(5555)${' '.repeat(500_001)}` } });
    const output = await setup();
    expect(output).toContain('does not read process.env.PORT');
    expect(output).not.toContain('no health path');
    expect(resolved().port).toBe(0);
  });

  it('an impossible port is none', async () => {
    project('api', { build: ESBUILD, files: { 'src/main.ts': 'x.listen(99999)' } });
    await setup();
    expect(resolved().port).toBe(0);
  });
});

describe('the artifact', () => {
  it('is an image of the Dockerfile where nothing of a build is known', async () => {
    project('go', { files: { Dockerfile: 'FROM scratch', 'main.go': 'package main' } });
    const output = await setup({ project: 'go' });
    expect(readJson(tree, 'apps/go/deploy.json')).toMatchObject({ artifact: { type: 'image', builder: 'docker' } });
    expect(output).toContain('an image of its Dockerfile');
    expect(output).not.toContain('process.env.PORT');
    expect(output).toMatch(/next: npx nx run go:build-image$/);
    expect(await setup({ project: 'go' })).toMatch(/next: npx nx run go:build-image$/);
    // Where the workspace says what runs it, it can be deployed.
    tree.write('apps/go/deploy.json', '{ "artifact": { "type": "image", "builder": "docker" }, "environments": { "staging": {} } }');
    updateNxJson(tree, { ...readNxJson(tree), plugins: [{ plugin: 'nx-deploy/plugin', options: { defaults: { platform: 'docker' } } }] });
    expect(await setup({ project: 'go' })).toContain('next: npx nx run go:deploy --configuration=staging --dry-run');
  });

  it.each(['package', 'image', 'files'] as const)('is what is asked for: %s', async (artifact) => {
    project('api', { build: ESBUILD, files: { 'src/main.ts': SERVER, Dockerfile: 'FROM node' } });
    await setup({ artifact });
    expect(readJson(tree, 'apps/api/deploy.json')).toMatchObject({ artifact: { type: artifact, path: 'dist', entry: 'main.js' } });
    expect(resolved()).toMatchObject({ service: 'api' });
  });
});

describe('names', () => {
  it('of a scope become safe', async () => {
    project('@org/api', { root: 'apps/api', build: ESBUILD });
    await setup({ project: '@org/api' });
    expect(resolved().service).toBe('org-api');
  });

  it('that are hostile do no harm', async () => {
    const name = 'a"; rm -rf ~ #\n\u00fc';
    project(name, { root: 'apps/od\'d "one', build: ESBUILD });
    const output = await setup({ project: name });
    expect(resolved('apps/od\'d "one').service).toMatch(/^[a-z0-9][a-z0-9._-]*$/);
    expect(tree.read('apps/od\'d "one/environments/staging.env', 'utf8')).toMatch(/^(#[ -~]*\n)+$/);
    expect(output).toMatch(/^[ -~\n]+$/);
  });

  it.each(['../x', 'Prod', 'a b', '__proto__'])('of the environment %j are refused', async (name) => {
    project('api', { build: ESBUILD });
    await expect(setup({ environments: ['ok', name] })).rejects.toMatchObject({ code: 'ND-OPTION-INVALID' });
    expect(tree.exists('apps/api/deploy.json')).toBe(false);
  });

  it('of unknown projects are refused with a suggestion or the known ones', async () => {
    project('api');
    project('web');
    await expect(setup({ project: 'apii' })).rejects.toThrow('did you mean api?');
    await expect(setup({ project: 'something-else' })).rejects.toThrow('the projects are: api, web');
    await expect(setup({ project: ' , ' })).rejects.toMatchObject({ code: 'ND-OPTION-INVALID' });
  });
});

describe('a static site', () => {
  beforeEach(() => project('web', { build: { executor: '@nx/vite:build', options: { outputPath: 'dist/apps/web' } }, files: { 'index.html': '<html></html>', 'src/main.ts': 'render();' } }));

  it('is told that it is no service, and what serves it', async () => {
    const output = await setup({ project: 'web' });
    expect(output).toContain('nx g nx-deploy:dockerfile web writes what serves it');
    expect(output).toMatch(/next: npx nx g nx-deploy:dockerfile web$/);
  });

  it('with a Dockerfile has the image of that as its artifact', async () => {
    tree.write('apps/web/Dockerfile', 'FROM scratch\n');
    expect(await setup({ project: 'web' })).not.toContain('nx-deploy:dockerfile');
    expect(readJson<{ artifact: object }>(tree, 'apps/web/deploy.json').artifact).toEqual({ type: 'image', builder: 'docker' });
  });

  it.each([['dist/apps/web', { context: '{workspaceRoot}' }], ['apps/web/dist', {}]])('with the Dockerfile of our generator and its output in %s has the context that this one copies from', async (outputPath, context) => {
    updateProjectConfiguration(tree, 'web', { root: 'apps/web', targets: { build: { executor: '@nx/vite:build', options: { outputPath } } } });
    dockerfileGenerator(tree, { project: 'web' });
    expect(await setup({ project: 'web' })).toMatch(/next: npx nx run web:build-image$/);
    expect(readJson<{ artifact: object }>(tree, 'apps/web/deploy.json').artifact).toEqual({ type: 'image', builder: 'docker', ...context });
  });
});
