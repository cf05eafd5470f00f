export { createEmbeddedRouter, type EmbeddedRouterOptions } from './router.js';
