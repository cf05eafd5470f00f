import type { Finding } from '../result.js';

/** Judges what is bad when it is much. `what` begins the reason: `/var is 96% full`. */
export function above(observed: number, limits: { readonly degraded: number; readonly unhealthy: number }, unit: string, what: string): Finding {
  const rounded = Math.round(observed * 100) / 100;
  const found = { observed: rounded, unit };
  if (observed >= limits.unhealthy) return { ...found, status: 'unhealthy', reason: `${what}, at most ${limits.unhealthy} is allowed` };
  return observed >= limits.degraded ? { ...found, status: 'degraded', reason: `${what}, from ${limits.degraded} on it is degraded` } : { ...found, status: 'healthy' };
}
