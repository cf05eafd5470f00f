export { EngineClient, type Called, type CallOptions, type EngineOptions } from './client.js';
export type { ContainerEnvironment } from './environment.js';
export { CLIENT_VARIABLES } from './variables.js';
export type { EngineObjects, Listed } from './objects.js';
export type { Held } from './held.js';
export type { Streamed } from './stream.js';
