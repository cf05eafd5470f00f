/** From lock files that each manager wrote itself: what one service needs in production, no more and no less. */
import { execFile } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describeUnless } from '../../../../../../tools/images/needs.spec-support.js';
import { HERE, workspace, type Fixture } from '../dependencies.spec-support.js';
import { outputFolder } from '../output-folder.js';
import type { Graph } from './graph.js';
import { writeGraph } from './graph.spec-support.js';
import { lackOf, MANAGERS, NPM, prepareManager, withoutRegistry, withRegistry, type TestManager } from './managers.spec-support.js';
import { prepare, type Prepared } from './prepare.js';
import { CLOSURE, manifests, startTestRegistry, type TestRegistry } from './served-packages.spec-support.js';

let registry: TestRegistry;
const served = (): string[] => registry.served;
beforeAll(async () => { registry = await startTestRegistry(); });
afterAll(() => registry.close());

interface Shop extends Fixture {
  readonly graph: Graph;
  readonly variables: NodeJS.ProcessEnv;
}

/** The workspace with the lock file of the manager and with a build. */
function shopOf(one: TestManager): Shop {
  const fixture = workspace();
  const variables = prepareManager(one, fixture, registry);
  const lock = withRegistry(readFileSync(join(__dirname, 'fixtures', one.fixture), 'utf8'), registry);
  fixture.write({ ...manifests(one), [one.manager.lockFile]: lock, 'apps/api/dist/main.js': 'require("plain"); require("@ws/lib")', 'libs/lib/index.js': 'require("@scope/util")' });
  return { ...fixture, variables, graph: writeGraph(fixture, one, lock) };
}

const preparedOf = async (shop: Shop): Promise<Prepared> => prepare(shop.site({ variables: shop.variables }), await outputFolder(shop.options(), shop.site()));

