/** What the router knows of the release that runs, before anything changes. */
import type { Metrics, Ms, ReleaseId } from '../model/index.js';

/** ms; it goes through JSON. */
const EVER: Ms = Number.MAX_SAFE_INTEGER;

interface Counting {
  metrics?(release: ReleaseId, window: Ms): Promise<Metrics>;
}

/**
 * The last `window` ms; where the router tells nothing of them, because only its whole count is known to this process, all that it has counted.
 * Undefined where nothing was counted, or the platform does not count.
 */
export async function baselineOf(platform: Counting, release: ReleaseId | undefined, window: Ms): Promise<Metrics | undefined> {
  if (release === undefined || platform.metrics === undefined) return undefined;
  for (const past of [window, EVER]) {
    const metrics = await platform.metrics(release, past);
    if (metrics.requests > 0) return metrics;
  }
  return undefined;
}
