import { lstat, realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, relative, sep } from 'node:path';
import { quoted, unsafe } from '../../archive/manifest.js';
import type { OciImage } from '../../config/resolved.js';
import { DeployError } from '../../errors.js';
import type { BuildSite } from '../builder.js';

/** Where a build's output lies, every link followed. */
export interface OutputFolder {
  readonly workspaceRoot: string;
  readonly folder: string;
  /** `folder` relative to the workspace, `/` between its parts; `.` for the workspace itself. */
  readonly base: string;
}

/**
 * The output that the image is made of.
 * @throws DeployError ND-ARTIFACT-MISSING when there is no build or no entry in it, ND-ARTIFACT-UNSAFE when it lies outside the workspace.
 */
export async function outputFolder(options: OciImage, site: BuildSite): Promise<OutputFolder> {
  const workspaceRoot = await realpath(site.workspaceRoot);
  const folder = await realpath(options.path).catch(() => undefined);
  if (folder === undefined) throw missing(options, 'the folder does not exist');
  if (!(await lstat(folder)).isDirectory()) throw missing(options, 'it is no folder');
  const base = within(workspaceRoot, folder);
  if (base === undefined) throw unsafe([`${quoted(folder)} lies outside the workspace`], options.path);
  const entry = await stat(join(folder, options.entry)).catch(() => undefined);
  if (entry === undefined) throw await noEntry(options, site, workspaceRoot);
  if (!entry.isFile()) throw missing(options, `${quoted(options.entry)} in it is no file`);
  if (within(folder, await realpath(join(folder, options.entry))) === undefined) throw unsafe([`${quoted(options.entry)} leads out of the folder`], options.path);
  return { workspaceRoot, folder, base };
}

/** `path` relative to `root`, `/` between its parts; undefined when it lies outside. */
export function within(root: string, path: string): string | undefined {
  const found = relative(root, path).split(sep).join('/');
  if (found === '..' || found.startsWith('../') || isAbsolute(found)) return undefined;
  return found === '' ? '.' : found;
}

async function noEntry(options: OciImage, site: BuildSite, workspaceRoot: string): Promise<DeployError> {
  const why = `it holds no ${quoted(options.entry)}`;
  for (const from of [join(workspaceRoot, site.projectRoot), workspaceRoot]) {
    const elsewhere = join(from, options.entry);
    const found = await stat(elsewhere).catch(() => undefined);
    if (found?.isFile() !== true) continue;
    return new DeployError('ND-ARTIFACT-MISSING', {
      what: 'there is nothing to make an image of', where: options.path, why: `${why}, and ${quoted(elsewhere)} is there: artifact.entry is relative to artifact.path`,
      next: 'write artifact.entry in deploy.json relative to artifact.path',
    });
  }
  return missing(options, why);
}

function missing(options: OciImage, why: string): DeployError {
  return new DeployError('ND-ARTIFACT-MISSING', {
    what: 'there is nothing to make an image of', where: options.path, why,
    next: 'run the build first; if it writes elsewhere, correct artifact.path and artifact.entry in deploy.json',
  });
}
