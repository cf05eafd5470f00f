/** From lock files that each manager wrote itself: what one service needs in production, no more and no less. */
import { execFile } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describeUnless } from '../../../../../../tools/images/needs.spec-support.js';
import { HERE, workspace, type Fixture } from '../dependencies.spec-support.js';
import { outputFolder } from '../output-folder.js';
import { writeGraph } from './graph.spec-support.js';
import { lackOf, MANAGERS, prepareManager, withoutRegistry, withRegistry, type TestManager } from './managers.spec-support.js';
import { prepare, type Prepared } from './prepare.js';
import { CLOSURE, manifests, startTestRegistry, type TestRegistry } from './registry.spec-support.js';

let registry: TestRegistry;
beforeAll(async () => { registry = await startTestRegistry(); });
afterAll(() => registry.close());

interface Shop extends Fixture {
  readonly variables: NodeJS.ProcessEnv;
}

/** The workspace with the lock file of the manager and with a build. */
function shopOf(one: TestManager): Shop {
  const fixture = workspace();
  const variables = prepareManager(one, fixture, registry);
  const lock = withRegistry(readFileSync(join(__dirname, 'fixtures', one.fixture), 'utf8'), registry);
  fixture.write({ ...manifests(one), [one.manager.lockFile]: lock, 'apps/api/dist/main.js': 'require("plain"); require("@ws/lib")', 'libs/lib/index.js': 'require("@scope/util")' });
  writeGraph(fixture, one, lock);
  return { ...fixture, variables };
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
      registry.served.splice(0);
      const files = await shop.collect({ dependencies: 'installed' }, HERE, { variables: shop.variables });
      const entries = await files.layers.find(({ kind }) => kind === 'modules')?.entries() ?? [];
      const installed = entries.flatMap((entry) => {
        if (entry.type !== 'file' || !entry.path.endsWith('/package.json') || typeof entry.source !== 'string') return [];
        const { name, version } = JSON.parse(readFileSync(entry.source, 'utf8')) as { name: string; version: string };
        return [`${name}@${version}`];
      });
      await files.close();
      expect(unique(installed)).toEqual(unique(CLOSURE.map((name) => name.replace('<cpu>', process.arch))));
      expect(registry.served.filter((path) => /tool|web/.test(path))).toEqual([]);
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