/** Names and versions of all that a lock file would have installed, for any machine. */
const LOCKED: Readonly<Record<string, (text: string) => string[]>> = {
  npm: (text) => Object.entries((JSON.parse(text) as { packages: Record<string, { version?: string; name?: string }> }).packages).flatMap(([path, { version, name }]) => (path.startsWith('node_modules/') ? [`${name ?? path.replace(/^.*node_modules\//, '')}@${version ?? ''}`] : [])),
  pnpm: (text) => [...(/^snapshots:\n(.*)/ms.exec(text)?.[1] ?? '').matchAll(/^ {2}'?([^\s'(][^'(\n]*?)(?:\([^\n]*?)?'?:(?: \{\})?$/gm)].map(([, key = '']) => key),
  'yarn 1': (text) => [...text.matchAll(/^"?(?:[^@\n]+@npm:)?(@?[^@\n]+)@[^\n]*:\n {2}version "(.*)"$/gm)].map(([, name = '', version = '']) => `${name}@${version}`),
  'yarn 4': (text) => [...text.matchAll(/^ {2}resolution: "(.*)@npm:(.*)"$/gm)].map(([, name = '', version = '']) => `${name}@${version}`),
  bun: (text) => Object.values((JSON.parse(text) as { packages: Record<string, [string]> }).packages).map(([name]) => name),
};

const unique = (names: readonly string[]): string[] => [...new Set(names)].sort();

describe.each(MANAGERS.map((one) => [one.title, one] as const))('%s', (title, one) => {
  it('prunes the lock file to what production needs of one service', async () => {
    const { manager, files, libraries } = await preparedOf(shopOf(one));
    expect(manager).toEqual(one.manager);
    expect(unique((LOCKED[title] ?? (() => []))(files.get(manager.lockFile)?.toString() ?? ''))).toEqual(unique(CLOSURE.flatMap((name) => ['x64', 'arm64'].map((cpu) => name.replace('<cpu>', cpu)))));
    expect(JSON.parse(files.get('package.json')?.toString() ?? '')).toMatchObject({ dependencies: { plain: expect.any(String) as string, '@scope/util': expect.any(String) as string } });
    expect(files.get('package.json')?.toString()).not.toMatch(/@ws\/lib|tool|only-web/);
    expect([...libraries]).toEqual([['@ws/lib', 'libs/lib']]);
  });

  describeUnless(lackOf(one), `a real install by ${title}`, () => {
    it('installs exactly that, from the lock file alone', async () => {
      const shop = shopOf(one);
      served().splice(0);
      const files = await shop.collect({ dependencies: 'installed' }, HERE, { variables: shop.variables });
      const entries = await files.layers.find(({ kind }) => kind === 'modules')?.entries() ?? [];
      const installed = entries.flatMap((entry) => {
        if (entry.type !== 'file' || !entry.path.endsWith('/package.json') || typeof entry.source !== 'string') return [];
        const { name, version } = JSON.parse(readFileSync(entry.source, 'utf8')) as { name: string; version: string };
        return [`${name}@${version}`];
      });
      await files.close();
      expect(unique(installed)).toEqual(unique(CLOSURE.map((name) => name.replace('<cpu>', process.arch))));
      expect(served().filter((path) => /tool|web/.test(path))).toEqual([]);
    });

    const soak = process.env['NX_DEPLOY_SOAK'] === '1' ? it : it.skip;
    soak('writes the lock file that is kept here', async () => {
      const shop = shopOf(one);
      const kept = readFileSync(join(shop.root, one.manager.lockFile), 'utf8');
      rmSync(join(shop.root, one.manager.lockFile));
      rmSync(join(shop.root, 'node_modules'), { recursive: true });
      await promisify(execFile)(one.manager.name, one.lock, { cwd: shop.root, env: shop.variables });
      expect(withoutRegistry(readFileSync(join(shop.root, one.manager.lockFile), 'utf8'), registry)).toBe(withoutRegistry(kept, registry));
    });
  });
});

describe('a build by yarn that copied libraries', () => {
  it.each(MANAGERS.filter(({ manager }) => manager.name === 'yarn').map((one) => [one.title, one] as const))('is installed from the lock file of the workspace, as its own does not know them: %s', async (_title, one) => {
    const shop = shopOf(one);
    const dist = 'apps/api/dist';
    shop.write({ [`${dist}/package.json`]: '{"dependencies":{"@ws/lib":"file:./workspace_modules/@ws/lib"}}', [`${dist}/yarn.lock`]: '# yarn lockfile v1\n', [`${dist}/workspace_modules/@ws/lib/package.json`]: '{"name":"@ws/lib"}', [`${dist}/workspace_modules/@ws/lib/index.js`]: '' });
    const { manager, files, libraries, taken } = await preparedOf(shop);
    expect(manager).toEqual(one.manager);
    expect(files.get('yarn.lock')?.toString()).toContain('@scope/util');
    expect([...libraries.keys()]).toEqual(['@ws/lib']);
    expect([...taken]).toEqual(expect.arrayContaining(['yarn.lock', 'workspace_modules']));
  });
});

describe('what a lock file cannot give', () => {
  const refused = async (shop: Shop): Promise<unknown> => preparedOf(shop).then(() => undefined, (error: unknown) => error);
  const change = (shop: Shop, dependencies: Readonly<Record<string, string>>, lock: (text: string) => string): void => {
    const file = join(shop.root, 'apps/api/package.json');
    const { dependencies: before, ...rest } = JSON.parse(readFileSync(file, 'utf8')) as { dependencies: Record<string, string> };
    shop.write({ 'apps/api/package.json': JSON.stringify({ ...rest, dependencies: { ...before, ...dependencies } }), 'package-lock.json': lock(readFileSync(join(shop.root, 'package-lock.json'), 'utf8')) });
  };

  it.each(['file:../../vendor/x', 'link:../../vendor/x', 'portal:../../vendor/x'])('is refused by name: %s', async (range) => {
    const shop = shopOf(NPM);
    change(shop, { x: range }, (text) => text);
    expect(await refused(shop)).toMatchObject({ code: 'ND-LOCKFILE', parts: { problems: [`dependencies.x: "${range}" is a file or folder of the workspace`], next: expect.stringContaining('"traced"') as string } });
  });

  it.each(['git+ssh://git@git.example/x.git#0123456', 'https://files.example/x.tgz'])('of other sources than a registry is refused or kept as it is: %s', async (range) => {
    const shop = shopOf(NPM);
    change(shop, { x: range }, (text) => text.replace('"@ws/lib": "*",', `"@ws/lib": "*", "x": "${range}",`).replace('"node_modules/plain"', `"node_modules/x": { "version": "1.0.0", "resolved": "${range}" },\n    "node_modules/plain"`));
    const result = await preparedOf(shop).then(({ files }) => files.get('package-lock.json')?.toString(), (error: unknown) => error);
    if (typeof result === 'string') expect(result).toContain(range);
    else expect(result).toMatchObject({ code: 'ND-LOCKFILE' });
  });

  it('is a package under another name in that of pnpm, which Nx does not prune: it is refused, not passed over', async () => {
    const pnpm = MANAGERS.find(({ title }) => title === 'pnpm') ?? NPM;
    const shop = shopOf({ ...pnpm, alias: true });
    const file = join(shop.root, pnpm.manager.lockFile);
    const whole = readFileSync(file, 'utf8').replace(/^( +)plugin:\n.*\n.*\n/m, (all, space: string) => `${all}${space}second:\n${space}  specifier: npm:inner@2.0.1\n${space}  version: inner@2.0.1\n`);
    shop.write({ [pnpm.manager.lockFile]: whole });
    expect(whole).toContain('version: inner@2.0.1');
    expect(await refused(shop)).toMatchObject({ code: 'ND-LOCKFILE', parts: { where: file, why: expect.stringContaining('Nx could not prune it') as string, next: expect.stringContaining('"traced"') as string } });
  });

  it('of a name that no package can have is refused as unknown to the lock file', async () => {
    const shop = shopOf(NPM);
    change(shop, { '../../\u001b[31mevil': '1.0.0', __proto__x: '1.0.0', constructor: '1.0.0' }, (text) => text);
    const error = await refused(shop);
    expect(error).toMatchObject({ code: 'ND-LOCKFILE', parts: { next: 'run: npm install' } });
    expect((error as { parts: { problems: string[] } }).parts.problems).toHaveLength(3);
    expect(String((error as { parts: { problems: string[] } }).parts.problems)).not.toContain('\u001b');
  });

  it('of several versions is refused with who needs which', async () => {
    const shop = shopOf(NPM);
    const { nodes, externalNodes, dependencies } = shop.graph;
    const graph = {
      nodes, externalNodes: { ...externalNodes, 'npm:plain@0.9.0': { type: 'npm', name: 'npm:plain@0.9.0', data: { packageName: 'plain', version: '0.9.0' } } },
      dependencies: { ...dependencies, lib: [...dependencies['lib'] ?? [], { source: 'lib', target: 'npm:plain@0.9.0', type: 'static' }] },
    };
    shop.write({ 'node_modules/@nx/devkit/index.js': `exports.createProjectGraphAsync = async () => (${JSON.stringify(graph)})` });
    expect(await refused(shop)).toMatchObject({ code: 'ND-LOCKFILE', parts: { problems: ['plain: 1.2.0 in api, 0.9.0 in lib'] } });
  });

  it('is said when Nx knows no such project, or cannot prune', async () => {
    const shop = shopOf(NPM);
    await expect(prepare(shop.site({ variables: shop.variables, projectName: 'other' }), await outputFolder(shop.options(), shop.site()))).rejects.toMatchObject({ code: 'ND-LOCKFILE', parts: { why: 'Nx knows no project "other"' } });
    const other = shopOf(NPM);
    other.write({ 'node_modules/@nx/js/index.js': 'exports.createPackageJson = () => ({}); exports.generatePrunedDeployOutput = () => undefined' });
    expect(await refused(other)).toMatchObject({ code: 'ND-LOCKFILE', parts: { why: expect.stringContaining('Nx could not prune it') as string } });
    const old = shopOf(NPM);
    old.write({ 'node_modules/@nx/js/index.js': 'exports.createPackageJson = () => ({})' });
    expect(await refused(old)).toMatchObject({ code: 'ND-TOOL-MISSING', parts: { why: 'it is too old: it has no generatePrunedDeployOutput' } });
  });

  it('is a range of a catalog, of which the version is taken', async () => {
    const shop = shopOf(NPM);
    shop.write({ 'node_modules/@nx/js/index.js': 'exports.createPackageJson = () => ({ dependencies: { plain: "catalog:", unknown: "catalog:x" }, peerDependencies: { "@ws/lib": "*" } }); exports.generatePrunedDeployOutput = (_, __, ___, { emit }) => emit("package-lock.json", "{}")' });
    expect(JSON.parse((await preparedOf(shop)).files.get('package.json')?.toString() ?? '')).toEqual({ name: 'service', version: '0.0.0', private: true, dependencies: { plain: '1.2.0', unknown: 'catalog:x' } });
  });
});
