import { DeployError } from '../../../errors.js';

export function cancelled(): DeployError {
  return new DeployError('ND-CANCELLED', { what: 'the build of the image was cancelled', next: 'run the command again: layers that were made are not made twice' });
}

export function assertGoesOn(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw cancelled();
}
