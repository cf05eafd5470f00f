/** Asks checks again and again, each at its own pace, and tells what it finds and what changes. */
import { setMaxListeners } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import type { Check } from '../checks/check.js';
import { limiter, overall } from '../checks/run-checks.js';
import { hysteresis } from '../hysteresis.js';
import type { CheckResult, HealthStatus } from '../result.js';

export interface Sample {
  readonly check: Check;
  /** As it was found. */
  readonly result: CheckResult;
  /** As it counts: it takes `failures` and `recoveries` in a row until that changes. */
  readonly shown: CheckResult;
  /** When it was found, ms since 1970. */
  readonly time: number;
}

export interface Change {
  /** undefined: all of them together. */
  readonly check?: Check;
  /** undefined: nothing was known before. */
  readonly from?: HealthStatus;
  readonly to: HealthStatus;
  readonly reason?: string;
  readonly time: number;
}

export interface MonitorOptions {
  readonly chosen: readonly Check[];
  /** All of the file: what those that are chosen are made of is among them. */
  readonly all: readonly Check[];
  /** Ends it. */
  readonly signal: AbortSignal;
  readonly onSample: (sample: Sample) => void;
  readonly onChange: (change: Change) => void;
  /** Checks under way at a time; 64 by default. */
  readonly parallel?: number;
}

export interface Monitor {
  /** The last sample of each check that is chosen and has one, in their order. */
  samples(): readonly Sample[];
  /** Resolves when it was ended and no check is under way. Rejects with what `onSample` or `onChange` throw. */
  readonly ended: Promise<void>;
}

export function startMonitor({ chosen, all, signal, onSample, onChange, parallel = 64 }: MonitorOptions): Monitor {
  const last = new Map<string, Sample>();
  const first = new Map<string, Promise<CheckResult>>();
  const slot = limiter(parallel);
  let together: HealthStatus | undefined;
  // Each check listens to it.
  setMaxListeners(0, signal);

  const samples = (): readonly Sample[] => chosen.flatMap(({ name }) => last.get(name) ?? []);
  const judge = (time: number): void => {
    const known = samples();
    if (known.length < chosen.length) return;
    const to = overall(known.map(({ check, shown }) => ({ check, result: shown })));
    if (to === together) return;
    const from = together;
    together = to;
    onChange({ ...(from === undefined ? {} : { from }), to, time });
  };
  const take = (check: Check, result: CheckResult, shown: CheckResult): void => {
    const sample = { check, result, shown, time: Date.now() };
    const before = last.get(check.name);
    last.set(check.name, sample);
    onSample(sample);
    if (before?.shown.status !== shown.status) onChange({ check, ...(before === undefined ? {} : { from: before.shown.status }), to: shown.status, time: sample.time, ...(shown.reason === undefined ? {} : { reason: shown.reason }) });
    judge(sample.time);
  };
  const follow = async (check: Check): Promise<void> => {
    const steady = hysteresis<CheckResult>(check);
    const result = async (name: string): Promise<CheckResult> => last.get(name)?.shown ?? await first.get(name) ?? { status: 'unhealthy', ms: 0, reason: `there is no check ${name}` };
    const ask = (): Promise<CheckResult> => check.run({ signal, result });
    while (!signal.aborted) {
      const running = check.uses.length > 0 ? ask() : slot(ask);
      if (!first.has(check.name)) first.set(check.name, running);
      const found = await running;
      // What was cut short says nothing.
      if (isAborted(signal)) return;
      take(check, found, steady(found));
      await wait(check.intervalMs, undefined, { signal }).catch(() => undefined);
    }
  };
  return { samples, ended: Promise.all(withParts(chosen, all).map(follow)).then(() => undefined) };
}

/** A function, or the compiler takes it for what it was before. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

/** Those that are chosen, and what they are made of. What others need begins before them. */
function withParts(chosen: readonly Check[], all: readonly Check[]): readonly Check[] {
  const found = new Map<string, Check>();
  const add = (check: Check): void => {
    if (found.has(check.name)) return;
    check.uses.forEach((name) => { const part = all.find((each) => each.name === name); if (part !== undefined) add(part); });
    found.set(check.name, check);
  };
  chosen.forEach(add);
  return [...found.values()];
}
