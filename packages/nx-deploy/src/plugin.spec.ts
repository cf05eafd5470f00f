import type { CreateNodesResult } from '@nx/devkit';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { shadowedTargets, shadowing, type Shadow } from './config/shadowed.js';
import type { PluginOptions } from './config/plugin-options.js';

const GOOD = '{ "artifact": { "type": "files" }, "environments": { "staging": {}, "production": {} } }';
const BROKEN = '{ "artifact": { "type": "image" }, "environments": {} }';

let root = '';
let data = '';
/** s since 1970 */
let ticks = Math.floor(Date.now() / 1_000);

function write(file: string, text: string): void {
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), text);
  // Nx looks at files again when their time has changed, and two writes may fall into one tick of the file system's clock.
  ticks += 1;
  utimesSync(join(root, file), ticks, ticks);
}

/** Nx reads the place of its data once, when it is loaded; every test gets fresh modules and a folder of its own. */
type Projects = Record<string, NonNullable<CreateNodesResult['projects']>[string]>;
async function infer(files: string[], options?: PluginOptions): Promise<Projects> {
  jest.resetModules();
  const { createNodes } = await import('./plugin.js');
  const results = await createNodes[1](files, options, { workspaceRoot: root, nxJsonConfiguration: {} });
  return Object.fromEntries(results.flatMap(([, { projects }]) => Object.entries(projects ?? {})));
}

// Each fresh copy of Nx listens for the end of the process.
const listeners = process.getMaxListeners();
beforeAll(() => process.setMaxListeners(200));
afterAll(() => process.setMaxListeners(listeners));

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'nd-plugin-'));
  data = join(root, '.data');
  process.env['NX_WORKSPACE_DATA_DIRECTORY'] = data;
});

afterEach(() => {
  delete process.env['NX_WORKSPACE_DATA_DIRECTORY'];
  rmSync(root, { recursive: true, force: true });
});

