/** What every kind of check must hold. A kind is done when it passes. */
import { setTimeout as wait } from 'node:timers/promises';
import type { CheckResult } from '../../result.js';
import { toCheck, type Check, type RunOptions } from '../check.js';
import type { CheckKind } from '../kind.js';
import { loadKind, type KindName } from '../kinds.js';

export const SECRET = 'hunter2-s3cret';

/** Settings without `kind`; what they need stands until `close`. */
export interface Case {
  readonly settings: object;
  /** Connections that the check has open; 0 where it has none. */
  readonly open?: () => number;
  readonly close?: () => Promise<void> | void;
  /** Results of other checks. */
  readonly result?: RunOptions['result'];
}

export interface Subject {
  readonly good: () => Case | Promise<Case>;
  /** What it fails on. Where settings can hold a secret, {@link SECRET} is in them. */
  readonly bad: () => Case | Promise<Case>;
  /** What never answers; kinds that ask nobody have none, and say why. */
  readonly hanging: (() => Case | Promise<Case>) | { readonly none: string };
}

export async function checkOf(name: KindName, settings: object, more: { readonly folder?: string; readonly secrets?: readonly string[] } = {}): Promise<Check> {
  const opening = (await loadKind(name)).open({ kind: name, ...settings });
  if (!opening.ok) throw new Error(JSON.stringify(opening.issues));
  return toCheck('it', name, opening.check, { folder: __dirname, ...more });
}

export const noOthers: RunOptions['result'] = () => Promise.reject(new Error('asks for none'));

async function on<T>(made: Case | Promise<Case>, use: (one: Case) => Promise<T>): Promise<T> {
  const one = await made;
  try {
    return await use(one);
  } finally {
    await one.close?.();
  }
}

const run = async (name: KindName, { settings, result = noOthers }: Case, more: object = {}, options: Partial<RunOptions> = {}): Promise<CheckResult> => (await checkOf(name, { ...settings, ...more })).run({ result, ...options });

async function untilClosed({ open = () => 0 }: Case): Promise<void> {
  for (let left = 200; open() > 0 && left > 0; left -= 1) await wait(10);
  expect(open()).toBe(0);
}

function isReason({ reason }: CheckResult): void {
  expect(reason).toMatch(/^[\x20-\x7e]{1,200}$/);
  expect(reason).not.toContain(SECRET);
}

export function kindSuite(name: KindName, { good, bad, hanging }: Subject): void {
  let kind: CheckKind;
  beforeAll(async () => { kind = await loadKind(name); });
  afterEach(() => { jest.restoreAllMocks(); });

  it('has its name, and says what it is', () => {
    expect(kind.name).toBe(name);
    expect(kind.description).toMatch(/^[A-Z][\x20-\x7e]{10,}\.$/);
  });

  it('passes, and leaves nothing open', () => on(good(), async (one) => {
    const result = await run(name, one);
    expect(result).toEqual({ status: 'healthy', ms: expect.any(Number), ...(result.observed === undefined ? {} : { observed: expect.any(Number) }), ...(result.unit === undefined ? {} : { unit: expect.any(String) }) });
    await untilClosed(one);
  }));

  it('fails with a reason of one printable line, in which no secret stands', () => on(bad(), async (one) => {
    const result = await run(name, one);
    expect(result.status).toBe('unhealthy');
    isReason(result);
    expect((await checkOf(name, one.settings)).target).toMatch(/^[\x20-\x7e]{1,200}$/);
    expect((await checkOf(name, one.settings)).target).not.toContain(SECRET);
    await untilClosed(one);
  }));

  it('tries again as often as it is told', () => on(bad(), async (one) => {
    const began = performance.now();
    expect((await run(name, one, { retries: 2, retryDelay: '20ms' })).status).toBe('unhealthy');
    expect(performance.now() - began).toBeGreaterThanOrEqual(39);
  }));

  it('is not begun when it is cancelled before', () => on(good(), async (one) => {
    const result = await run(name, one, {}, { signal: AbortSignal.abort() });
    expect(result).toMatchObject({ status: 'unhealthy', reason: 'the check was cancelled' });
    await untilClosed(one);
  }));

  it('measures its time on the monotonic clock', () => on(good(), async (one) => {
    // Three years back with each look at it.
    let now = Date.now();
    jest.spyOn(Date, 'now').mockImplementation(() => { now -= 3 * 365 * 86_400_000; return now; });
    const result = await run(name, one, { timeout: '20s' });
    expect(result.ms).toBeGreaterThanOrEqual(0);
    expect(result.ms).toBeLessThan(20_000);
    expect(result.reason ?? '').not.toContain('within');
  }));

  it('refuses a setting that it does not know, naming those that it does', async () => {
    const opening = kind.open({ kind: name, tiemout: '1s' });
    expect(opening).toMatchObject({ ok: false });
    expect(JSON.stringify(opening)).toContain('timeout');
  });

  if (typeof hanging !== 'function') {
    it('asks nobody who could hang', () => { expect(hanging.none.length).toBeGreaterThan(10); });
    return;
  }

  it('gives up in its time on what hangs, and leaves nothing open', () => on(hanging(), async (one) => {
    const result = await run(name, one, { timeout: '150ms' });
    expect(result.status).toBe('unhealthy');
    expect(result.reason).toMatch(/ within 150 ms$/);
    isReason(result);
    expect(result.ms).toBeGreaterThanOrEqual(148);
    expect(result.ms).toBeLessThan(3_000);
    await untilClosed(one);
  }));

  it('asks anew when its time was up: nothing of the attempt before is left', () => on(hanging(), async (one) => {
    const check = await checkOf(name, { ...one.settings, timeout: '100ms' });
    for (let round = 0; round < 2; round += 1) expect((await check.run({ result: one.result ?? noOthers })).reason).toMatch(/ within 100 ms$/);
  }));

  it('ends when it is cancelled meanwhile, and leaves nothing open', () => on(hanging(), async (one) => {
    const controller = new AbortController();
    setTimeout(() => { controller.abort(); }, 60);
    const began = performance.now();
    expect(await run(name, one, { timeout: '20s', retries: 5 }, { signal: controller.signal })).toMatchObject({ status: 'unhealthy', reason: 'the check was cancelled' });
    // Well below the time of one attempt; a library that is loaded for the first time on a busy machine takes its own.
    expect(performance.now() - began).toBeLessThan(15_000);
    await untilClosed(one);
  }));
}
