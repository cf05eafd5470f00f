/** The repository as a maintainer has it who is about to release: a copy in which `nx release` may change and commit. */
import { cpSync, existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { packageNames } from '../repository.spec-support.js';
import { repository, type Machine } from './machine.js';
import { exited } from './program.js';
import type { PackageRegistry } from './package-registry.js';
import type { Workspace } from './workspace.js';

const ROOT_FILES = ['package.json', 'package-lock.json', 'nx.json', 'tsconfig.base.json', 'tsconfig.json', '.gitignore', 'LICENSE'];
/** Neither what is installed nor sources, which are not published. */
const LEFT_OUT = new Set(['node_modules', 'src', 'tsconfig.lib.json']);

/** A repository of its own, with everything that has been built. */
export async function releaseCopy(machine: Machine): Promise<Workspace> {
  const workspace = machine.at(join(machine.folder, 'release'));
  for (const file of ROOT_FILES) cpSync(join(repository, file), workspace.path(file));
  // Built already, and without the sources.
  const manifest = workspace.json<{ scripts: object }>('package.json');
  workspace.write('package.json', { ...manifest, scripts: { ...manifest.scripts, prepare: 'node --version' } });
  for (const name of packageNames) copyPackage(`packages/${name}`, workspace);
  for (const name of readdirSync(join(repository, 'apps'))) cpSync(join(repository, 'apps', name, 'package.json'), workspace.path('apps', name, 'package.json'));
  cpSync(join(repository, 'dist/tools/release'), workspace.path('dist/tools/release'), { recursive: true });
  machine.install(workspace.root);
  await workspace.git('init', '--quiet', '--initial-branch=main');
  await workspace.git('config', 'user.name', 'Test');
  await workspace.git('config', 'user.email', 'test@example.com');
  await workspace.commit('Everything that there is');
  return workspace;
}

function copyPackage(path: string, workspace: Workspace): void {
  const from = join(repository, path);
  if (!existsSync(join(from, 'dist'))) throw new Error(`${path} is not built: npm run prepare`);
  cpSync(from, workspace.path(path), { recursive: true, filter: (source) => source === from || !LEFT_OUT.has(basename(source)) || source.startsWith(join(from, 'dist')) });
}

/** All four in this version, as `nx release` would leave them; without a commit. */
export function setVersion(workspace: Workspace, version: string): void {
  for (const name of packageNames) {
    const path = `packages/${name}/package.json`;
    const manifest = workspace.json<{ readonly dependencies?: Readonly<Record<string, string>> }>(path);
    const dependencies = Object.fromEntries(Object.entries(manifest.dependencies ?? {}).map(([dependency, range]) => [dependency, packageNames.some((each) => each === dependency) ? version : range]));
    workspace.write(path, { ...manifest, version, dependencies });
  }
}

/** Publishes the packages as they are in the copy. */
export async function publish(workspace: Workspace, registry: PackageRegistry, ...args: readonly string[]): Promise<string> {
  const program = workspace.start([process.execPath, workspace.path('node_modules/.bin/nx'), 'release', 'publish', `--registry=${registry.url}`, ...args], registry.env);
  return exited(await program.ended, 0).output;
}
