export * from './model/index.js';
export { DeployError, ERROR_CODES, formatError } from './errors.js';
export type { ErrorCode, ErrorParts } from './errors.js';
export type { Platform, Readiness, Address } from './platforms/platform.js';
