import { cpSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeBaseImage } from '../tools/images/base-image.js';
import { addByHand, KINDS, pathOf, type Kind } from './support/kinds.js';
import { Machine } from './support/machine.js';
import { startPackageRegistry, type PackageRegistry } from './support/package-registry.js';
import { publish, releaseCopy } from './support/release.js';
import { ask, freePort } from './support/request.js';
import { Stranger } from './support/stranger.js';

const MANAGERS = process.env['NX_DEPLOY_TEST_MANAGERS'];
const soak = process.env['NX_DEPLOY_SOAK'] === '1';
if (soak && MANAGERS === undefined) throw new Error('strangers with other package managers need NX_DEPLOY_TEST_MANAGERS, the folder that .ci/run makes');

/** What `nx add` may touch of a workspace. */
const OWNED = /^(?:nx\.json|package\.json|package-lock\.json|pnpm-lock\.yaml|pnpm-workspace\.yaml|yarn\.lock|bun\.lock|\.yarn\/.*)$/;

interface Shown {
  readonly targets: Readonly<Record<string, object>>;
}

/** Every kind of workspace with its packages from a registry, cold: part of a soak. */
(soak ? describe : describe.skip)('a stranger', () => {
  const maintainer = new Machine('maintainer');
  let registry: PackageRegistry;

  beforeAll(async () => {
    registry = await startPackageRegistry(`${maintainer.folder}/registry`);
    await publish(await releaseCopy(maintainer), registry, '--first-release');
  }, 300_000);
  afterAll(async () => {
    await registry.stop();
    await maintainer.dispose();
  });

  describe.each(KINDS.map((kind) => [kind.name, kind] as const))('with %s', (_name, kind) => {
    let machine: Machine;
    let stranger: Stranger;

    beforeAll(async () => {
      machine = new Machine('kind');
      stranger = await made(machine, kind);
      stranger.registry = registry;
    }, 1_200_000);
    afterAll(() => machine.dispose());

    const build = (): Promise<unknown> => stranger.nx('run-many', '-t', 'build', 'lint', '--outputStyle=static');
    const roots = Object.keys(kind.services);
    const file = (root: string): string => `${root}/deploy.json`;
    const name = async (root: string): Promise<string> => (JSON.parse((await stranger.nx('show', 'projects', '--json', `--projects=${root}`)).stdout) as string[])[0] ?? '';
    const targets = async (project: string): Promise<Shown['targets']> => (JSON.parse((await stranger.nx('show', 'project', project, '--json')).stdout) as Shown).targets;

    it('builds, and has nothing but nx-deploy after nx add', async () => {
      await build();
      expect(await stranger.changed()).toEqual([]);
      await stranger.nx('add', 'nx-deploy');
      expect((await stranger.changed()).filter((path) => !OWNED.test(path))).toEqual([]);
      await stranger.workspace.commit('nx-deploy');
    }, 600_000);

    it('is set up in files of its own, which pass the formatter; then it builds and passes its lint as before', async () => {
      const before = await Promise.all(roots.map(async (root) => targets(await name(root))));
      await stranger.nx('g', 'nx-deploy:setup', '--all', '--no-interactive');
      const wanted = [...roots, ...(kind.other === undefined ? [] : [kind.other])];
      const written = await stranger.changed();
      expect(written).toEqual(wanted.flatMap((root) => ['deploy.json', 'environments/env.schema.json', 'environments/production.env', 'environments/staging.env'].map((path) => `${root}/${path}`)).sort());
      await stranger.bin('prettier', '--check', ...written.filter((path) => path.endsWith('.json')), 'nx.json', 'package.json');
      await stranger.workspace.commit('set up');
      await stranger.nx('g', 'nx-deploy:setup', '--all', '--no-interactive');
      expect(await stranger.changed()).toEqual([]);
      await build();
      expect(await stranger.changed()).toEqual([]);
      for (const [index, root] of roots.entries()) {
        const now = await targets(await name(root));
        expect(now).toMatchObject({ deploy: { executor: 'nx-deploy:deploy' }, rollback: {}, status: {} });
        // Those of others, @nx/docker among them, are as they were.
        expect(now).toMatchObject(before[index] ?? {});
      }
    }, 600_000);

    it('deploys, goes back and ends every service', async () => {
      for (const [root, path] of Object.entries(kind.services)) {
        const project = await name(root);
        const url = await listening(stranger, file(root));
        expect((await stranger.nx('run', `${project}:deploy`, '--configuration=staging')).output).toMatch(/^deployed: /m);
        expect((await ask(`${url}${path}`)).status).toBe(200);
        stranger.workspace.write(`${root}/environments/env.schema.json`, { type: 'object', properties: { GREETING: { type: 'string' } } });
        stranger.workspace.write(`${root}/environments/staging.env`, 'GREETING=changed\n');
        expect((await stranger.nx('run', `${project}:deploy`, '--configuration=staging')).output).toMatch(/^deployed: [^]* 0 failed/m);
        expect((await stranger.nx('run', `${project}:rollback`, '--configuration=staging')).output).toMatch(/^rolled back: /m);
        expect((await ask(`${url}${path}`)).status).toBe(200);
        const { service } = stranger.workspace.json<{ service: string }>(file(root));
        await stranger.nx('run', `${project}:destroy`, '--configuration=staging', `--confirm=${service}`);
        await expect(ask(`${url}${path}`)).rejects.toThrow();
      }
    }, 900_000);

    it('makes an image of every service', async () => {
      const { layout } = await makeBaseImage(join(machine.folder, 'base'));
      cpSync(layout.folder, stranger.workspace.path('images/node'), { recursive: true });
      writeFileSync(stranger.workspace.path('.git/info/exclude'), 'images\n');
      for (const root of roots) {
        const text = stranger.workspace.read(file(root));
        stranger.workspace.write(file(root), text.replace('"type": "files",', '"type": "image", "base": "oci:{workspaceRoot}/images/node",'));
        expect((await stranger.nx('run', `${await name(root)}:build-image`)).output).toMatch(/^built: the image of /m);
        expect(existsSync(stranger.workspace.path('dist/images', root, 'image/index.json'))).toBe(true);
      }
      await stranger.workspace.git('checkout', '--quiet', '.');
    }, 900_000);

    (kind.site === undefined ? it.skip : it)('has a Dockerfile for its site, and an artifact that goes with it', async () => {
      const [root = '', context] = kind.site ?? [];
      const project = await name(root);
      await stranger.nx('g', 'nx-deploy:dockerfile', project);
      await stranger.nx('g', 'nx-deploy:setup', project);
      expect(stranger.workspace.json<{ artifact: object }>(file(root)).artifact).toEqual({ type: 'image', builder: 'docker', ...context });
      await stranger.bin('prettier', '--check', root);
      expect((await stranger.changed()).filter((path) => !path.startsWith(`${root}/`))).toEqual([]);
      await stranger.workspace.commit('a site');
      await stranger.nx('g', 'nx-deploy:dockerfile', project);
      await stranger.nx('g', 'nx-deploy:setup', project);
      expect(await stranger.changed()).toEqual([]);
      await build();
    }, 600_000);
  });
});

async function made(machine: Machine, kind: Kind): Promise<Stranger> {
  const stranger = await Stranger.create(machine, kind.create, { PATH: pathOf(kind, MANAGERS ?? '', machine.folder) }, kind.creating);
  for (const plugin of kind.plugins ?? []) await stranger.nx('add', plugin);
  for (const words of kind.generate ?? []) await stranger.nx('g', ...words, '--no-interactive');
  addByHand(stranger.workspace, kind);
  if ((await stranger.changed()).length > 0) await stranger.workspace.commit('all that there is');
  return stranger;
}

/** Gives staging a free port, and says where it is. */
async function listening(stranger: Stranger, file: string): Promise<string> {
  const config = stranger.workspace.json<{ environments: { staging: object } }>(file);
  const port = await freePort();
  stranger.workspace.write(file, { ...config, environments: { ...config.environments, staging: { ...config.environments.staging, listen: port } } });
  return `http://127.0.0.1:${port}`;
}
