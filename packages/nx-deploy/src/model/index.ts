export * from './events.js';
export * from './fleet.js';
export * from './log.js';
export * from './metrics.js';
export * from './release.js';
export * from './shares.js';
export * from './step.js';
export * from './time.js';
