/** One file of the entry and all that it loads. */
import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, extname, join, posix, relative, resolve, sep } from 'node:path';
import { collectFiles, isModuleScope, type CollectedFile } from '../../../archive/index.js';
import type { OciImage } from '../../../config/resolved.js';
import type { BuildSite, ImageFiles } from '../../builder.js';
import { layersOf, SERVICE_FOLDER, type Placed } from '../layers.js';
import { within, type OutputFolder } from '../output-folder.js';
import { assetMatcher } from '../place.js';
import { runEsbuild, SHIM, type Format } from './esbuild.js';
import { forbidden, forbiddenError } from './forbidden.js';

const REASONS = { modules: '', libraries: '', assets: 'assets', application: 'one file of the service and all that it loads (esbuild)' } as const;

/** @throws DeployError ND-BUNDLE-FORBIDDEN with everything that stands against one file; ND-TOOL-MISSING without esbuild. */
export async function collectBundle(options: OciImage, site: BuildSite, output: OutputFolder): Promise<ImageFiles> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'nx-deploy-bundle-')));
  const close = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const entry = await realpath(join(output.folder, options.entry));
    const name = await makeBundle(entry, folder, output.workspaceRoot, site);
    const placed = [...await assetsOf(options, site), ...await bundleFiles(join(folder, 'out'), name)];
    return { layers: layersOf(placed, REASONS), workingDirectory: `/${SERVICE_FOLDER}`, entry: name, warnings: [], close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The name of the file that it wrote into `<folder>/out`: its ending says what it is, without a package.json. */
async function makeBundle(entry: string, folder: string, workspaceRoot: string, site: BuildSite): Promise<string> {
  const format = await formatOf(entry, workspaceRoot);
  const name = `${basename(entry, extname(entry))}.${format === 'esm' ? 'mjs' : 'cjs'}`;
  const outfile = join(folder, 'out', name);
  const shim = join(folder, 'shim.mjs');
  await writeFile(shim, SHIM);
  const { meta, messages } = await runEsbuild({ entry, format, outfile, metafile: join(folder, 'meta.json'), shim }, workspaceRoot, site);
  const problems = await forbidden(workspaceRoot, meta, messages);
  if (meta === undefined || problems.length > 0) throw forbiddenError(problems, entry);
  await freeOfPlaces(outfile, folder, workspaceRoot);
  return name;
}

/** As Node decides it (https://nodejs.org/api/packages.html#determining-module-system). */
export async function formatOf(entry: string, workspaceRoot: string): Promise<Format> {
  if (/\.mjs$|\.mts$/.test(entry)) return 'esm';
  if (/\.cjs$|\.cts$/.test(entry)) return 'cjs';
  return await isModuleScope(dirname(entry), workspaceRoot) ? 'esm' : 'cjs';
}

/** Names in bundle and map are relative to the temporary folder, which has another name in every build: they become relative to the workspace. */
async function freeOfPlaces(outfile: string, folder: string, workspaceRoot: string): Promise<void> {
  const shown = relative(workspaceRoot, folder).split(sep).join('/');
  const text = await readFile(outfile, 'utf8');
  if (text.includes(shown)) await writeFile(outfile, text.replaceAll(shown, 'nx-deploy'));
  const map = JSON.parse(await readFile(`${outfile}.map`, 'utf8')) as { sources: string[] };
  map.sources = map.sources.map((source) => {
    const absolute = resolve(dirname(outfile), source);
    return within(workspaceRoot, absolute) ?? posix.join('nx-deploy', basename(absolute));
  });
  await writeFile(`${outfile}.map`, JSON.stringify(map));
}

async function bundleFiles(path: string, entry: string): Promise<Placed[]> {
  const { files } = await collectFiles({ artifact: { type: 'files', path, entry, dependencies: 'bundled' }, workspaceRoot: path });
  return files.map((file) => ({ kind: 'application', file: 'source' in file ? { ...file, mode: 0o644 } satisfies CollectedFile : file }));
}

/** Of the build's output the bundle takes the place of the code; what the service reads as files is named by artifact.assets. */
async function assetsOf(options: OciImage, site: BuildSite): Promise<Placed[]> {
  if (options.assets.length === 0) return [];
  const isAsset = assetMatcher(options.assets);
  const { files } = await collectFiles({ artifact: { type: 'files', path: options.path, entry: options.entry, dependencies: 'bundled' }, workspaceRoot: site.workspaceRoot });
  return files.filter(({ path }) => isAsset(path)).map((file) => ({ kind: 'assets', file }));
}
