import { DeployError, diskFull, errorCode } from '../errors.js';
import { quoted } from './manifest.js';

/** What went wrong while the store or a release folder was written, as an error that says what to do. */
export function storageError(thrown: unknown, where: string): unknown {
  if (thrown instanceof DeployError) return thrown;
  const code = errorCode(thrown);
  if (code === undefined) return thrown;
  const full = diskFull(thrown, {
    what: 'the release could not be stored', where: quoted(where), again: 'deploy again; nothing of the running release was changed',
  });
  if (full !== undefined) return full;
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
