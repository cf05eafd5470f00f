/** Registers nx-build-manifest in a workspace. `nx add nx-build-manifest` runs it. */
import { addDependenciesToPackageJson, formatFiles, readJson, readJsonFile, readNxJson, updateNxJson } from '@nx/devkit';
import type { GeneratorCallback, NxJsonConfiguration, Tree } from '@nx/devkit';
import { join } from 'node:path';

export interface InitOptions {
  readonly skipFormat?: boolean;
  readonly skipPackageJson?: boolean;
  readonly skipPlugin?: boolean;
}

interface Manifest {
  readonly version?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

const NAME = 'nx-build-manifest';
const PLUGIN = `${NAME}/plugin`;
/** Plugins that write the run file; that of nx-deploy calls ours. */
const WRITERS = [PLUGIN, 'nx-deploy/plugin'];
/** The same path from src/generators/init and from dist/generators/init. */
const OWN_MANIFEST = join(__dirname, '../../../package.json');

/** Adds what is missing and nothing else; the callback installs what was added. */
export async function initGenerator(tree: Tree, options: InitOptions = {}): Promise<GeneratorCallback> {
  if (options.skipPlugin !== true) registerPlugin(tree);
  const install = options.skipPackageJson === true ? nothing : addPackage(tree);
  if (options.skipFormat !== true) await formatFiles(tree);
  return install;
}

export default initGenerator;

function registerPlugin(tree: Tree): void {
  const nxJson: NxJsonConfiguration = readNxJson(tree) ?? {};
  const plugins = nxJson.plugins ?? [];
  if (plugins.some((each) => WRITERS.includes(typeof each === 'string' ? each : each.plugin))) return;
  updateNxJson(tree, { ...nxJson, plugins: [...plugins, { plugin: PLUGIN }] });
}

function addPackage(tree: Tree): GeneratorCallback {
  const { version } = readJsonFile<Manifest>(OWN_MANIFEST);
  const present: Manifest = tree.exists('package.json') ? readJson<Manifest>(tree, 'package.json') : {};
  const there = present.dependencies?.[NAME] ?? present.devDependencies?.[NAME];
  return there !== undefined || version === undefined ? nothing : addDependenciesToPackageJson(tree, {}, { [NAME]: version });
}

const nothing: GeneratorCallback = () => undefined;
