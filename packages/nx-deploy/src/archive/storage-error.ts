import { DeployError, errorCode } from '../errors.js';
import { quoted } from './manifest.js';

/** What went wrong while the store or a release folder was written, as an error that says what to do. */
export function storageError(thrown: unknown, where: string): unknown {
  if (thrown instanceof DeployError) return thrown;
  const code = errorCode(thrown);
  if (code === undefined) return thrown;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new DeployError('ND-DISK-FULL', {
      what: 'there is no space left to store the release',
      where: quoted(where),
      why: code === 'EDQUOT' ? 'the quota of this user is used up' : 'the disk is full, or it has no free inodes',
      next: 'free space there and deploy again; nothing of the running release was changed',
    }, { cause: thrown });
  }
  return new DeployError('ND-AGENT-FAILED', {
    what: 'the release could not be stored',
    where: quoted(where),
    why: code,
    next: 'check the owner and the permissions of that folder, then deploy again',
  }, { cause: thrown });
}

/** A file of the build's output that is not what it was a moment ago. */
export function changedError(source: string, why: string): DeployError {
  return new DeployError('ND-ARTIFACT-CHANGED', {
    what: 'a file of the artifact changed while it was read',
    where: quoted(source),
    why,
    next: 'let the build finish (a watch mode may be running), then deploy again',
  });
}
