/** Adds nx-health to a workspace. `nx add nx-health` runs it. */
import { addDependenciesToPackageJson, formatFiles, readJson, readJsonFile } from '@nx/devkit';
import type { GeneratorCallback, Tree } from '@nx/devkit';
import { join } from 'node:path';

export interface InitOptions {
  readonly skipFormat?: boolean;
  readonly skipPackageJson?: boolean;
}

interface Manifest {
  readonly version?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

const NAME = 'nx-health';
/** The same path from src/generators/init and from dist/generators/init. */
const OWN_MANIFEST = join(__dirname, '../../../package.json');

/** Adds what is missing and nothing else; the callback installs what was added. */
export async function initGenerator(tree: Tree, options: InitOptions = {}): Promise<GeneratorCallback> {
  const install = options.skipPackageJson === true ? nothing : addPackage(tree);
  if (options.skipFormat !== true) await formatFiles(tree);
  return install;
}

export default initGenerator;

function addPackage(tree: Tree): GeneratorCallback {
  const { version } = readJsonFile<Manifest>(OWN_MANIFEST);
  const present: Manifest = tree.exists('package.json') ? readJson<Manifest>(tree, 'package.json') : {};
  const there = present.dependencies?.[NAME] ?? present.devDependencies?.[NAME];
  return there !== undefined || version === undefined ? nothing : addDependenciesToPackageJson(tree, {}, { [NAME]: version });
}

const nothing: GeneratorCallback = () => undefined;
