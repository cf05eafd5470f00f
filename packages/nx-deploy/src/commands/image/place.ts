/** Where the image of a project lies: below `dist` of the workspace, so that Nx caches it for every project in the same way. */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CONFIG_FILE, imageFolder } from '../../config/index.js';
import { DeployError, diskFull, errorCode } from '../../errors.js';
import { projectFolder, type ProjectContext } from '../context.js';

export interface ImagePlace {
  /** The layout. */
  readonly layout: string;
  /** image.json: what is in it, the same for the same input. */
  readonly document: string;
  /** What varies from run to run; not cached. */
  readonly run: string;
}

/** Absolute paths. @throws DeployError as {@link outputName} does */
export function imagePlace(context: ProjectContext): ImagePlace {
  const { workspaceRoot, projectRoot } = context;
  const own = outputName(context);
  const name = own === projectRoot ? imageFolder(projectRoot) : own;
  const folder = join(workspaceRoot, 'dist/images', name);
  return { layout: join(folder, 'image'), document: join(folder, 'image.json'), run: join(workspaceRoot, 'dist/image-runs', `${name}.json`) };
}

/** What is made of a project lies under its root; the project that is the workspace itself goes by its name. @throws DeployError ND-OPTION-INVALID when that is no place of its own */
export function outputName(context: ProjectContext): string {
  const { projectRoot } = context;
  return projectRoot === '.' || projectRoot === '' ? nameOfRoot(context) : projectRoot;
}

function nameOfRoot(context: ProjectContext): string {
  const { workspaceRoot, projectName } = context;
  const next = 'give the project another name in its project.json or package.json';
  const refused = (what: string, why: string): DeployError => new DeployError('ND-OPTION-INVALID', { what, where: projectFolder(context), why, next });
  if (projectName.split(/[\\/]/).some((part) => part === '' || part === '.' || part === '..')) throw refused('the name of the project cannot be the name of a folder', JSON.stringify(projectName));
  if (existsSync(join(workspaceRoot, projectName, CONFIG_FILE))) throw refused('two projects would have their output in one folder', `there is a project in the folder ${JSON.stringify(projectName)}, too`);
  return projectName;
}

/** Replaces the file as a whole. What a killed process left beside it goes. */
export async function replaceFile(file: string, text: string): Promise<void> {
  const folder = dirname(file);
  const start = `.${basename(file)}.`;
  const temporary = join(folder, `${start}${process.pid}.${randomUUID()}.tmp`);
  try {
    await mkdir(folder, { recursive: true });
    for (const name of await readdir(folder)) if (name.startsWith(start) && name.endsWith('.tmp') && !isAlive(name.slice(start.length))) await rm(join(folder, name), { force: true });
    await writeFile(temporary, text, { flag: 'wx' });
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw writeError(error, file);
  }
}

function isAlive(rest: string): boolean {
  try {
    process.kill(Number.parseInt(rest, 10), 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}

/** ND-DISK-FULL or ND-IMAGE-STORE for a file of the build's output. */
export function writeError(thrown: unknown, file: string): unknown {
  const code = errorCode(thrown);
  if (thrown instanceof DeployError || code === undefined) return thrown;
  const [what, where] = ['a file of the image could not be written', JSON.stringify(file)];
  return diskFull(thrown, { what, where, again: 'run the command again' })
    ?? new DeployError('ND-IMAGE-STORE', { what, where, why: code === 'ENOENT' ? 'its folder does not exist' : code, next: 'check that its folder is there, its owner and its permissions, then run the command again' }, { cause: thrown });
}
