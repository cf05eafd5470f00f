import { quoted } from '../../archive/manifest.js';
import { DeployError, diskFull, errorCode } from '../../errors.js';
import type { Digest } from '../oci.js';

/** What is written, for the message, and what to do when that folder cannot be written. */
interface Target {
  readonly what: string;
  readonly again: string;
  readonly remedy: string;
}

const STORE: Target = {
  what: 'the store of image blobs could not be written', again: 'build again; NX_DEPLOY_BLOBS moves the store to another folder',
  remedy: 'check the owner and the permissions of that folder, or set NX_DEPLOY_BLOBS to a folder of your own, then run the command again',
};

/** The output of a build. */
export const LAYOUT: Target = {
  what: 'the folder of the image could not be written', again: 'build again',
  remedy: 'check the owner and the permissions of that folder and of the one above it, then build again',
};

/** Does something to files of ours below `folder`; a system error becomes one that says what to do. */
export async function guarded<T>(folder: string, action: () => Promise<T>, target: Target = STORE): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw writeError(error, folder, target);
  }
}

function writeError(thrown: unknown, folder: string, { what, again, remedy }: Target): unknown {
  const code = errorCode(thrown);
  if (thrown instanceof DeployError || code === undefined) return thrown;
  const where = quoted(folder);
  return diskFull(thrown, { what, where, again }) ?? new DeployError('ND-IMAGE-STORE', { what, where, why: code, next: remedy }, { cause: thrown });
}

export function missing(digest: Digest, folder: string): DeployError {
  return new DeployError('ND-IMAGE-INCOMPLETE', {
    what: 'a part of the image is not in the store', where: quoted(folder), why: `there is no ${digest}`,
    next: 'run the command again: it makes or fetches what is missing',
  });
}

/** A blob that is not what its name says. `removed`: it will be made or fetched again by itself. */
export function mismatch(where: string, expected: { readonly digest?: Digest; readonly size?: number }, found: { readonly digest: Digest; readonly size: number }, removed = false): DeployError {
  const problems = [
    ...(expected.size !== undefined && expected.size !== found.size ? [`expected ${expected.size} bytes, found ${found.size}`] : []),
    ...(expected.digest !== undefined && expected.digest !== found.digest ? [`expected ${expected.digest}, found ${found.digest}`] : []),
  ];
  return new DeployError('ND-IMAGE-INVALID', {
    what: 'a part of the image is not what its digest says', where: quoted(where), problems,
    next: removed ? 'run the command again; the damaged copy was removed, and it is made or fetched again' : 'run the command again; when it stays, what it comes from is damaged',
  });
}
