import type { HealthStatus } from './result.js';

/** Something changes its side only after so many results in a row; the first result counts at once. */
export function hysteresis<F extends { readonly status: HealthStatus; readonly reason?: string }>({ failures, recoveries }: { readonly failures: number; readonly recoveries: number }): (found: F) => F {
  let shown: HealthStatus | undefined;
  let against = 0;
  return (found) => {
    const failed = found.status === 'unhealthy';
    const changes = shown !== undefined && (shown === 'unhealthy') !== failed;
    against = changes ? against + 1 : 0;
    if (shown === undefined || !changes || against >= (failed ? failures : recoveries)) {
      shown = found.status;
      against = 0;
      return found;
    }
    return { ...found, status: shown, reason: failed ? `failed ${against} of ${failures} times: ${found.reason ?? 'it did not say why'}` : `passed ${against} of ${recoveries} times` };
  };
}
