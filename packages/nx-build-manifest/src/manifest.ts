import { randomBytes } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { buildFacts, type BuildFacts, type BuildQuery } from './build-facts.js';
import { outputFacts, type OutputFacts } from './output-facts.js';

/** The content of build-manifest.json; build-manifest.schema.json describes it. */
export interface BuildManifest extends BuildFacts {
  readonly manifestVersion: 1;
  readonly outputs?: OutputFacts;
}

export interface ManifestQuery extends BuildQuery {
  /** Absolute path of the manifest. */
  readonly outputFile: string;
  /** Absolute folder of the build's output; without it the manifest lists no files. */
  readonly outputPath?: string;
}

const temporaryPrefix = (file: string): string => join(dirname(file), `.${basename(file)}.tmp-`);

/** Facts and outputs of a build. The manifest itself is not one of the outputs, wherever it lies. */
export async function buildManifest(query: ManifestQuery): Promise<BuildManifest> {
  const file = resolve(query.outputFile);
  const own = (path: string): boolean => path === file || path.startsWith(temporaryPrefix(file));
  const [facts, outputs] = await Promise.all([
    buildFacts(query),
    query.outputPath === undefined ? undefined : outputFacts(query.outputPath, own),
  ]);
  return { manifestVersion: 1, ...facts, ...(outputs === undefined ? {} : { outputs }) };
}

/** Replaces `file` in one step: a reader sees the old manifest or the new one. Creates the folder. */
export async function writeManifest(file: string, manifest: BuildManifest): Promise<void> {
  const target = resolve(file);
  await mkdir(dirname(target), { recursive: true });
  const temporary = `${temporaryPrefix(target)}${randomBytes(6).toString('hex')}`;
  try {
    const handle = await open(temporary, 'wx');
    try {
      await handle.writeFile(`${JSON.stringify(manifest, null, 2)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
