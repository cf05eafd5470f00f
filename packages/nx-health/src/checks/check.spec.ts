import { setTimeout as wait } from 'node:timers/promises';
import type { Finding } from '../result.js';
import { toCheck } from './check.js';
import type { Ask } from './kind.js';

const result = (): Promise<never> => Promise.reject(new Error('asks for none'));
const check = (ask: Ask, more: object = {}) => toCheck('it', 'fake', { target: 'x', uses: [], ask, timeoutMs: 50, intervalMs: 1, retries: 0, retryDelayMs: 1, failures: 1, recoveries: 1, severity: 'critical', tags: [], ...more }, { folder: '/' });

it('starts no other attempt behind one that does not return, and goes on when it has', async () => {
  let calls = 0;
  let answer: (finding: Finding) => void = () => undefined;
  const one = check(() => { calls += 1; return new Promise((resolve) => { answer = resolve; }); });
  expect((await one.run({ result })).reason).toBe('no result within 50 ms');
  for (let round = 0; round < 3; round += 1) expect((await one.run({ result })).reason).toMatch(/^an earlier attempt has not returned for \d s$/);
  expect(calls).toBe(1);
  answer({ status: 'healthy' });
  await wait(0);
  const next = one.run({ result });
  await wait(10);
  answer({ status: 'healthy' });
  expect([(await next).status, calls]).toEqual(['healthy', 2]);
});

it('may be run twice at once', async () => {
  const one = check(async () => { await wait(20); return { status: 'healthy' }; });
  expect((await Promise.all([one.run({ result }), one.run({ result })])).map(({ status }) => status)).toEqual(['healthy', 'healthy']);
});

it('stops to try again when it is cancelled in a pause', async () => {
  let calls = 0;
  const controller = new AbortController();
  const one = check(() => { calls += 1; return Promise.reject(new Error('gone')); }, { retries: 10, retryDelayMs: 60_000 });
  setTimeout(() => { controller.abort(); }, 30);
  expect((await one.run({ result, signal: controller.signal })).reason).toBe('the check was cancelled');
  expect(calls).toBe(1);
});

it('takes what is thrown at once, or is no error, for a reason', async () => {
  expect((await check(() => { throw new Error('at once'); }).run({ result })).reason).toBe('at once');
  expect((await check(() => Promise.reject('text\n\u001b[31m')).run({ result })).reason).toBe('text ?[31m');
});

it.each([
  ['p\u00e4\u00df"w\u00f6rd', (secret: string) => `it said ${secret}`], ['p\u00e4\u00df"w\u00f6rd', (secret: string) => `it said ${JSON.stringify(secret)}`], ['p\u00e4\u00df"w\u00f6rd', (secret: string) => `it said ${JSON.stringify(JSON.stringify(secret))}`],
  ['first line\n  second', (secret: string) => `it said ${secret}`], ['postgres://u:p%22\u00e4ss@h/', () => 'it said "p\\"\u00e4ss"'],
])('blots %j out as it stands in a reason', async (secret, text) => {
  const one = toCheck('it', 'fake', { target: 'x', uses: [], ask: () => Promise.reject(new Error(text(secret))), timeoutMs: 1_000, intervalMs: 1, retries: 0, retryDelayMs: 1, failures: 1, recoveries: 1, severity: 'critical', tags: [] }, { folder: '/', secrets: [secret] });
  expect((await one.run({ result })).reason).toMatch(/^it said (?:\\?"|\\\\")*\*\*\*(?:\\?"|\\\\")*$/);
});
