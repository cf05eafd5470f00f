import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Folder of environment files, in the workspace and in each project. */
export const ENVIRONMENTS_FOLDER = 'environments';
/** Ending of the files of environments. */
export const ENVIRONMENT_EXTENSION = '.env';
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** Ending of an environment's file of secrets, which no name of an environment may have for that reason. */
export const SECRETS_EXTENSION = '.secrets.env';
const SECRETS_ENDING = '.secrets';

/** A name becomes a file name: so no separators, no leading dot, at most 63 characters; and not that of another environment's secrets. */
export function isEnvironmentName(name: string): boolean {
  return NAME.test(name) && !name.endsWith(SECRETS_ENDING);
}

/** Names of all environments that have a file in the workspace or the project, sorted. */
export async function knownEnvironments(folders: { workspaceRoot: string; projectRoot: string }): Promise<string[]> {
  const roots = new Set([folders.workspaceRoot, resolve(folders.workspaceRoot, folders.projectRoot)]);
  return [...new Set([...roots].flatMap(environmentsIn))].sort();
}

/** Those that have a file in one folder, the workspace's or a project's, in no order. */
export function environmentsIn(root: string): string[] {
  const files = namesIn(join(root, ENVIRONMENTS_FOLDER));
  const names = files.filter((file) => file.endsWith(ENVIRONMENT_EXTENSION)).map((file) => file.slice(0, -(file.endsWith(SECRETS_EXTENSION) ? SECRETS_EXTENSION : ENVIRONMENT_EXTENSION).length));
  return [...new Set(names)].filter(isEnvironmentName);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
