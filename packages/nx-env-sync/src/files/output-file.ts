import { isAbsolute, relative, resolve } from 'node:path';
import { errorCode, EnvSyncError } from '../errors.js';
import { printable } from '../problem.js';
import { shownPath } from './paths.js';
import { replaceFile, type Replacement } from './replace-file.js';

/** What is read here is not overwritten by what is written: environment files and schemas. */
const READ_HERE = /(?:^|[\\/])(?:[^\\/]*\.env|env\.schema\.json)$/;

export interface OutputPlace {
  /** Absolute folder of the workspace. */
  readonly workspaceRoot: string;
  readonly projectRoot: string;
  readonly projectName: string;
}

/**
 * Absolute path of an option that names a file to write. Nx replaces the tokens of options in project.json, but not those of the command line.
 * @throws EnvSyncError when it leaves the workspace, or is an environment file or a schema
 */
export function outputPath(option: string, text: string, place: OutputPlace): string {
  const path = inputPath(option, text, place);
  if (READ_HERE.test(path)) throw new EnvSyncError('refused', { what: `${option} must be neither an environment file nor a schema`, where: printable(text), next: 'give another name' });
  return path;
}

/**
 * The same for one that names a file to read.
 * @throws EnvSyncError when it leaves the workspace
 */
export function inputPath(option: string, text: string, { workspaceRoot, projectRoot, projectName }: OutputPlace): string {
  const path = resolve(workspaceRoot, text.replaceAll('{projectRoot}', projectRoot).replaceAll('{projectName}', projectName).replace(/^\{workspaceRoot\}\/?/, ''));
  const inside = relative(workspaceRoot, path);
  if (inside === '' || inside === '..' || /^\.\.[\\/]/.test(inside) || isAbsolute(inside)) throw new EnvSyncError('refused', { what: `${option} must be a file in the workspace`, where: printable(text), next: 'give a path relative to the workspace' });
  return path;
}

/** What everybody may read. */
export const PUBLIC_FILE = 0o644;

/**
 * Replaces the file as {@link replaceFile} does.
 * @throws EnvSyncError `failed`, with the file and why it could not be written
 */
export async function writeOutput(replacement: Replacement, workspaceRoot: string): Promise<void> {
  try {
    await replaceFile(replacement);
  } catch (error) {
    throw new EnvSyncError('failed', { what: 'the file could not be written', where: shownPath(replacement.path, workspaceRoot), why: errorCode(error), next: 'what stood there is as it was' }, { cause: error });
  }
}
