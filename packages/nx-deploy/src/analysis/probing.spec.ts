import type { Probe } from '../model/index.js';
import { Probing, type Answer } from './probing.js';

const probe: Probe = { name: 'orders', target: { type: 'tcp', host: 'a', port: 1 }, interval: 1_000, timeout: 500, failures: 3, errors: 2 };
const bad: Answer = { kind: 'bad', reason: 'HTTP 503' };
const error: Answer = { kind: 'error', reason: 'ECONNREFUSED' };
const unknown: Answer = { kind: 'unknown', reason: 'no data' };
const good: Answer = { kind: 'good' };

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

/** What is known after each answer, one a second; a function answers as it likes. */
async function after(answers: readonly (Answer | ((signal: AbortSignal) => Promise<Answer>))[]): Promise<{ readonly verdict: string; readonly lines: readonly string[] }> {
  const left = [...answers];
  const probing = new Probing([{ probe, asker: { ask: async (signal) => {
    const next = left.shift() ?? good;
    return typeof next === 'function' ? next(signal) : next;
  } } }]);
  await jest.advanceTimersByTimeAsync((answers.length - 1) * 1_000 + 500);
  const judgement = probing.judge();
  probing.stop();
  expect(jest.getTimerCount()).toBe(0);
  return judgement;
}

test.each<[string, readonly Answer[], string, string[]]>([
  ['good', [good], 'pass', []],
  ['bad once', [good, bad], 'inconclusive', ['orders: HTTP 503']],
  ['bad twice, then good', [bad, bad, good], 'pass', []],
  ['bad three times', [good, bad, bad, bad], 'fail', ['orders: HTTP 503 (3 bad answers since the last good one)']],
  ['bad three times with others in between', [bad, error, bad, unknown, bad, error], 'fail', ['orders: HTTP 503 (3 bad answers since the last good one)']],
  ['could not be asked', [good, error], 'inconclusive', ['orders: ECONNREFUSED']],
  ['could not be asked for long: never a pass', [good, good, error, error, error], 'inconclusive', ['orders: ECONNREFUSED (could not be asked 3 times in a row)']],
  ['no data, and that all the time', [unknown, unknown, unknown, unknown, unknown, unknown], 'inconclusive', ['orders: no data']],
  ['could be asked again', [error, error, error, good], 'pass', []],
])('%s', async (_what, answers, verdict, lines) => expect(await after(answers)).toEqual({ verdict, lines }));

test('nothing is known before the first answer, and nothing passes', () => {
  const probing = new Probing([{ probe, asker: { ask: () => new Promise(() => undefined) } }]);
  expect(probing.judge()).toEqual({ verdict: 'inconclusive', lines: ['orders: not asked yet'] });
  probing.stop();
});

test('without questions there is nothing to fail', () => expect(new Probing([]).judge()).toEqual({ verdict: 'pass', lines: [] }));

test('one who never answers is left alone, and told to end', async () => {
  let told = false;
  const probing = new Probing([{ probe, asker: { ask: (signal) => new Promise(() => { signal.addEventListener('abort', () => { told = true; }); }) } }]);
  await jest.advanceTimersByTimeAsync(1_499);
  expect(told).toBe(false);
  await jest.advanceTimersByTimeAsync(1);
  expect(told).toBe(true);
  expect(probing.judge()).toEqual({ verdict: 'inconclusive', lines: ['orders: no answer within 500ms'] });
  await jest.advanceTimersByTimeAsync(3_000);
  expect(probing.judge().lines[0]).toMatch(/could not be asked/);
  probing.stop();
});

test('one who throws could not be asked', async () => {
  expect(await after([() => Promise.reject(new Error('what?'))])).toEqual({ verdict: 'inconclusive', lines: ['orders: what?'] });
});

test('a stop ends what is asked just then, and asks nothing more', async () => {
  let asked = 0;
  let ended = false;
  const probing = new Probing([{ probe, asker: { ask: (signal) => {
    asked += 1;
    signal.addEventListener('abort', () => { ended = true; });
    return new Promise(() => undefined);
  } } }]);
  await jest.advanceTimersByTimeAsync(10);
  probing.stop();
  await jest.advanceTimersByTimeAsync(60_000);
  expect({ asked, ended }).toEqual({ asked: 1, ended: true });
});

test('answers that take longer than the interval do not pile up', async () => {
  let [running, most] = [0, 0];
  const probing = new Probing([{ probe: { ...probe, interval: 100, timeout: 1_000 }, asker: { ask: async () => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => { setTimeout(resolve, 700); });
    running -= 1;
    return good;
  } } }]);
  await jest.advanceTimersByTimeAsync(10_000);
  expect(most).toBe(1);
  probing.stop();
});
