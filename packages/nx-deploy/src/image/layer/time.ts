import { DeployError } from '../../errors.js';
import { LARGEST_TIME } from './header.js';

/** One second after 1970 began, as some tools take 0 for "no time". */
const DEFAULT_TIME = 1;

/**
 * The one modification time of everything in a layer, in s since 1970 (https://reproducible-builds.org/specs/source-date-epoch/).
 * @throws DeployError ND-OPTION-INVALID when SOURCE_DATE_EPOCH is no such number.
 */
export function layerTime(environment: NodeJS.ProcessEnv = process.env): number {
  const text = environment['SOURCE_DATE_EPOCH'];
  if (text === undefined || text === '') return DEFAULT_TIME;
  const time = Number(text);
  if (/^\d+$/.test(text) && time <= LARGEST_TIME) return time;
  throw new DeployError('ND-OPTION-INVALID', {
    what: 'SOURCE_DATE_EPOCH is no time', where: 'SOURCE_DATE_EPOCH', why: `it must be a whole number of seconds since 1970, at most ${LARGEST_TIME}`,
    next: 'set it to a number such as 1735689600, or take it away',
  });
}
