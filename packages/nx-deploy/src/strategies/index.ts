import type { StrategyName } from '../model/index.js';
import { blueGreen } from './blue-green.js';
import { canary } from './canary.js';
import { recreate } from './recreate.js';
import { rolling } from './rolling.js';

export { blueGreen, canary, recreate, rolling };
export type { BlueGreenWalk } from './blue-green.js';
export type { CanaryWalk } from './canary.js';
export type { RollingOptions } from './rolling.js';
export { isWarm, releasesIn, sameReleases, type Strategy } from './strategy.js';

/** Every strategy that exists. A name that is missing here is refused by the plan. */
export const STRATEGIES = { recreate, rolling, 'blue-green': blueGreen, canary } as const satisfies Record<StrategyName, unknown>;
