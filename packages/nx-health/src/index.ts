import type { HealthFile, Variables } from './config/load.js';

export { checkHttp, BODY_LIMIT, type HttpCheck } from './http/check-http.js';
export { checkTcp, type TcpCheck } from './tcp.js';
export { waitUntilHealthy, type WaitOptions, type WaitResult } from './wait.js';
export { parseDuration } from './duration.js';
export { DEFAULT_STATUS_MAP, parseStatusRanges, statusOf, type StatusMap, type StatusRange } from './status.js';
export { HealthError, type ErrorParts } from './errors.js';
export { overall, runChecks, type Ran, type RunChecksOptions } from './checks/run-checks.js';
export { choose, type Choice } from './checks/choose.js';
export type { Check } from './checks/check.js';
export type { Severity } from './checks/schedule.js';
export type { HealthFile, Variables } from './config/load.js';
export type { CheckResult, Finding, HealthStatus } from './result.js';

/** Reads health.json; what that takes is loaded with the first. @throws HealthError with all problems of the file */
export async function loadHealthFile(file: string, variables: Variables): Promise<HealthFile> {
  return (await import('./config/load.js')).loadHealthFile(file, variables);
}
