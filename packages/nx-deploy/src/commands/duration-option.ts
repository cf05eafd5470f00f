import { DeployError } from '../errors.js';
import { DURATION_FORM, parseDuration, type Ms } from '../model/index.js';

/** Nx hands on a number where a user gave one. @throws DeployError ND-OPTION-INVALID */
export function durationOption(name: string, given: string | number, example: string): Ms {
  const ms = parseDuration(String(given));
  if (ms !== undefined) return ms;
  throw new DeployError('ND-OPTION-INVALID', { what: `--${name}=${String(given)} is no duration`, why: `it has to be ${DURATION_FORM}`, next: `write --${name}=${example}` });
}