describe('inference', () => {
  it('gives a project with a deploy.json its targets, with one configuration per environment', async () => {
    write('apps/api/project.json', '{ "name": "api" }');
    write('apps/api/deploy.json', GOOD);
    const { 'apps/api': project } = await infer(['apps/api/deploy.json']);
    expect(Object.keys(project?.targets ?? {})).toEqual(['deploy', 'rollback', 'approve', 'reject', 'status', 'logs', 'maintenance', 'pause', 'resume', 'repair', 'unlock', 'prune-releases', 'destroy', 'env-validate', 'env-diff', 'env-sync', 'env-backup', 'env-restore', 'env-types', 'env-migrate', 'build-manifest']);
    expect(project?.targets?.['env-types']).not.toHaveProperty('configurations');
    for (const target of Object.values(project?.targets ?? {}).filter(({ executor }) => executor !== 'nx-env-sync:types')) {
      expect(target).toMatchObject({ cache: false, options: expect.any(Object) as object, configurations: { staging: { environment: 'staging' }, production: { environment: 'production' } } });
      expect(target).not.toHaveProperty('defaultConfiguration');
      expect(target.metadata).toMatchObject({ technologies: ['nx-deploy'], help: { command: expect.stringMatching(/^npx nx /) } });
    }
    expect(project?.targets?.['deploy']).toMatchObject({ executor: 'nx-deploy:deploy', dependsOn: ['build', 'env-validate'] });
    expect(project?.targets?.['env-validate']).toMatchObject({ executor: 'nx-env-sync:validate' });
    expect(project?.targets?.['env-diff']).toMatchObject({ executor: 'nx-env-sync:diff', options: { runningModule: 'nx-deploy/running-environment' } });
    expect(project?.targets?.['rollback']).not.toHaveProperty('dependsOn');
  });

  it('puts the projects that are deployed before into the order, with the parameters handed on', async () => {
    write('apps/web/project.json', '{ "name": "web" }');
    write('apps/web/deploy.json', '{ "after": ["api", "@shop/auth"], "artifact": { "type": "files" }, "environments": { "staging": {} } }');
    const { 'apps/web': project } = await infer(['apps/web/deploy.json'], { targetNames: { deploy: 'ship' } });
    expect(project?.targets?.['ship']?.dependsOn).toEqual(['build', 'env-validate', { projects: ['api', '@shop/auth'], target: 'ship', params: 'forward' }]);
  });

  it('groups all targets, and only those that are there', async () => {
    write('apps/api/project.json', '{ "name": "api" }');
    write('apps/api/deploy.json', '{ "artifact": { "type": "image" }, "environments": { "staging": {} } }');
    const { 'apps/api': project } = await infer(['apps/api/deploy.json'], { targetNames: { deploy: 'ship' } });
    const groups = project?.metadata?.targetGroups ?? {};
    expect(groups).toMatchObject({ Deploy: ['ship', 'rollback', 'approve', 'reject', 'status', 'logs'], 'Deploy: build': ['build-image', 'push-image', 'load-image', 'inspect-image', 'build-manifest'] });
    expect(Object.values(groups).flat().sort()).toEqual(Object.keys(project?.targets ?? {}).sort());
  });

  it('gives a project whose artifact is an image the targets of images too', async () => {
    write('apps/api/project.json', '{ "name": "api" }');
    const image = (artifact: object): string => JSON.stringify({ artifact: { type: 'image', ...artifact }, environments: { staging: {} } });
    const inferred = async (artifact: object, options?: PluginOptions, file = 'apps/api/deploy.json'): Promise<NonNullable<Projects[string]['targets']>> => {
      write(file, image(artifact));
      return (await infer([file], options))[dirname(file)]?.targets ?? {};
    };
    const targets = await inferred({});
    expect(Object.keys(targets).slice(-6)).toEqual(['env-migrate', 'build-manifest', 'build-image', 'push-image', 'load-image', 'inspect-image']);
    expect(targets['build-image']).toEqual({
      executor: 'nx-deploy:build-image', options: {}, cache: true, dependsOn: ['build'],
      inputs: [
        '{projectRoot}/deploy.json', '{projectRoot}/package.json', '{projectRoot}/environments/env.schema.json', '{workspaceRoot}/environments/env.schema.json',
        '{workspaceRoot}/apps/api/dist/**/*', { dependentTasksOutputFiles: '**/*', transitive: false }, { env: 'SOURCE_DATE_EPOCH' },
      ],
      outputs: ['{workspaceRoot}/dist/images/{projectRoot}/image', '{workspaceRoot}/dist/images/{projectRoot}/image.json'],
      metadata: { description: expect.any(String) as string, technologies: ['nx-deploy'], help: { command: 'npx nx build-image --help', example: { options: { full: true } } } },
    });
    for (const name of ['push-image', 'load-image', 'inspect-image']) expect(targets[name]).toMatchObject({ executor: `nx-deploy:${name}`, cache: false, dependsOn: ['build-image'] });
    expect(JSON.stringify(targets)).not.toContain('docker"');
    // An image is not built for a deploy of files, but for one of the image.
    expect(targets['deploy']).toMatchObject({ dependsOn: ['build', 'env-validate'] });
    write('apps/api/deploy.json', JSON.stringify({ artifact: { type: 'image' }, environments: { staging: {}, live: { platform: { type: 'docker' }, listen: 80 } } }));
    expect((await infer(['apps/api/deploy.json']))['apps/api']?.targets?.['deploy']).toMatchObject({ dependsOn: ['build-image', 'env-validate'] });
    expect((await inferred({}, { defaults: { platform: 'docker' }, targetNames: { buildImage: 'image' } }))['deploy']).toMatchObject({ dependsOn: ['image', 'env-validate'] });
    expect((await inferred({}, { defaults: { platform: 'swarm' } }))['deploy']).toMatchObject({ dependsOn: ['build', 'env-validate'] });
    const inputs = async (artifact: object): Promise<unknown> => (await inferred(artifact))['build-image']?.inputs;
    expect(await inputs({ dependencies: 'installed', path: '../../dist/apps/api', base: 'oci:{workspaceRoot}/images/node' })).toEqual(expect.arrayContaining([
      '{workspaceRoot}/dist/apps/api/**/*', '{workspaceRoot}/images/node/**/*', '{workspaceRoot}/package-lock.json', '^default', { runtime: 'node --no-warnings -p process.platform+process.arch+process.versions.modules' }, { dependentTasksOutputFiles: '**/*', transitive: true },
    ]));
    expect(await inputs({ builder: 'docker', dockerfile: '{workspaceRoot}/docker/api.Dockerfile' })).toEqual(expect.arrayContaining(['{workspaceRoot}/docker/api.Dockerfile', '{workspaceRoot}/docker/api.Dockerfile.dockerignore', '{workspaceRoot}/apps/api/**/*']));
    expect(await inputs({ builder: 'docker', context: '{workspaceRoot}' })).toEqual(expect.arrayContaining(['{workspaceRoot}/**/*', '{workspaceRoot}/apps/api/Dockerfile']));
    // A Dockerfile of @nx/node installs from what these targets put into the output.
    for (const builder of ['docker', '@nx/docker']) expect((await inferred({ builder }))['build-image']).toMatchObject({ dependsOn: ['build', 'prune-lockfile', 'copy-workspace-modules'] });
    expect(await inputs({ path: '../../../../etc' })).not.toEqual(expect.arrayContaining([expect.stringContaining('..')]));
    const renamed = await inferred({}, { targetNames: { buildImage: 'image', pushImage: 'publish' }, buildTargetName: 'compile' });
    expect(renamed['image']).toMatchObject({ dependsOn: ['compile'] });
    expect(renamed['publish']).toMatchObject({ executor: 'nx-deploy:push-image', dependsOn: ['image'] });
    // The image of apps/image must not lie within that of apps.
    write('apps/image/project.json', '{ "name": "image" }');
    expect((await inferred({}, undefined, 'apps/image/deploy.json'))['build-image']).toMatchObject({ outputs: ['{workspaceRoot}/dist/images/apps/_image/image', '{workspaceRoot}/dist/images/apps/_image/image.json'] });
    write('project.json', '{ "name": "shop" }');
    expect((await inferred({}, undefined, 'deploy.json'))['build-image']).toMatchObject({ outputs: [expect.stringContaining('dist/images/{projectName}/image'), expect.any(String)] });
  });

  it('gives a project whose artifact is a package its phases', async () => {
    write('apps/api/project.json', '{ "name": "api" }');
    const inferred = async (artifact: object, options?: PluginOptions): Promise<NonNullable<Projects[string]['targets']>> => {
      write('apps/api/deploy.json', JSON.stringify({ artifact: { type: 'package', ...artifact }, environments: { staging: {} } }));
      return (await infer(['apps/api/deploy.json'], options))['apps/api']?.targets ?? {};
    };
    const targets = await inferred({ api: { document: 'openapi.json', previous: '{workspaceRoot}/released.json' } });
    expect(Object.keys(targets).slice(-5)).toEqual(['build-manifest', 'stage', 'compile', 'package', 'phases']);
    expect(targets['deploy']).toMatchObject({ dependsOn: ['package', 'env-validate'] });
    expect(targets['compile']).toMatchObject({ executor: 'nx:noop', dependsOn: ['build'] });
    for (const name of ['stage', 'phases']) expect(targets[name]).toMatchObject({ executor: `nx-deploy:${name}`, cache: false, configurations: { staging: { environment: 'staging' } } });
    expect(targets['package']).toMatchObject({
      executor: 'nx-deploy:package', cache: true, dependsOn: ['stage', 'build'],
      outputs: ['*.tar.gz', '*.tar.gz.sha256', 'package-info.json'].map((name) => `{workspaceRoot}/dist/packages/{projectRoot}/${name}`),
      inputs: expect.arrayContaining(['{projectRoot}/**/*', '{workspaceRoot}/apps/api/openapi.json', '{workspaceRoot}/released.json', { runtime: 'git log -1 --format=%H || node -v' }, { dependentTasksOutputFiles: '**/*', transitive: false }]) as unknown,
    });
    expect(targets['package']).not.toHaveProperty('configurations');
    const renamed = await inferred({ dependencies: 'traced' }, { targetNames: { package: 'pack', stage: 'check' }, buildTargetName: 'compile' });
    expect(renamed).not.toHaveProperty('compile');
    expect(renamed['pack']).toMatchObject({ dependsOn: ['check', 'compile'], inputs: expect.arrayContaining(['^default', { dependentTasksOutputFiles: '**/*', transitive: true }]) as unknown });
    expect(renamed['deploy']).toMatchObject({ dependsOn: ['pack', 'env-validate'] });
  });

  it('hashes what programs print on every run alike, whatever Node warns of with a number of its process', async () => {
    write('apps/api/project.json', '{ "name": "api" }');
    const inferred = async (artifact: object): Promise<NonNullable<Projects[string]['targets']>> => {
      write('apps/api/deploy.json', JSON.stringify({ artifact, environments: { staging: {} } }));
      return (await infer(['apps/api/deploy.json']))['apps/api']?.targets ?? {};
    };
    const [images, packages] = [await inferred({ type: 'image', dependencies: 'installed' }), await inferred({ type: 'package' })];
    const commands = [images['build-image'], packages['package']].flatMap((target) => (target?.inputs ?? []).flatMap((input) => (typeof input === 'object' && 'runtime' in input ? [input.runtime] : [])))
      .filter((command) => command.startsWith('node '));
    expect(commands.length).toBeGreaterThan(2);
    for (const command of commands) {
      const { status, stderr } = spawnSync(command, { shell: true, cwd: join(__dirname, '../../..'), env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '1' }, encoding: 'utf8' });
      expect({ command, status, stderr }).toEqual({ command, status: 0, stderr: '' });
    }
  });

  it('gives each project the target that writes its build manifest', async () => {
    write('apps/api/project.json', '{ "name": "api" }');
    const inferred = async (artifact: object, options?: PluginOptions, file = 'apps/api/deploy.json'): Promise<NonNullable<Projects[string]['targets']>> => {
      write(file, JSON.stringify({ artifact, environments: { staging: {} } }));
      return (await infer([file], options))[dirname(file)]?.targets ?? {};
    };
    const outputFile = '{workspaceRoot}/dist/manifests/{projectRoot}/build-manifest.json';
    expect((await inferred({ type: 'files' }))['build-manifest']).toEqual({
      executor: 'nx-build-manifest:generate', options: { outputFile, artifacts: ['{workspaceRoot}/apps/api/dist'] }, configurations: { staging: { environment: 'staging' } },
      cache: false, outputs: [outputFile], dependsOn: ['build'], metadata: expect.any(Object) as object,
    });
    const artifacts = async (artifact: object): Promise<unknown> => ((await inferred(artifact))['build-manifest']?.options as { artifacts?: unknown }).artifacts;
    expect(await artifacts({ type: 'image', path: '../../dist/apps/api' })).toEqual(['{workspaceRoot}/dist/apps/api']);
    expect(await artifacts({ type: 'image', builder: 'docker' })).toBeUndefined();
    expect((await inferred({ type: 'files' }, { targetNames: { buildManifest: 'facts' }, buildTargetName: 'compile' }))['facts']).toMatchObject({ dependsOn: ['compile'] });
    write('project.json', '{ "name": "shop" }');
    expect((await inferred({ type: 'files' }, undefined, 'deploy.json'))['build-manifest']).toMatchObject({ outputs: ['{workspaceRoot}/dist/manifests/{projectName}/build-manifest.json'] });
    write('apps/api/deploy.json', BROKEN);
    expect((await infer(['apps/api/deploy.json']))['apps/api']?.targets).not.toHaveProperty('build-manifest');
  });

  it('tells nothing of the machine', async () => {
    write('apps/api/package.json', '{ "name": "api" }');
    write('apps/api/deploy.json', GOOD);
    expect(JSON.stringify(await infer(['apps/api/deploy.json']))).not.toContain(root);
  });

  it('leaves a deploy.json alone that stands beside no project', async () => {
    write('fixtures/deploy.json', GOOD);
    expect(await infer(['fixtures/deploy.json'])).toEqual({});
    expect(await infer([])).toEqual({});
  });

  it('leaves a deploy.json alone whose project Nx would find no name for, which ends every command of the workspace', async () => {
    write('package.json', '{ "name": "shop", "workspaces": ["apps/*", "!apps/old"] }');
    for (const [folder, manifest] of Object.entries({ 'apps/api': '{}', 'apps/old': '{}', 'templates/service': '{ "type": "module" }', 'templates/broken': '{', 'templates/named': '{ "name": "named" }' })) {
      write(`${folder}/package.json`, manifest);
      write(`${folder}/deploy.json`, GOOD);
    }
    write('pnpm-workspace.yaml', 'packages:\n  - ./services/**\n');
    write('services/a/b/package.json', '{}');
    write('services/a/b/deploy.json', GOOD);
    expect(Object.keys(await infer(['services/a/b', 'apps/api', 'apps/old', 'templates/service', 'templates/broken', 'templates/named'].map((folder) => `${folder}/deploy.json`)))).toEqual(['services/a/b', 'apps/api', 'templates/named']);
  });

  it('gives a project with a broken file targets that show the problem, and the others theirs', async () => {
    write('apps/api/project.json', '{}');
    write('apps/api/deploy.json', GOOD);
    write('apps/bad/project.json', '{}');
    write('apps/bad/deploy.json', BROKEN);
    const projects = await infer(['apps/api/deploy.json', 'apps/bad/deploy.json', 'apps/gone/deploy.json']);
    expect(projects['apps/api']?.targets?.['deploy']).toHaveProperty('configurations.staging');
    const deploy = projects['apps/bad']?.targets?.['deploy'];
    expect(deploy).not.toHaveProperty('configurations');
    expect(deploy).not.toHaveProperty('dependsOn');
    expect(deploy?.metadata?.description).toContain('deploy.json has problems');
  });

  it('survives a deploy.json that vanishes between the search and the reading', async () => {
    write('apps/api/project.json', '{}');
    const { 'apps/api': project } = await infer(['apps/api/deploy.json']);
    expect(project?.targets?.['deploy']?.metadata?.description).toContain('deploy.json has problems');
  });

  it('takes the names of targets from the options', async () => {
    write('api/project.json', '{}');
    write('api/deploy.json', GOOD);
    const options = { targetNames: { deploy: 'ship', envValidate: 'check-env', logs: '' }, buildTargetName: 'compile' };
    const { api } = await infer(['api/deploy.json'], options);
    expect(Object.keys(api?.targets ?? {})).toEqual(['ship', 'rollback', 'approve', 'reject', 'status', 'logs', 'maintenance', 'pause', 'resume', 'repair', 'unlock', 'prune-releases', 'destroy', 'check-env', 'env-diff', 'env-sync', 'env-backup', 'env-restore', 'env-types', 'env-migrate', 'build-manifest']);
    expect(api?.targets?.['ship']?.dependsOn).toEqual(['compile', 'check-env']);
  });

  it('remembers what it found, and sees a change', async () => {
    write('api/project.json', '{}');
    write('api/deploy.json', GOOD);
    await infer(['api/deploy.json']);
    const [cache = ''] = readdirSync(data).filter((name) => name.startsWith('nx-deploy-'));
    expect(readFileSync(join(data, cache), 'utf8')).toContain('staging');
    write('api/deploy.json', GOOD.replace('staging', 'testing'));
    const { api } = await infer(['api/deploy.json']);
    expect(Object.keys(api?.targets?.['deploy']?.configurations ?? {})).toEqual(['testing', 'production']);
  });

  it('sees a change of what a link leads to', async () => {
    write('shared/deploy.json', GOOD);
    write('apps/api/project.json', '{ "name": "api" }');
    symlinkSync('../../shared/deploy.json', join(root, 'apps/api/deploy.json'));
    await infer(['apps/api/deploy.json']);
    write('shared/deploy.json', GOOD.replace('production', 'live'));
    const { 'apps/api': project } = await infer(['apps/api/deploy.json']);
    expect(Object.keys(project?.targets?.['deploy']?.configurations ?? {})).toEqual(['staging', 'live']);
  });

  it('answers from what it remembers', async () => {
    write('api/project.json', '{}');
    write('api/deploy.json', GOOD);
    await infer(['api/deploy.json']);
    const [cache = ''] = readdirSync(data).filter((name) => name.startsWith('nx-deploy-'));
    const file = join(data, cache);
    writeFileSync(file, readFileSync(file, 'utf8').replace('"staging"', '"remembered"'));
    const { api } = await infer(['api/deploy.json']);
    expect(Object.keys(api?.targets?.['deploy']?.configurations ?? {})).toContain('remembered');
  });
});

