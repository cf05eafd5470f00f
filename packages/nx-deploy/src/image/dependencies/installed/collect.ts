/** The build's output with the production dependencies of the lock file beside it. */
import { createHash } from 'node:crypto';
import { collectFiles, type CollectedFile, type ManifestLink } from '../../../archive/index.js';
import { quoted } from '../../../archive/manifest.js';
import type { OciImage } from '../../../config/resolved.js';
import type { BuildSite, ImageFiles, LayerFiles } from '../../builder.js';
import type { Platform } from '../../oci.js';
import { developmentFiles } from '../development.js';
import { layersOf, SERVICE_FOLDER, type Placed } from '../layers.js';
import { sameMachine, targetMachine, thisMachine, type Machine } from '../machine.js';
import type { OutputFolder } from '../output-folder.js';
import { assetMatcher, inModules } from '../place.js';
import { storedPackages } from '../stored-packages.js';
import { install, installedEntries, makeFolder, type InstallFolder } from './install.js';
import { isUseful, libraryFiles } from './libraries.js';
import { lockVersion } from './lock-file.js';
import { installArguments, majorVersion, type InstallRequest } from './package-program.js';
import { COPIED, prepare, type Prepared } from './prepare.js';
import { readSettings, type Settings } from './settings.js';

const REASONS = { modules: '', libraries: 'libraries of the workspace', assets: 'assets', application: 'the build\'s output' } as const;
const NAMES_SHOWN = 10;

/** See {@link ImageFiles}; the install is done when the entries of the modules are asked for. */
export async function collectInstalled(options: OciImage, platform: Platform, site: BuildSite, output: OutputFolder): Promise<ImageFiles> {
  const target = targetMachine(platform, options.base);
  const prepared = await prepare(site, output);
  const foreign = !sameMachine(target, thisMachine());
  const request: InstallRequest = {
    manager: prepared.manager, major: await majorVersion(prepared.manager, output.workspaceRoot, site.variables, lockVersion(prepared.manager, prepared.files.get(prepared.manager.lockFile)?.toString() ?? '')), target: foreign ? target : undefined, scripts: !foreign,
  };
  // Refuses what cannot be installed before anything is begun.
  installArguments(request);
  const settings = await readSettings(output.workspaceRoot, site.variables);
  const folders: InstallFolder[] = [];
  const close = async (): Promise<void> => { await Promise.all(folders.splice(0).map(({ remove }) => remove())); };
  const collected = await collectFiles({ artifact: { type: 'files', path: options.path, entry: options.entry, dependencies: 'bundled' }, workspaceRoot: site.workspaceRoot, known: (folder) => site.store.digestsBelow(folder) });
  const own = collected.files.filter(({ path }) => !inModules(path) && !isTaken(path, prepared) && (!path.startsWith(COPIED) || isUseful(path)));
  const real = own.filter((file): file is CollectedFile => 'source' in file);
  const libraries = await libraryFiles(output.workspaceRoot, prepared.libraries, real);
  const modules: LayerFiles = {
    kind: 'modules', key: modulesKey(prepared, request, target, settings), reason: `production packages of ${prepared.manager.lockFile} (${prepared.manager.name} ${request.major})`,
    entries: async () => {
      const made = await makeFolder(prepared, settings, request);
      folders.push(made);
      await install(made.folder, request, settings, site);
      return installedEntries(made.folder);
    },
    packages: (digest) => storedPackages(site.store, digest),
  };
  return {
    layers: [...hasPackages(prepared) ? [modules] : [], ...layersOf([...placed(own, assetMatcher(options.assets)), ...libraries.map((file): Placed => ({ kind: 'libraries', file }))], REASONS)],
    workingDirectory: `/${SERVICE_FOLDER}`, entry: collected.entry, close,
    warnings: [...collected.warnings, ...withoutScripts(prepared, request), ...developmentFiles([...real, ...libraries])],
  };
}

function isTaken(path: string, { taken }: Prepared): boolean {
  return taken.has(path.split('/')[0] ?? '');
}

function placed(files: readonly (CollectedFile | ManifestLink)[], isAsset: (path: string) => boolean): Placed[] {
  return files.map((file) => ({ kind: file.path.startsWith(COPIED) ? 'libraries' : isAsset(file.path) ? 'assets' : 'application', file }));
}

function hasPackages({ files }: Prepared): boolean {
  const { dependencies = {}, optionalDependencies = {} } = JSON.parse(files.get('package.json')?.toString() ?? '{}') as { readonly dependencies?: object; readonly optionalDependencies?: object };
  return Object.keys({ ...dependencies, ...optionalDependencies }).length > 0;
}

/** The same for every service with these dependencies: the content of all that the install reads, without names and versions of the service itself. */
function modulesKey({ manager, files }: Prepared, { major, scripts }: InstallRequest, target: Machine, { relevant }: Settings): string {
  const contents = [...files].map(([path, content]) => [path, createHash('sha256').update(path === 'package.json' || path === 'package-lock.json' ? anonymous(content.toString()) : content).digest('hex')]).sort();
  // Scripts may compile for the Node that runs here.
  const node = scripts ? process.version.split('.')[0] : undefined;
  return `install:${createHash('sha256').update(JSON.stringify([manager, major, scripts, node, target, relevant, contents])).digest('hex')}`;
}

/** Without what an install of production packages does not read: the service's own name, say, and packages for development. */
function anonymous(text: string): string {
  const { name: _name, version: _version, devDependencies: _dev, scripts: _scripts, description: _text, main: _main, type: _type, packages, ...rest } = JSON.parse(text) as LockOrManifest;
  if (packages === undefined) return JSON.stringify(rest);
  const { name: _own, version: _its, devDependencies: _theirs, ...root } = packages[''] ?? {};
  return JSON.stringify({ ...rest, packages: { ...Object.fromEntries(Object.entries(packages).filter(([, one]) => one['dev'] !== true)), '': root } });
}

type LockOrManifest = Record<string, unknown> & { readonly packages?: Readonly<Record<string, Readonly<Record<string, unknown>>>> };

/** Packages that would have done something at their install, which they cannot do for another platform: one line, or none. */
function withoutScripts({ manager, files }: Prepared, { scripts }: InstallRequest): string[] {
  if (scripts) return [];
  if (manager.name !== 'npm') return ['install scripts of packages do not run for another platform than this machine\'s'];
  const { packages = {} } = JSON.parse(files.get(manager.lockFile)?.toString() ?? '{}') as { readonly packages?: Readonly<Record<string, { readonly hasInstallScript?: boolean; readonly dev?: boolean }>> };
  const names = [...new Set(Object.entries(packages).filter(([, one]) => one.hasInstallScript === true && one.dev !== true).map(([path]) => path.replace(/^.*node_modules\//, '')))].sort();
  if (names.length === 0) return [];
  const more = names.length - NAMES_SHOWN;
  return [`install scripts of these packages do not run for another platform than this machine's: ${names.slice(0, NAMES_SHOWN).map(quoted).join(', ')}${more > 0 ? ` and ${more} more` : ''}`];
}
