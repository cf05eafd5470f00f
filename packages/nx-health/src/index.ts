export { checkHttp, BODY_LIMIT, type HttpCheck } from './http/check-http.js';
export { checkTcp, type TcpCheck } from './tcp.js';
export { waitUntilHealthy, type WaitOptions, type WaitResult } from './wait.js';
export { parseDuration } from './duration.js';
export { DEFAULT_STATUS_MAP, parseStatusRanges, statusOf, type StatusMap, type StatusRange } from './status.js';
export type { CheckResult, HealthStatus } from './result.js';
