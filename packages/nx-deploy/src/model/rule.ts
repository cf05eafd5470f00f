import { formatDuration } from './time.js';

/** A limit on the router's own numbers, for example `errorRate < 0.05`, `latencyP95 < 1.5 x stable` or `errorRate < 0.01 over stable`. */
export interface Rule {
  readonly metric: 'errorRate' | 'latencyP50' | 'latencyP95' | 'latencyP99';
  readonly below: number;
  /**
   * `absolute`: a ratio or ms. `stable`: compared with the stable release's figure in the same window. `baseline`: with the figure of the release that ran before,
   * from before the change began.
   */
  readonly of: 'absolute' | 'stable' | 'baseline';
  /** `below` is added to the other figure (a ratio or ms), rather than multiplied with it. */
  readonly over?: true;
}

/** How a release is judged by what the router counts. */
export interface RuleSet {
  readonly rules: readonly Rule[];
  /** Fewer requests than this say nothing about a release: inconclusive, which never passes. */
  readonly minimum: number;
}

/** The limit as deploy.json has it, without its metric: `5%`, `1.5x stable`, `50ms over baseline`. */
export function limitText({ metric, below, of, over }: Rule): string {
  if (of !== 'absolute' && over !== true) return `${below}x ${of}`;
  const limit = metric === 'errorRate' ? percent(below) : formatDuration(below);
  return of === 'absolute' ? limit : `${limit} over ${of}`;
}

/** Of a ratio, with two digits at most behind the point. */
export function percent(ratio: number): string {
  return `${Number((ratio * 100).toFixed(2))}%`;
}

/** What has to be known of the time before the change. */
export function needsBaseline(rules: readonly Rule[]): boolean {
  return rules.some(({ of }) => of === 'baseline');
}
