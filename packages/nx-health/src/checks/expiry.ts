/** How long a certificate is good for. */
import { durationText } from '../duration.js';
import type { Finding } from '../result.js';
import { period, section } from './values.js';

const DAY = 86_400_000;

export const expiryLimits = {
  degraded: period(0, { description: 'Degraded when it ends sooner than this.' }).prefault('21d'),
  unhealthy: period(0, { description: 'Unhealthy when it ends sooner than this.' }).prefault('3d'),
};

export const expirySection = section(expiryLimits);

/** `validTo`: ms since 1970. */
export function judgeExpiry(validTo: number, limits: { readonly degraded: number; readonly unhealthy: number }, now = Date.now()): Finding {
  const left = validTo - now;
  const found = { observed: Math.floor(left / DAY), unit: 'days' };
  if (left <= 0) return { ...found, status: 'unhealthy', reason: `the certificate ended ${durationText(-left)} ago` };
  const status = left < limits.unhealthy ? 'unhealthy' : left < limits.degraded ? 'degraded' : 'healthy';
  return status === 'healthy' ? { ...found, status } : { ...found, status, reason: `the certificate ends in ${durationText(left)}` };
}
