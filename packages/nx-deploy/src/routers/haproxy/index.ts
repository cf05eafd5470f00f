export { HaproxyRouter } from './router.js';
export type { RunningRoute } from './running.js';
export { haproxyCommand } from './scripts.js';
export type { HaproxyListen, HaproxyRoute } from './route.js';
export { startFailure, type Ran, type RouterPlace } from './place.js';
