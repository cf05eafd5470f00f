import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { openBlobs } from '../packages/nx-deploy/src/image/blobs/index.js';
import { storeLayer } from '../packages/nx-deploy/src/image/layer/index.js';
import { readLayout, writeLayout } from '../packages/nx-deploy/src/image/layout/index.js';
import { Machine } from './support/machine.js';
import { exited, type Ending } from './support/program.js';
import { askJson, freePort } from './support/request.js';
import type { Workspace } from './support/workspace.js';

const PROJECTS = ['api', 'jobs', 'web'] as const;
type Project = (typeof PROJECTS)[number];

/** Stands for a bundler: the source of the project with the library it uses. */
const BUILD = `
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
const root = process.argv[2];
mkdirSync(root + '/dist', { recursive: true });
cpSync(root + '/src', root + '/dist', { recursive: true });
if (root === 'apps/api') writeFileSync(root + '/dist/version.txt', readFileSync('libs/greeting/version.txt', 'utf8'));
`;

/** Images through Nx: its cache restores what is really there, and a change makes again what it concerns. */
describe('build-image', () => {
  const machine = new Machine('images');
  let workspace: Workspace;
  let url = '';

  beforeAll(async () => {
    workspace = await machine.workspace();
    await writeBase(workspace.path('images/node'));
    workspace.write('tools/build.mjs', BUILD);
    workspace.write('libs/greeting/project.json', { name: 'greeting' });
    workspace.write('libs/greeting/version.txt', '1\n');
    for (const name of PROJECTS) await addProject(name);
    await workspace.commit('three services and a library');
  });
  afterAll(() => machine.dispose());

  async function writeBase(folder: string): Promise<void> {
    const store = openBlobs(join(machine.folder, 'base-store'));
    const layer = await storeLayer(store, [{ path: 'usr/local/bin/node', type: 'file', mode: 0o755, source: Buffer.from('#!/bin/sh\n') }]);
    const config = { os: 'linux', architecture: 'amd64', created: '1970-01-01T00:00:01Z', config: { Env: ['PATH=/usr/local/bin'] }, rootfs: { type: 'layers', diff_ids: [layer.diffId] } } as const;
    await writeLayout(folder, [{ config, layers: [{ digest: layer.digest, size: layer.size }] }], { store });
  }

  async function addProject(name: Project): Promise<void> {
    const port = await freePort();
    if (name === 'api') url = `http://127.0.0.1:${port}`;
    workspace.service(`apps/${name}`, { port, deploy: { artifact: { type: 'image', path: 'dist', entry: 'main.js', base: 'oci:{workspaceRoot}/images/node' } } });
    workspace.write(`apps/${name}/src/main.js`, workspace.read(`apps/${name}/dist/main.js`));
    workspace.write(`apps/${name}/src/name.txt`, name);
    rmSync(workspace.path(`apps/${name}/dist`), { recursive: true });
    workspace.write(`apps/${name}/project.json`, {
      name, projectType: 'application', ...(name === 'api' ? { implicitDependencies: ['greeting'] } : {}),
      targets: { build: { executor: 'nx:run-commands', cache: true, inputs: ['{projectRoot}/src/**/*', '^default'], outputs: ['{projectRoot}/dist'], options: { command: `node tools/build.mjs apps/${name}`, cwd: '.' } } },
    });
  }

  const buildAll = async (): Promise<Ending> => exited(await workspace.nx('run-many', '-t', 'build-image', '--parallel=3', '--outputStyle=static'), 0);
  const folder = (name: Project): string => workspace.path(`dist/images/apps/${name}`);
  const digest = (name: Project): string => (JSON.parse(readFileSync(join(folder(name), 'image.json'), 'utf8')) as { digest: string }).digest;
  /** When each of them was really built. */
  const builtAt = (): Record<string, number> => Object.fromEntries(PROJECTS.map((name) => [name, statSync(workspace.path(`dist/image-runs/apps/${name}.json`)).mtimeMs]));
  let first: Record<string, string> = {};
  let began: Record<string, number> = {};

  it('builds what is asked for, each as a layout with what is in it', async () => {
    const { output } = await buildAll();
    for (const name of PROJECTS) {
      expect(output).toContain(`built: the image of ${name} in `);
      expect((await readLayout(join(folder(name), 'image'))).roots[0]?.digest).toBe(digest(name));
    }
    first = Object.fromEntries(PROJECTS.map((name) => [name, digest(name)]));
    expect(new Set(Object.values(first)).size).toBe(3);
    began = builtAt();
  });

  it('restores images that are gone from the cache, whole, without building', async () => {
    await buildAll();
    expect(builtAt()).toEqual(began);
    rmSync(workspace.path('dist/images'), { recursive: true });
    rmSync(join(machine.home, 'image-blobs'), { recursive: true, force: true });
    await buildAll();
    expect(builtAt()).toEqual(began);
    for (const name of PROJECTS) {
      expect((await readLayout(join(folder(name), 'image'))).roots[0]?.digest).toBe(first[name]);
      expect(digest(name)).toBe(first[name]);
    }
    const { output } = exited(await workspace.nx('run', 'web:inspect-image'), 0);
    expect(output).toContain(`digest    ${first['web'] ?? ''}`);
  });

  it('builds again what an edit of a library concerns, and nothing else', async () => {
    workspace.write('libs/greeting/version.txt', '2\n');
    await buildAll();
    const now = builtAt();
    expect(PROJECTS.filter((name) => now[name] !== began[name])).toEqual(['api']);
    expect(digest('api')).not.toBe(first['api']);
    // Back to what it was: the same image, whether restored or built.
    workspace.write('libs/greeting/version.txt', '1\n');
    exited(await workspace.nx('run', 'api:build-image', '--skip-nx-cache'), 0);
    expect(digest('api')).toBe(first['api']);
  });

  it('deploys the files of the image to local, and makes no image for that', async () => {
    rmSync(workspace.path('dist'), { recursive: true });
    exited(await workspace.nx('run', 'api:deploy', '--configuration=staging'), 0);
    expect(await askJson(`${url}/version`)).toMatchObject({ version: '1' });
    expect(existsSync(workspace.path('dist/images'))).toBe(false);
  });
});