test('of the internals of Nx only those are taken that its oldest version has as well', () => {
  const taken = readFileSync(join(__dirname, 'plugin-internals.ts'), 'utf8').split('\n').flatMap((line) => /^(?:import|export) \{ (.+) \} from '@nx\/devkit\/internal';$/.exec(line)?.[1]?.split(', ') ?? []);
  // @nx/devkit 23.0.0, dist/internal.js
  expect(taken.filter((name) => !['calculateHashesForCreateNodes', 'PluginCache', 'safeWriteFileCache'].includes(name))).toEqual([]);
  expect(taken).toHaveLength(2);
});

describe('shadowed targets', () => {
  const names = (shadows: readonly Shadow[]): readonly string[] => shadows.map(({ name, by, file }) => `${by} ${name} of ${file}`);

  it('are those that a script of package.json replaces', () => {
    write('package.json', '{ "scripts": { "deploy": "x", "status": "y", "start": "z" } }');
    expect(names(shadowedTargets(root))).toEqual(['script deploy of package.json', 'script status of package.json']);
    expect(names(shadowedTargets(root, { targetNames: { status: 'deploy-status' } }))).toEqual(['script deploy of package.json']);
  });

  it('are none of targets that another kind of artifact has', () => {
    write('package.json', '{ "scripts": { "package": "x", "load-image": "y", "status": "z" } }');
    expect(names(shadowedTargets(root, {}, 'files'))).toEqual(['script status of package.json']);
    expect(names(shadowedTargets(root, {}, 'package'))).toEqual(['script status of package.json', 'script package of package.json']);
    expect(names(shadowedTargets(root, {}, 'image'))).toEqual(['script status of package.json', 'script load-image of package.json']);
  });

  it('are those that a target of the project replaces, and not those that one adds to', () => {
    write('project.json', '{ // by hand\n "targets": { "deploy": { "executor": "other:deploy" }, "logs": { "command": "tail -f x" }, "status": { "options": { "verify": true } }, "rollback": { "executor": "nx-deploy:rollback" }, "compile": { "executor": "nx:noop" } } }');
    write('package.json', '{ "nx": { "targets": { "package": { "executor": "nx:noop" } } } }');
    expect(names(shadowedTargets(root))).toEqual(['target deploy of project.json', 'target logs of project.json', 'target package of package.json']);
  });

  it('are none in what @nx/js makes of a Node application with a Dockerfile', () => {
    expect(shadowing({ manifest: { nx: { targets: { build: { executor: '@nx/esbuild:esbuild' }, prune: { executor: 'nx:noop' }, 'docker:build': { dependsOn: ['build', 'prune'] } } } } })).toEqual([]);
  });

  it('are none without a readable package.json', () => {
    expect(shadowedTargets(root)).toEqual([]);
    write('package.json', '{ broken');
    expect(shadowedTargets(root)).toEqual([]);
    expect(shadowing({ manifest: null })).toEqual([]);
    expect(shadowing({ manifest: { scripts: 'none', nx: { targets: 'none' } }, project: { targets: { deploy: 1 } } })).toEqual([]);
  });

  it('leave out scripts that Nx does not turn into targets', () => {
    expect(names(shadowing({ manifest: { scripts: { deploy: 'x', logs: 'y' }, nx: { includedScripts: ['logs'] } } }))).toEqual(['script logs of package.json']);
    expect(shadowing({ manifest: { scripts: { deploy: 'x' }, nx: { includedScripts: [] } } })).toEqual([]);
  });
});
