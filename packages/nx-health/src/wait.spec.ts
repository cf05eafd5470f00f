import type { CheckResult } from './result.js';
import { waitUntilHealthy, type WaitOptions } from './wait.js';

const healthy: CheckResult = { status: 'healthy', ms: 1 };
const degraded: CheckResult = { status: 'degraded', ms: 1, reason: 'HTTP 206' };
const bad: CheckResult = { status: 'unhealthy', ms: 1, reason: 'HTTP 503' };

function sequence(results: readonly CheckResult[]): () => Promise<CheckResult> {
  let next = 0;
  return () => Promise.resolve(results[Math.min(next++, results.length - 1)] ?? bad);
}

const wait = (options: Partial<WaitOptions> & Pick<WaitOptions, 'check'>): ReturnType<typeof waitUntilHealthy> =>
  waitUntilHealthy({ intervalMs: 1, timeoutMs: 5_000, passes: 2, ...options });

describe('waitUntilHealthy', () => {
  it('wants the passes in a row', async () => {
    const seen: [string, number][] = [];
    const result = await wait({
      check: sequence([bad, healthy, bad, healthy, healthy, bad]),
      onResult: (one, passed) => seen.push([one.status, passed]),
    });
    expect(result).toMatchObject({ outcome: 'healthy', attempts: 5, last: healthy });
    expect(result).not.toHaveProperty('reason');
    expect(seen.map(([, passed]) => passed)).toEqual([0, 1, 0, 1, 2]);
  });

  it('counts degraded as a pass', async () => {
    expect(await wait({ check: sequence([degraded, healthy]) })).toMatchObject({ outcome: 'healthy', attempts: 2 });
  });

  it('ends at its time with the last reason', async () => {
    const result = await wait({ check: sequence([{ ...bad, reason: 'first' }, { ...bad, reason: 'later' }]), timeoutMs: 120, intervalMs: 10 });
    expect(result).toMatchObject({ outcome: 'timeout', reason: 'later' });
    expect(result.attempts).toBeGreaterThan(2);
    expect(result.ms).toBeGreaterThanOrEqual(115);
    expect(result.ms).toBeLessThan(2_000);
  });

  it('tells of too few passes', async () => {
    expect(await wait({ check: sequence([bad, healthy]), passes: 1_000, timeoutMs: 500, intervalMs: 10 })).toMatchObject({ outcome: 'timeout', reason: expect.stringMatching(/^\d+ of 1000 passes in a row$/) as string });
  });

  it('bounds a check that never returns', async () => {
    const signals: AbortSignal[] = [];
    const result = await wait({ check: (signal) => { signals.push(signal); return new Promise(() => undefined); }, timeoutMs: 600, checkTimeoutMs: 50 });
    expect(result).toMatchObject({ outcome: 'timeout' });
    expect(result.reason).toMatch(/^the check did not end within \d+ ms$/);
    expect(result.attempts).toBeGreaterThan(1);
    expect(signals.every((signal) => signal.aborted)).toBe(true);
    const whole = await wait({ check: () => new Promise(() => undefined), timeoutMs: 80 });
    expect(whole).toMatchObject({ outcome: 'timeout', attempts: 1 });
    expect(whole.ms).toBeLessThan(2_000);
    expect(whole.reason).toMatch(/^the check did not end within \d+ ms$/);
    expect(whole).not.toHaveProperty('last');
  });

  it('keeps the reason that the checks found when the last one is cut by the end', async () => {
    const first = sequence([bad]);
    let checks = 0;
    const result = await wait({ check: () => { checks += 1; return checks === 1 ? first() : new Promise(() => undefined); }, timeoutMs: 400 });
    expect(result).toMatchObject({ outcome: 'timeout', attempts: 2, reason: 'HTTP 503', last: bad });
  });

  it('takes a check that throws as unhealthy', async () => {
    const failing = (): never => { throw new Error('no\nluck'); };
    expect(await wait({ check: failing, timeoutMs: 30 })).toMatchObject({ outcome: 'timeout', reason: 'no luck' });
    expect(await wait({ check: () => Promise.reject(new Error('')), timeoutMs: 30 })).toMatchObject({ reason: 'Error' });
    const text: unknown = 'plain text';
    expect(await wait({ check: () => Promise.resolve().then(() => { throw text; }), timeoutMs: 30 })).toMatchObject({ reason: 'plain text' });
  });

  it('is cancelled before, during a check, and in a pause', async () => {
    expect(await wait({ check: sequence([bad]), signal: AbortSignal.abort() })).toMatchObject({ outcome: 'cancelled', attempts: 0 });
    const during = new AbortController();
    setTimeout(() => { during.abort(); }, 30);
    expect(await wait({ check: () => new Promise(() => undefined), signal: during.signal })).toMatchObject({ outcome: 'cancelled', attempts: 1 });
    const pause = new AbortController();
    setTimeout(() => { pause.abort(); }, 30);
    const result = await wait({ check: sequence([bad]), signal: pause.signal, intervalMs: 60_000, timeoutMs: 100_000 });
    expect(result).toMatchObject({ outcome: 'cancelled', attempts: 1, reason: 'HTTP 503' });
    expect(result.ms).toBeLessThan(2_000);
    const synchronous = new AbortController();
    expect(await wait({ check: sequence([bad]), signal: synchronous.signal, onResult: () => { synchronous.abort(); } })).toMatchObject({ outcome: 'cancelled', attempts: 1 });
  });

  it('leaves no listener on a signal that outlives it', async () => {
    const controller = new AbortController();
    let listeners = 0;
    const { signal } = controller;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => { listeners += 1; add(...args); };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => { listeners -= 1; remove(...args); };
    await wait({ check: sequence([bad, bad, healthy]), signal });
    expect(listeners).toBe(0);
  });

  it.each([{ passes: 0 }, { passes: 1.5 }, { timeoutMs: 0 }, { timeoutMs: Number.NaN }, { intervalMs: -1 }, { checkTimeoutMs: 0 }, { timeoutMs: 2 ** 31 }])('rejects %j', async (options) => {
    await expect(wait({ check: sequence([healthy]), ...options })).rejects.toThrow(RangeError);
  });

  it('passes on what onResult throws', async () => {
    await expect(wait({ check: sequence([healthy]), onResult: () => { throw new Error('stop'); } })).rejects.toThrow('stop');
  });
});

it('waits longer after each failure in a row, up to a limit, and as long as at first once it passes', async () => {
  const times: number[] = [];
  const results = [bad, bad, bad, bad, bad, healthy, bad, healthy, healthy];
  await wait({ check: () => { times.push(performance.now()); return Promise.resolve(results[times.length - 1] ?? healthy); }, intervalMs: 20, backoff: 2, longestIntervalMs: 60 });
  const pauses = times.slice(1).map((time, index) => time - (times[index] ?? 0));
  expect(pauses.map((pause, index) => pause >= ([20, 40, 60, 60, 60, 20, 20, 20][index] ?? 0) - 2)).toEqual(pauses.map(() => true));
  expect(pauses.slice(5).every((pause) => pause < 60)).toBe(true);
  await expect(wait({ check: sequence([healthy]), backoff: 0.5 })).rejects.toThrow('backoff must be at least 1');
  await expect(wait({ check: sequence([healthy]), longestIntervalMs: -1 })).rejects.toThrow(RangeError);
});
