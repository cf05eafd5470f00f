import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readTextFile } from '../read-file.js';
import { PRIVATE_FOLDER, replaceFile } from '../files/replace-file.js';

/** Folder of what commands keep in a workspace: backups and the lock. Nothing in it belongs into a repository. */
export const STATE_FOLDER = '.nx-env-sync';

/** Makes the folder where it is missing, so that git does not see it. */
export async function stateFolder(workspaceRoot: string): Promise<string> {
  const folder = join(workspaceRoot, STATE_FOLDER);
  await mkdir(folder, { recursive: true, mode: PRIVATE_FOLDER });
  const ignore = join(folder, '.gitignore');
  if ((await readTextFile(ignore)).state === 'missing') await replaceFile({ path: ignore, content: '*\n' });
  return folder;
}
