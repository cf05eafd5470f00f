/** Asks one component: never twice at once, never longer than its time, and not more often than its results are good for. */
import { performance } from 'node:perf_hooks';
import { LONGEST_MS } from '../duration.js';
import { describeError, WORKING_LENGTH } from '../result.js';
import type { Component, ComponentState, Observation } from './component.js';
import { redacted } from '../redact.js';
import { hysteresis } from '../hysteresis.js';

export interface Runner {
  readonly name: string;
  readonly component: Component;
  /** A result that is young enough, or that of a check that begins now. Never rejects. */
  state(): Promise<ComponentState>;
  /** The same without waiting, where there is one. */
  known(): ComponentState | undefined;
  stop(): void;
}

interface Settings {
  readonly timeoutMs: number;
  readonly cacheMs: number;
  readonly failures: number;
  readonly recoveries: number;
}

type Found = Pick<ComponentState, 'status' | 'reason' | 'observed' | 'unit'>;

/** @throws RangeError for numbers that can never work */
export function createRunner(name: string, component: Component): Runner {
  const settings = settingsOf(name, component);
  const critical = component.critical ?? true;
  const stopped = new AbortController();
  let last: ComponentState | undefined;
  let until = Number.NEGATIVE_INFINITY;
  let inFlight: Promise<ComponentState> | undefined;
  /** A check whose time was up and that has not returned: a second one would pile up behind it. */
  let hanging: { readonly since: number } | undefined;
  const steady = hysteresis<Found>(settings);

  const run = async (): Promise<ComponentState> => {
    const began = performance.now();
    const found = hanging === undefined ? await once() : hangs(began - hanging.since);
    last = { ...steady(found), critical, ms: Math.round(performance.now() - began), time: Date.now() };
    until = performance.now() + settings.cacheMs;
    return last;
  };

  const once = async (): Promise<Found> => {
    const ends = new AbortController();
    const stop = (): void => ends.abort();
    stopped.signal.addEventListener('abort', stop, { once: true });
    let timer: NodeJS.Timeout | undefined;
    const mine = { since: performance.now() };
    const outcome = observe(component, ends.signal);
    const late = new Promise<Found>((resolve) => {
      timer = setTimeout(() => {
        hanging = mine;
        ends.abort();
        resolve({ status: 'unhealthy', reason: `no result within ${settings.timeoutMs} ms` });
      }, settings.timeoutMs);
    });
    void outcome.then(() => {
      if (hanging === mine) hanging = undefined;
    });
    try {
      return await Promise.race([outcome, late]);
    } finally {
      clearTimeout(timer);
      stopped.signal.removeEventListener('abort', stop);
    }
  };

  return {
    name, component,
    state: () => {
      if (last !== undefined && performance.now() < until) return Promise.resolve(last);
      inFlight ??= run().finally(() => { inFlight = undefined; });
      return inFlight;
    },
    known: () => (performance.now() < until ? last : undefined),
    stop: () => stopped.abort(),
  };
}

function hangs(ms: number): Found {
  return { status: 'unhealthy', reason: `an earlier check has not returned for ${Math.round(ms / 1_000)} s` };
}

/** What the check says, whatever it does; what it throws is a reason. */
async function observe({ check }: Component, signal: AbortSignal): Promise<Found> {
  let observation: Observation | undefined;
  try {
    observation = await check(signal);
  } catch (error) {
    return { status: 'unhealthy', reason: redacted(describeError(error, WORKING_LENGTH)) };
  }
  const { status = 'healthy', reason, observed, unit } = observation ?? {};
  return {
    status,
    ...(reason === undefined || status === 'healthy' ? {} : { reason: redacted(reason) }),
    ...(observed === undefined ? {} : { observed: typeof observed === 'string' ? redacted(observed) : observed }),
    ...(unit === undefined ? {} : { unit }),
  };
}

function settingsOf(name: string, component: Component): Settings {
  const { timeoutMs = 5_000, cacheMs = 1_000, failures = 1, recoveries = 1 } = component;
  const wrong = (what: string): never => { throw new RangeError(`component ${JSON.stringify(name)}: ${what}`); };
  if (!(timeoutMs > 0 && timeoutMs <= LONGEST_MS)) wrong(`timeoutMs must be above 0 and at most ${LONGEST_MS}, got ${timeoutMs}`);
  if (!(cacheMs >= 0 && cacheMs <= LONGEST_MS)) wrong(`cacheMs must be from 0 to ${LONGEST_MS}, got ${cacheMs}`);
  for (const [key, value] of Object.entries({ failures, recoveries })) if (!Number.isSafeInteger(value) || value < 1) wrong(`${key} must be a whole number from 1, got ${value}`);
  return { timeoutMs, cacheMs, failures, recoveries };
}
