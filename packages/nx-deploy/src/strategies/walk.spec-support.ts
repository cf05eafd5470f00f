/** Fleets and walks in a short form, for the specs of the strategies that run two releases side by side. */
import type { Desired, Gate, Scale, Step } from '../model/index.js';

/** `[web instances, weight]`, then other processes, and a time for one that is kept warm. */
export type Short = Readonly<Record<string, readonly [web: number, weight: number, rest?: { readonly until?: string; readonly [process: string]: number | string }]>>;

export function fleet(releases: Short): Desired {
  return Object.fromEntries(Object.entries(releases).map(([id, [web, weight, { until, ...others } = {}]]) => {
    const processes = Object.entries(others).map(([name, count]): [string, Scale] => [name, { fixed: Number(count) }]);
    return [id, { processes: { web: { fixed: web }, ...Object.fromEntries(processes) }, weight, ...(until === undefined ? {} : { until }) }];
  }));
}

export function step(releases: Short, then: readonly Gate[] = [], commit = false): Step {
  return { reach: fleet(releases), ...(then.length === 0 ? {} : { then }), ...(commit ? { commit: true } : {}) };
}

export const SMOKE = [{ path: '/health', status: 200 }] as const;
export const ANALYSE = { rules: [{ metric: 'errorRate', below: 0.01, of: 'absolute' }], minimum: 20, inconclusive: 'stop' } as const;
export const APPROVE = { text: 'fine?', expires: 60_000 } as const;
export const ASKED: Gate = { approve: 'fine?', expires: 60_000 };
