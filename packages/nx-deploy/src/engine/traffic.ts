import type { Emit, Figures, Metrics, Ms, ReleaseId } from '../model/index.js';
import type { Platform } from '../platforms/platform.js';

const EVERY: Ms = 1_000;

/** Tells each second what the router has counted since, per release, where a platform counts. */
export function countTraffic(platform: Pick<Platform, 'metrics'>, releases: readonly ReleaseId[], emit: Emit): { readonly stop: () => void } {
  if (platform.metrics === undefined) return { stop: () => undefined };
  const started = performance.now();
  let asking = false;
  const tell = async (): Promise<void> => {
    const window = Math.round(performance.now() - started);
    const counted = await Promise.all(releases.map(async (id): Promise<readonly [ReleaseId, Figures | undefined]> => [id, figuresOf(await platform.metrics?.(id, window))]));
    const known = counted.flatMap(([id, metrics]) => (metrics === undefined ? [] : [[id, metrics] as const]));
    emit({ type: 'traffic', window, releases: Object.fromEntries(known) });
  };
  const timer = setInterval(() => {
    if (asking) return;
    asking = true;
    // A platform that cannot answer now is asked again; nothing depends on it.
    tell().catch(() => undefined).finally(() => { asking = false; });
  }, EVERY);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}

/** What nobody reads every second is left out. */
function figuresOf(metrics: Metrics | undefined): Figures | undefined {
  if (metrics === undefined) return undefined;
  const { times: _times, ...figures } = metrics;
  return figures;
}
