import type { HealthStatus } from './result.js';

/** One HTTP status, or the first and last of a range. */
export type StatusRange = number | readonly [first: number, last: number];

/** What an HTTP status says about health. A status in neither list is unhealthy; `degraded` wins where both have it. */
export interface StatusMap {
  readonly healthy: readonly StatusRange[];
  readonly degraded: readonly StatusRange[];
}

/** 206 is degraded, every other 2xx healthy. A service that answers 200 while degraded cannot be told apart by its status. */
export const DEFAULT_STATUS_MAP: StatusMap = { healthy: [[200, 299]], degraded: [206] };

export function statusOf(code: number, map: StatusMap): HealthStatus {
  const within = (range: StatusRange): boolean =>
    typeof range === 'number' ? code === range : code >= range[0] && code <= range[1];
  if (map.degraded.some(within)) return 'degraded';
  return map.healthy.some(within) ? 'healthy' : 'unhealthy';
}

/** Reads `200`, `200-299` or `200,204,300-399`; throws a RangeError that names the part it cannot read. */
export function parseStatusRanges(text: string): readonly StatusRange[] {
  return text.split(',').map((part) => {
    const match = /^\s*([1-5]\d\d)(?:-([1-5]\d\d))?\s*$/.exec(part);
    const first = Number(match?.[1]);
    const last = Number(match?.[2] ?? match?.[1]);
    if (match === null || first > last) throw new RangeError(`must be statuses such as 200 or 200-299, got "${part.trim()}"`);
    return first === last ? first : [first, last] as const;
  });
}
