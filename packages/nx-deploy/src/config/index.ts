export { CONFIG_FILE, environmentNames, loadConfig, parseConfig } from './load.js';
export type { DeployFile } from './load.js';
export { resolveEnvironment } from './resolve.js';
export type { ResolveRequest } from './resolve.js';
export * from './resolved.js';
export { jsonSchema } from './schema.js';
export type { DeployConfig } from './schema.js';
export { serviceName } from './names.js';
