/** Where the package of a project lies: below `dist` of the workspace, so that Nx caches it for every project in the same way. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { DeployError } from '../../errors.js';
import { outputName } from '../image/place.js';
import type { ProjectContext } from '../context.js';

/** What is in the package and how big it is; the same for the same input. */
export const RECORD = 'package-info.json';

export interface PackagePlace {
  /** Absolute; holds the archive, the file with its digest, and the record. */
  readonly folder: string;
  /** Absolute path of what varies from run to run; not cached. */
  readonly run: string;
}

export function packagePlace(context: ProjectContext): PackagePlace {
  const name = outputName(context);
  return { folder: join(context.workspaceRoot, 'dist/packages', name), run: join(context.workspaceRoot, 'dist/package-runs', `${name}.json`) };
}

/** Absolute path of a file that was named, relative to the workspace. @throws DeployError ND-PACKAGE-MISSING when there is none */
export async function namedArchive({ workspaceRoot }: ProjectContext, name: string): Promise<string> {
  const file = resolve(workspaceRoot, name);
  if ((await stat(file).catch(() => undefined))?.isFile() === true) return file;
  throw new DeployError('ND-PACKAGE-MISSING', { what: 'there is no such package', where: JSON.stringify(file), next: 'name the file of a package (.tar.gz) with --package; a relative path is taken from the folder of the workspace' });
}

/** The archive that the record in a folder tells of, and the file with its digest: those of a service that has another name by now, too. */
export async function recordedNames(folder: string): Promise<readonly string[]> {
  try {
    const { archive } = JSON.parse(await readFile(join(folder, RECORD), 'utf8')) as { archive?: unknown };
    return typeof archive === 'string' && basename(archive) === archive && archive.endsWith('.tar.gz') ? [archive, `${archive}.sha256`] : [];
  } catch {
    return [];
  }
}

/** Absolute path of the one archive of the project. @throws DeployError ND-PACKAGE-MISSING when there is none, or several */
export async function findArchive(context: ProjectContext): Promise<string> {
  const { folder } = packagePlace(context);
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.tar.gz') && !name.startsWith('.')).sort();
  const [name, ...others] = names;
  if (name !== undefined && others.length === 0) return join(folder, name);
  throw new DeployError('ND-PACKAGE-MISSING', {
    what: name === undefined ? `there is no package of ${context.projectName}` : `there are several packages of ${context.projectName}`, where: JSON.stringify(folder),
    ...(name === undefined ? {} : { problems: names.map((one) => JSON.stringify(one)) }),
    next: name === undefined ? `make it first: nx run ${context.projectName}:package; or name one with --package=<file>` : 'remove those that are not meant, or name one with --package=<file>',
  });
}
