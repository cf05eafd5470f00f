import type { Desired, Step } from '../model/index.js';
import { releasesIn, sameReleases, type Strategy } from './strategy.js';

/**
 * Stops what runs, then starts what is wanted. For services that must never run twice at a time; requests in between are refused.
 * A mix of releases that an interruption left is stopped as a whole too.
 */
export const recreate: Strategy<object> = {
  name: 'recreate',
  needs: [],
  walk(from: Desired, to: Desired): readonly Step[] {
    const nothingToStop = releasesIn(from).length === 0;
    const nothingToStart = releasesIn(to).length === 0;
    if (nothingToStop || nothingToStart || sameReleases(from, to)) return [{ reach: to }];
    return [{ reach: {} }, { reach: to }];
  },
};
