import type { StrategyName } from '../model/index.js';
import { recreate } from './recreate.js';
import { rolling } from './rolling.js';

export { recreate, rolling };
export type { RollingOptions } from './rolling.js';
export { releasesIn, sameReleases, type Strategy } from './strategy.js';

/** Every strategy that exists. A name that is missing here is refused by the plan. */
export const STRATEGIES = { recreate, rolling } as const satisfies Partial<Record<StrategyName, unknown>>;
