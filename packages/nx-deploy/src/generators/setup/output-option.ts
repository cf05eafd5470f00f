import { joinPathFragments } from '@nx/devkit';
import { posix } from 'node:path';
import { DeployError } from '../../errors.js';

/** The folder that --output names, relative to the workspace. Throws ND-OPTION-INVALID for one that is no folder of it. */
export function outputFolder(given: string): string {
  const folder = posix.normalize(joinPathFragments(given)).replace(/(?<=.)\/$/, '');
  if (given.trim() !== '' && !posix.isAbsolute(folder) && folder !== '..' && !folder.startsWith('../')) return folder;
  throw new DeployError('ND-OPTION-INVALID', { what: `--output cannot be ${JSON.stringify(given)}`, why: 'it is a folder of the workspace', next: 'name it relative to the workspace, for example --output=dist/apps/api' });
}
