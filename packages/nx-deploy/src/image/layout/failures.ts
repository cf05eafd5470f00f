import { quoted } from '../../archive/manifest.js';
import { DeployError } from '../../errors.js';

/** `where`: file of the layout; `why`: what is wrong in it. */
export function invalid(where: string, why: string): DeployError {
  return new DeployError('ND-IMAGE-INVALID', {
    what: 'the folder is no valid OCI image', where: quoted(where), why, next: 'build the image again, or point at a folder that holds an OCI image layout',
  });
}

export function unsupported(where: string, why: string): DeployError {
  return new DeployError('ND-IMAGE-UNSUPPORTED', {
    what: 'the image is of a kind that is not handled', where: quoted(where), why, next: 'use another image, or make that one again with gzip layers',
  });
}
