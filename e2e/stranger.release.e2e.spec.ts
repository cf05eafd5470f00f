import { existsSync } from 'node:fs';
import { packageNames } from './repository.spec-support.js';
import { Machine } from './support/machine.js';
import { startPackageRegistry, type PackageRegistry } from './support/package-registry.js';
import { exited } from './support/program.js';
import { publish, releaseCopy } from './support/release.js';
import type { Workspace } from './support/workspace.js';

interface Published {
  readonly 'dist-tags': Readonly<Record<string, string>>;
  readonly versions: Readonly<Record<string, { readonly dependencies?: Readonly<Record<string, string>> }>>;
}

/** What a maintainer does: `nx release`, then `nx release publish`. */
describe('a release', () => {
  const machine = new Machine('release');
  let registry: PackageRegistry;
  let workspace: Workspace;

  beforeAll(async () => {
    registry = await startPackageRegistry(`${machine.folder}/registry`);
    workspace = await releaseCopy(machine);
  });
  afterAll(async () => {
    await registry.stop();
    await machine.dispose();
  });

  const release = (...args: readonly string[]): Promise<{ readonly code: number | null; readonly output: string }> => workspace.start([process.execPath, workspace.path('node_modules/.bin/nx'), 'release', ...args], registry.env).ended;
  const published = async (name: string): Promise<Published | undefined> => {
    const answer = await fetch(`${registry.url}${name}`);
    return answer.ok ? await answer.json() as Published : undefined;
  };
  const version = (name: string): string => workspace.json<{ version: string }>(`packages/${name}/package.json`).version;

  it('shows as a dry run what it would do, and does nothing', async () => {
    const { code, output } = await release('9.1.0', '--first-release', '--dry-run', '--skip-publish');
    expect([code, output]).toEqual([0, expect.stringContaining('The "dryRun" flag means no changes were made')]);
    expect(output).toMatch(/\+ {3}"version": "9\.1\.0"/);
    expect((await workspace.git('status', '--porcelain')).stdout).toBe('');
    expect(await publish(workspace, registry, '--first-release', '--dry-run')).toMatch(/Would publish to http:\/\/127\.0\.0\.1/);
    expect(await published('nx-deploy')).toBeUndefined();
  });

  it('gives all four packages one version, by which they name each other, and tells the changes', async () => {
    expect(await release('9.1.0', '--first-release', '--skip-publish')).toMatchObject({ code: 0 });
    expect(packageNames.map(version)).toEqual(packageNames.map(() => '9.1.0'));
    expect(workspace.json<{ dependencies: object }>('packages/nx-deploy/package.json').dependencies).toMatchObject({ 'nx-health': '9.1.0', 'nx-env-sync': '9.1.0', 'nx-build-manifest': '9.1.0' });
    expect(workspace.read('CHANGELOG.md')).toMatch(/^## 9\.1\.0 \(\d{4}-\d\d-\d\d\)\n\n### Changes\n\n- Everything that there is\n*$/);
    expect((await workspace.git('tag', '--list')).stdout).toBe('v9.1.0\n');
    expect((await workspace.git('status', '--porcelain')).stdout).toBe('');
    const lock = workspace.read('package-lock.json');
    expect(lock).toContain('"nx-build-manifest": "9.1.0"');
    expect(lock).not.toMatch(/"resolved": *"[a-z+]+:/);
  });

  it('publishes what can be installed', async () => {
    await publish(workspace, registry, '--first-release');
    for (const name of packageNames) expect((await published(name))?.['dist-tags']).toEqual({ latest: '9.1.0' });
    const other = machine.at(`${machine.folder}/other`);
    other.write('package.json', { name: 'other', private: true });
    exited(await other.start(['npm', 'install', '--ignore-scripts', '--prefer-offline', '--legacy-peer-deps', 'nx-health@9.1.0'], registry.env).ended, 0);
    expect(existsSync(other.path('node_modules/nx-health/dist/index.js'))).toBe(true);
  });

  it('tells in the next one only what is new, without merges', async () => {
    await workspace.git('switch', '--quiet', '--create', 'aside');
    workspace.write('aside.txt', 'aside');
    await workspace.commit('Something aside');
    await workspace.git('switch', '--quiet', 'main');
    await workspace.git('merge', '--quiet', '--no-ff', 'aside');
    expect(await release('minor', '--skip-publish')).toMatchObject({ code: 0 });
    expect(packageNames.map(version)).toEqual(packageNames.map(() => '9.2.0'));
    const [latest = ''] = workspace.read('CHANGELOG.md').split('## 9.1.0');
    expect(latest).toMatch(/^## 9\.2\.0 /);
    expect(latest.split('\n').filter((line) => line.startsWith('- '))).toEqual(['- Something aside']);
  });
});
