/** The part of deploy.json's schema for the watch after a deploy. */
import * as z from 'zod';
import { checkNames } from './check-schema.js';
import { baseline, limits, minimum } from './limit-schema.js';
import { duration, section } from './values.js';

export const DEFAULT_WATCH = '30s';
export const DEFAULT_UNHEALTHY = '5m';
export const DEFAULT_WINDOW = '3m';

const trigger = section({
  ...limits(),
  window: duration(1_000, { description: 'Of the past that is judged. Times are judged only once the window has passed.', default: DEFAULT_WINDOW, examples: ['10m'] }).optional(),
});

const error = 'must be a duration like "30s", or an object with "time"';
export const watchSchema = z.union([
  duration(0, { description: 'How long.' }),
  section({
    time: duration(0, { description: 'How long the new release is watched; 0s: not at all.', default: DEFAULT_WATCH, examples: ['15m'] }).optional(),
    unhealthy: duration(0, { description: 'How long instances may be unready. A shorter watch does not wait.', default: DEFAULT_UNHEALTHY, examples: ['30s'] }).optional(),
    triggers: z.array(trigger, { error: 'must be a list of objects with limits and a "window"' })
      .meta({ description: 'Limits that take the release back; default: those of the strategy, or 5% errors in 3 minutes, and in a watch of at least 10 minutes a p95 of 1.5x baseline or 2 s.', examples: [[{ errorRate: '< 5%', window: '3m' }]] }).optional(),
    checks: checkNames('Checks that are asked all the time.'),
    minimum: minimum(),
    baseline: baseline(),
    inconclusive: z.enum(['keep', 'rollback'], { error: 'must be "keep" or "rollback"' })
      .meta({ description: 'What is done when too little is known at the end of the watch: keep tells it and leaves the release where it is, rollback takes it back.', default: 'keep' }).optional(),
  }),
], { error }).meta({
  description: 'How long the new release is watched after the deploy, and rolled back by itself if it fails; 0s: not at all. Or an object that also says what is looked for.',
  default: DEFAULT_WATCH, examples: ['5m', { time: '15m', triggers: [{ errorRate: '< 5%', window: '3m' }], checks: ['orders'] }],
});

export type WatchConfig = z.output<typeof watchSchema>;
