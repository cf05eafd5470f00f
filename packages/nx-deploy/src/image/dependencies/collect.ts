/** Which files go into the image of a Node service, and into which of its layers. */
import { posix } from 'node:path';
import { assertSafe, collectFiles, hashFiles, layFiles, type CollectedFile, type ManifestLink } from '../../archive/index.js';
import type { OciImage } from '../../config/resolved.js';
import type { BuildSite, ImageFiles } from '../builder.js';
import type { Platform } from '../oci.js';
import { collectBundle } from './bundle/collect.js';
import { developmentFiles, developmentLines, developmentSums } from './development.js';
import { collectInstalled } from './installed/collect.js';
import { layersOf, SERVICE_FOLDER, type FileKind } from './layers.js';
import { targetMachine, thisMachine } from './machine.js';
import { foreignAddons } from './native.js';
import { modulesOf } from './modules.js';
import { outputFolder, type OutputFolder } from './output-folder.js';
import { assetMatcher, inModules, placeBundled, placeTraced } from './place.js';

const REASONS: Readonly<Record<FileKind, string>> = {
  modules: 'third-party packages', libraries: 'libraries of the workspace', assets: 'assets', application: 'the build\'s output',
};

/**
 * The files of the service for one platform. Nothing is installed yet: that is done when the layer is not in the store. `close` must be called, also after a failure of what
 * follows. Throws DeployError: ND-ARTIFACT-MISSING without a build, ND-ARTIFACT-UNSAFE for what no image can hold, ND-ARTIFACT-CHANGED when a build goes on meanwhile,
 * ND-BUNDLE-FORBIDDEN for what cannot be one file, ND-LOCKFILE for lock files that do not fit, ND-TOOL-MISSING for programs that are missing or too old.
 */
export async function collectImageFiles(options: OciImage, platform: Platform, site: BuildSite): Promise<ImageFiles> {
  const output = await outputFolder(options, site);
  switch (options.dependencies) {
    case 'bundled': return collectBundled(options, platform, site);
    case 'traced': return collectTraced(options, platform, site, output);
    case 'installed': return collectInstalled(options, platform, site, output);
    case 'bundle': return collectBundle(options, site, output);
  }
}

/** Modules apart from what the service brings itself, which is little and changes. */
async function collectBundled(options: OciImage, platform: Platform, site: BuildSite): Promise<ImageFiles> {
  const laid = await layFiles({ artifact: { type: 'files', path: options.path, entry: options.entry, dependencies: 'bundled' }, workspaceRoot: site.workspaceRoot });
  const [files, theirs] = parted(laid.files, inModules);
  const [links, linked] = parted(laid.links, ({ path }) => inModules(path));
  const own = [...await hashFiles(laid.root, files, await site.store.digestsBelow(laid.folder)), ...laid.added ?? []];
  const modules = theirs.length + linked.length === 0 ? undefined : await modulesOf({ root: laid.root, files: theirs, links: linked }, REASONS.modules, site.store);
  // What was remembered was safe when it was read.
  assertSafe([...own, ...modules?.read ?? [], ...laid.links], options.path);
  return {
    layers: [...modules === undefined ? [] : [modules.layer], ...layersOf(placeBundled([...own, ...links], assetMatcher(options.assets)), REASONS)],
    workingDirectory: posix.join('/', SERVICE_FOLDER, laid.cwd).replace(/\/$/, ''),
    entry: laid.entry,
    warnings: [
      ...laid.warnings,
      ...foreignAddons([...own, ...modules?.addons ?? []], targetMachine(platform, options.base), thisMachine),
      ...developmentLines(developmentSums(own), ...modules === undefined ? [] : [modules.development]),
    ],
    close: () => Promise.resolve(),
  };
}

/** Those that are not, and those that are. */
function parted<T>(all: readonly T[], is: (one: T) => boolean): readonly [T[], T[]] {
  const not: T[] = [];
  const are: T[] = [];
  for (const one of all) (is(one) ? are : not).push(one);
  return [not, are];
}

async function collectTraced(options: OciImage, platform: Platform, site: BuildSite, { base }: OutputFolder): Promise<ImageFiles> {
  const collected = await collectFiles({ artifact: { type: 'files', path: options.path, entry: options.entry, dependencies: 'traced' }, workspaceRoot: site.workspaceRoot, known: (folder) => site.store.digestsBelow(folder) });
  const files = collected.files.filter((file: CollectedFile | ManifestLink): file is CollectedFile => 'source' in file);
  return {
    layers: layersOf(placeTraced(collected.files, [base, site.projectRoot], base, assetMatcher(options.assets)), REASONS),
    workingDirectory: posix.join('/', SERVICE_FOLDER, collected.cwd).replace(/\/$/, ''),
    entry: collected.entry,
    warnings: [...collected.warnings, ...foreignAddons(files, targetMachine(platform, options.base), thisMachine), ...developmentFiles(files)],
    close: () => Promise.resolve(),
  };
}
