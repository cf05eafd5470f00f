export { createEmbeddedRouter, type EmbeddedRouterOptions, type InheritableRouter } from './router.js';
export type { Descriptor } from './descriptor.js';
