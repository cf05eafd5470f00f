/** What the router knows of the release that runs, before anything changes. */
import type { Metrics, Ms, ReleaseId } from '../model/index.js';

/** ms; it goes through JSON. */
const EVER: Ms = Number.MAX_SAFE_INTEGER;

interface Counting {
  metrics?(release: ReleaseId, window: Ms): Promise<Metrics>;
}

export interface BaselineWanted {
  /** Of the time before the change. */
  readonly window: Ms;
  /** Fewer requests say nothing. */
  readonly minimum: number;
}

/**
 * The last `window` ms; where the router tells too little of them, because there was little traffic or only its whole count is known to this process, all that it has counted.
 * Undefined where nothing was counted, or the platform does not count.
 */
export async function baselineOf(platform: Counting, release: ReleaseId | undefined, { window, minimum }: BaselineWanted): Promise<Metrics | undefined> {
  if (release === undefined || platform.metrics === undefined) return undefined;
  const recent = await platform.metrics(release, window);
  if (recent.requests >= minimum) return recent;
  const ever = await platform.metrics(release, EVER);
  const most = ever.requests > recent.requests ? ever : recent;
  return most.requests === 0 ? undefined : most;
}
