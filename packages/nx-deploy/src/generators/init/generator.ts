/** Registers nx-deploy in a workspace. `nx add nx-deploy` runs it. */
import { addDependenciesToPackageJson, formatFiles, readJson, readJsonFile, readNxJson, updateNxJson } from '@nx/devkit';
import type { GeneratorCallback, Tree } from '@nx/devkit';
import { join } from 'node:path';
import { PLUGIN, pluginOptions } from '../../config/plugin-options.js';

export interface InitOptions {
  readonly skipFormat?: boolean;
  readonly skipPackageJson?: boolean;
}

interface Manifest {
  readonly version?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** The same path from src/generators/init and from dist/generators/init. */
const OWN_MANIFEST = join(__dirname, '../../../package.json');

/** Adds what is missing and nothing else; the callback installs what was added. */
export async function initGenerator(tree: Tree, options: InitOptions = {}): Promise<GeneratorCallback> {
  registerPlugin(tree);
  const install = options.skipPackageJson === true ? nothing : addPackages(tree);
  if (options.skipFormat !== true) await formatFiles(tree);
  return install;
}

export default initGenerator;

function registerPlugin(tree: Tree): void {
  const nxJson = readNxJson(tree) ?? {};
  if (pluginOptions(nxJson) !== undefined) return;
  updateNxJson(tree, { ...nxJson, plugins: [...nxJson.plugins ?? [], { plugin: PLUGIN }] });
}

/** Nx looks for the executors of env-validate and build-manifest, which live in packages of their own, from the workspace's root: a strict package manager hides them there otherwise. */
function addPackages(tree: Tree): GeneratorCallback {
  const own = readJsonFile<Manifest>(OWN_MANIFEST);
  const present: Manifest = tree.exists('package.json') ? readJson<Manifest>(tree, 'package.json') : {};
  const wanted = { 'nx-deploy': own.version, 'nx-env-sync': own.dependencies?.['nx-env-sync'], 'nx-build-manifest': own.dependencies?.['nx-build-manifest'] };
  const missing = Object.entries(wanted).flatMap(([name, version]) => {
    const there = present.dependencies?.[name] ?? present.devDependencies?.[name];
    return there === undefined && version !== undefined ? [[name, version] as const] : [];
  });
  return missing.length === 0 ? nothing : addDependenciesToPackageJson(tree, {}, Object.fromEntries(missing));
}

const nothing: GeneratorCallback = () => undefined;
