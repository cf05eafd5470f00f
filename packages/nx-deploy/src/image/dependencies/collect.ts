/** Which files go into the image of a Node service, and into which of its layers. */
import { posix } from 'node:path';
import { collectFiles, type CollectedFile, type CollectedFiles, type ManifestLink } from '../../archive/index.js';
import type { OciImage } from '../../config/resolved.js';
import type { BuildSite, ImageFiles } from '../builder.js';
import type { Platform } from '../oci.js';
import { collectBundle } from './bundle/collect.js';
import { developmentFiles } from './development.js';
import { collectInstalled } from './installed/collect.js';
import { layersOf, SERVICE_FOLDER, type FileKind, type Placed } from './layers.js';
import { targetMachine, thisMachine } from './machine.js';
import { foreignAddons } from './native.js';
import { outputFolder, type OutputFolder } from './output-folder.js';
import { assetMatcher, placeBundled, placeTraced } from './place.js';

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

async function collectBundled(options: OciImage, platform: Platform, site: BuildSite): Promise<ImageFiles> {
  const collected = await collectFiles({ artifact: { type: 'files', path: options.path, entry: options.entry, dependencies: 'bundled' }, workspaceRoot: site.workspaceRoot, known: (folder) => site.store.digestsBelow(folder) });
  return imageOf(collected, placeBundled(collected.files, assetMatcher(options.assets)), options, platform);
}

async function collectTraced(options: OciImage, platform: Platform, site: BuildSite, { base }: OutputFolder): Promise<ImageFiles> {
  const collected = await collectFiles({ artifact: { type: 'files', path: options.path, entry: options.entry, dependencies: 'traced' }, workspaceRoot: site.workspaceRoot, known: (folder) => site.store.digestsBelow(folder) });
  return imageOf(collected, placeTraced(collected.files, [base, site.projectRoot], base, assetMatcher(options.assets)), options, platform);
}

function imageOf(collected: CollectedFiles, placed: readonly Placed[], options: OciImage, platform: Platform): ImageFiles {
  const files = collected.files.filter((file: CollectedFile | ManifestLink): file is CollectedFile => 'source' in file);
  return {
    layers: layersOf(placed, REASONS),
    workingDirectory: posix.join('/', SERVICE_FOLDER, collected.cwd).replace(/\/$/, ''),
    entry: collected.entry,
    warnings: [...collected.warnings, ...foreignAddons(files, targetMachine(platform, options.base), thisMachine()), ...developmentFiles(files)],
    close: () => Promise.resolve(),
  };
}
