export * from './events.js';
export * from './fleet.js';
export * from './metrics.js';
export * from './release.js';
export * from './step.js';
export * from './time.js';
