import { setTimeout as wait } from 'node:timers/promises';
import type { Component, Observation } from './component.js';
import { createRunner } from './runner.js';

/** A check that answers when it is told to. */
function held(): { readonly check: Component['check']; answer(observation?: Observation): void; readonly calls: () => number; readonly aborted: () => number } {
  const waiting: ((observation: Observation | undefined) => void)[] = [];
  let calls = 0;
  let aborted = 0;
  return {
    check: (signal) => new Promise((resolve) => {
      calls += 1;
      signal.addEventListener('abort', () => { aborted += 1; });
      waiting.push(resolve);
    }),
    answer: (observation) => waiting.splice(0).forEach((resolve) => resolve(observation)),
    calls: () => calls,
    aborted: () => aborted,
  };
}

test('those who ask at once share one check, and its result is good for a while', async () => {
  const { check, answer, calls } = held();
  const runner = createRunner('db', { check, cacheMs: 150 });
  const asked = Array.from({ length: 1_000 }, () => runner.state());
  answer({ observed: 3, unit: 'ms' });
  const states = await Promise.all(asked);
  expect(new Set(states).size).toBe(1);
  expect(states[0]).toMatchObject({ status: 'healthy', critical: true, observed: 3, unit: 'ms' });
  expect(await runner.state()).toBe(states[0]);
  expect(calls()).toBe(1);
  await wait(200);
  const again = runner.state();
  answer();
  expect(await again).not.toBe(states[0]);
  expect(calls()).toBe(2);
});

test('a check that hangs is told of in its time, is cancelled, and gets no second one behind it until it returns', async () => {
  const { check, answer, calls, aborted } = held();
  const runner = createRunner('db', { check, cacheMs: 0, timeoutMs: 50 });
  const first = await runner.state();
  expect(first).toMatchObject({ status: 'unhealthy', reason: 'no result within 50 ms' });
  expect(first.ms).toBeGreaterThanOrEqual(45);
  expect(aborted()).toBe(1);
  for (let index = 0; index < 100; index += 1) expect((await runner.state()).reason).toBe('an earlier check has not returned for 0 s');
  expect(calls()).toBe(1);
  answer();
  await wait(0);
  const next = runner.state();
  answer();
  expect((await next).status).toBe('healthy');
  expect(calls()).toBe(2);
});

test('what is thrown is a reason without credentials, on one line', async () => {
  const reason = async (error: unknown): Promise<string | undefined> => (await createRunner('db', { check: () => { throw error; } }).state()).reason;
  expect(await reason(new Error('connect to postgres://shop:hunter2@db:5432/shop failed'))).toBe('connect to postgres://***@db:5432/shop failed');
  expect(await reason(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }))).toBe('refused (ECONNREFUSED)');
  expect(await reason('password = "p w"; token: abc, Bearer abc.def')).toBe('password = ***; token: ***, Bearer ***');
  expect(await reason(new Error(`${'x'.repeat(170)} postgres://shop:hunter2-hunter2-hunter2@db`))).not.toContain('hunter');
  expect(await reason(`a\nb ${'x'.repeat(10_000)}`)).toMatch(/^a b x+\.\.\.$/);
  expect((await createRunner('db', { check: () => Promise.resolve({ status: 'degraded', reason: 'api_key=123', observed: 'redis://u:p@h' }) }).state())).toMatchObject({ status: 'degraded', reason: 'api_key=***', observed: 'redis://***@h' });
});

test('a component changes sides only after so many results in a row', async () => {
  let up = true;
  const runner = createRunner('queue', { check: () => { if (!up) throw new Error('gone'); return undefined; }, cacheMs: 0, failures: 3, recoveries: 2 });
  const next = async (state: boolean): Promise<string> => {
    up = state;
    const { status, reason } = await runner.state();
    return reason === undefined ? status : `${status}: ${reason}`;
  };
  const seen: string[] = [];
  for (const state of [true, false, false, true, false, false, false, true, false, true, true, true]) seen.push(await next(state));
  expect(seen).toEqual([
    'healthy', 'healthy: failed 1 of 3 times: gone', 'healthy: failed 2 of 3 times: gone', 'healthy', 'healthy: failed 1 of 3 times: gone', 'healthy: failed 2 of 3 times: gone', 'unhealthy: gone',
    'unhealthy: passed 1 of 2 times', 'unhealthy: gone', 'unhealthy: passed 1 of 2 times', 'healthy', 'healthy',
  ]);
});

test.each([
  [{ timeoutMs: 0 }, 'timeoutMs'], [{ timeoutMs: Number.NaN }, 'timeoutMs'], [{ cacheMs: -1 }, 'cacheMs'], [{ failures: 0 }, 'failures'], [{ recoveries: 1.5 }, 'recoveries'], [{ timeoutMs: 2 ** 31 }, 'timeoutMs'],
])('%j can never work', (options, key) => {
  expect(() => createRunner('db', { check: () => undefined, ...options })).toThrow(new RegExp(`^component "db": ${key} must be`));
});
