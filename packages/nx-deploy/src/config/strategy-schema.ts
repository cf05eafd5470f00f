/** The part of deploy.json's schema that says how a new release takes over. */
import * as z from 'zod';
import { checkNames } from './check-schema.js';
import { baseline, limits, minimum } from './limit-schema.js';
import { duration, PATH_PATTERN, PATH_RULE, section, text, whole } from './values.js';

export const AVAILABLE_STRATEGIES = ['rolling', 'recreate', 'blue-green', 'canary'] as const;

export const STRATEGY_PROBLEM = 'must be "rolling", "recreate", "blue-green" or "canary"';

/** What a canary does unless it is told otherwise. */
export const DEFAULT_STEPS: { weight: number; soak: string }[] = [{ weight: 5, soak: '10m' }, { weight: 25, soak: '20m' }, { weight: 50, soak: '30m' }];
export const DEFAULT_STEP_SOAK = '10m';
export const DEFAULT_ERROR_RATE = ['< 1% over stable', '< 5%'];
export const DEFAULT_KEEP_WARM = '24h';
export const DEFAULT_EXPIRES = '24h';

const checkError = 'must be a path like "/health", or an object with "path" and "status"';
const checkPath = (described: { description: string; examples?: string[] }) => text(PATH_PATTERN, PATH_RULE, described);
const check = z.union([
  checkPath({ description: 'Path that must answer 200.' }),
  section({
    path: checkPath({ description: 'Path that is asked for.', examples: ['/login'] }),
    status: whole(100, 599, { description: 'Status that it must answer with; redirects are not followed.', default: 200, examples: [204] }).optional(),
  }),
], { error: checkError });

const QUESTION = '^[^\\u0000-\\u001f\\u007f]{1,200}$';
const question = text(QUESTION, 'a line of 1 to 200 characters', { description: 'What the person is asked.', examples: ['numbers fine?'] });
const approve = z.union([
  z.literal(true),
  question,
  section({
    text: question,
    expires: duration(1_000, { description: 'Unanswered for so long it counts as refused.', default: DEFAULT_EXPIRES }).optional(),
  }),
], { error: 'must be true, the text of a question, or an object with "text" and "expires"' })
  .meta({ description: 'Stops and asks a person, after the checks before it have passed: true, the text of the question, or an object.', examples: [true, 'numbers fine?', { text: 'numbers fine?', expires: '4h' }] });

const analyse = z.union([
  z.literal(false),
  section({
    ...limits(),
    checks: checkNames('Checks that are asked all the time.'),
    minimum: minimum(),
    baseline: baseline(),
    inconclusive: z.enum(['stop', 'ask'], { error: 'must be "stop" or "ask"' })
      .meta({ description: 'What is done when a soak, and as long again, says nothing: stop takes the change back, ask asks a person.', default: 'stop' }).optional(),
  }),
], { error: 'must be an object with limits, or false' })
  .meta({ description: 'Limits that the new release must keep while it soaks, by what the router counts; false: none. blue-green has none of stable: in its soak no other release has traffic.', examples: [{ errorRate: '< 5%', latencyP95: '< 1.5x stable' }, false] });

/** What blue-green and canary share. */
const sideBySide = {
  smoke: z.array(check, { error: 'must be a list of paths' })
    .meta({ description: 'Asked of the new release before it has traffic; default: the health path, which must answer 200. An empty list: none.', examples: [['/health', { path: '/old', status: 301 }]] }).optional(),
  soak: duration(0, { description: 'How long the new release is watched with all of the traffic before the change is final.', default: '0s', examples: ['5m'] }).optional(),
  analyse: analyse.optional(),
  keepWarm: duration(0, { description: 'How long the release that was replaced is kept running without traffic, for an instant rollback; 0s: not at all.', default: DEFAULT_KEEP_WARM }).optional(),
};

const canaryStep = section({
  weight: whole(1, 99, { description: 'Percent of the traffic for the new release.', examples: [10] }),
  soak: duration(0, { description: 'How long the new release is watched with this share.', default: DEFAULT_STEP_SOAK }).optional(),
  approve: approve.optional(),
});

const steps = z.array(canaryStep, { error: 'must be a list of steps, each with a "weight"' })
  .min(1, { error: 'must have at least one step; blue-green is the strategy without steps' })
  .superRefine((list, context) => {
    for (const [index, { weight }] of list.entries()) {
      const before = list[index - 1]?.weight;
      if (before !== undefined && weight <= before) context.addIssue({ code: 'custom', path: [index, 'weight'], message: `must be more than ${before}, the weight of the step before` });
    }
  })
  .meta({ description: 'Shares of the traffic on the way, each greater than the one before; all of it is the step after the last.', default: DEFAULT_STEPS });

const headerError = 'must be the name of a request header of your own, for example "x-canary"';
/** Header names that mean something else. */
const TAKEN = ['host', 'cookie', 'connection', 'content-length', 'transfer-encoding', 'upgrade', 'te', 'trailer', 'expect'];
const header = z.string({ error: headerError })
  .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/, { error: headerError, abort: true })
  .refine((name) => !TAKEN.includes(name.toLowerCase()), { error: headerError })
  .meta({ description: 'Name of a request header by which testers choose: always, never, or the id of a release.', examples: ['x-canary'] });

export const strategySchema = z.union([
  z.enum(AVAILABLE_STRATEGIES),
  z.discriminatedUnion('type', [
    section({
      type: z.literal('rolling').meta({ description: 'Replaces the instances batch by batch; the new ones are ready before the old ones stop.' }),
      batch: whole(1, 100, { description: 'Percent of the instances that are replaced at a time; at least one instance.', default: 25 }).optional(),
    }),
    section({ type: z.literal('recreate').meta({ description: 'Stops the old instances, then starts the new ones: with an interruption.' }) }),
    section({
      type: z.literal('blue-green').meta({ description: 'Starts all new instances beside the old ones, then switches all of the traffic at once.' }),
      ...sideBySide,
      approve: approve.optional(),
    }),
    section({
      type: z.literal('canary').meta({ description: 'Gives the new release a growing share of the traffic and watches it.' }),
      ...sideBySide,
      steps: steps.optional(),
      sticky: z.boolean({ error: 'must be true or false' }).meta({ description: 'A user stays on the side that the first request met, by a cookie.', default: false }).optional(),
      header: header.optional(),
    }),
  ], { error: STRATEGY_PROBLEM }),
], { error: STRATEGY_PROBLEM }).meta({
  description: 'How the new release takes over.', default: 'rolling',
  examples: ['rolling', 'recreate', 'blue-green', 'canary', { type: 'rolling', batch: 50 }, { type: 'blue-green', approve: true, soak: '5m' }, { type: 'canary', steps: [{ weight: 10, soak: '15m' }, { weight: 50, soak: '15m' }] }],
});

export type StrategyConfig = z.output<typeof strategySchema>;
