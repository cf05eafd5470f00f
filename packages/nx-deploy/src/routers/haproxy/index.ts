export { HaproxyRouter, type RunningRoute } from './router.js';
export { haproxyCommand } from './scripts.js';
export type { HaproxyListen, HaproxyRoute } from './route.js';
export { startFailure, type Ran, type RouterPlace } from './place.js';
