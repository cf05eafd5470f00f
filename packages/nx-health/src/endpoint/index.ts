export type { Component, ComponentState, Observation } from './component.js';
export { createHealth, type Health, type HealthOptions, type HealthReport, type ServiceFacts } from './health.js';
export { createEndpoint, type Endpoint, type EndpointOptions, type EndpointPaths } from './endpoint.js';
export { collectHealth, type PromClient } from './metrics.js';
export { healthHook, healthMiddleware, type FastifyLike } from './adapters.js';
export { shutDown, type ShutdownOptions } from './shutdown.js';
