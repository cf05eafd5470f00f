/** Blue-green and canary: the traffic is exact, what turns bad is found and taken back, what is warm serves at once. */
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startLoad, type LoadReport } from '../../../../../tools/load/launch.js';
import type { BlueGreenOptions, CanaryOptions, StrategyOptions } from '../../config/resolved.js';
import type { ChangeResult } from '../../engine/request.js';
import type { Analysis, Ms } from '../../model/index.js';
import type { ServiceOrder, ServiceUnderTest } from './harness.js';
import { answer, RATE, STEADY, underLoad, type Fresh } from './traffic.js';

const HOUR = 3_600_000;
const errors5: Analysis = { rules: [{ metric: 'errorRate', below: 0.05, of: 'absolute' }], minimum: 20, inconclusive: 'stop' };
const slower: Analysis = { ...errors5, rules: [{ metric: 'latencyP95', below: 5, of: 'stable' }] };

export function blueGreen(rest: Partial<BlueGreenOptions> = {}): BlueGreenOptions {
  return { type: 'blue-green', smoke: [{ path: '/health', status: 200 }], soak: 0, keepWarm: HOUR, ...rest };
}

export function canary(rest: Partial<CanaryOptions> = {}): CanaryOptions {
  return {
    type: 'canary', steps: [{ weight: 10, soak: 700 }, { weight: 50, soak: 700 }], smoke: [{ path: '/health', status: 200 }], soak: 0, keepWarm: HOUR, sticky: false, ...rest,
  };
}

/** Requests that were answered with an error or not at all, as a share of all. */
function share({ sent, failures }: LoadReport): number {
  return failures / sent;
}

/** One kind of request, so that the figures of the releases compare. */
async function underGets<T>(service: ServiceUnderTest, work: () => Promise<T>): Promise<{ readonly result: T; readonly report: LoadReport }> {
  const load = await startLoad({ url: await service.url(), rate: RATE, mix: { get: 70, fresh: 30 } });
  try {
    return { result: await work(), report: await load.stop() };
  } finally {
    await load.stop();
  }
}

export function describeSideBySide(fresh: Fresh, limits: { readonly warm: Ms }): void {
  test.each<[string, StrategyOptions]>([['blue-green', blueGreen()], ['canary', canary()]])('three deploys by %s fail no request', async (_name, strategy) => {
    const service = await fresh();
    await service.deploy(STEADY);
    const { result, report } = await underLoad(service, async () => {
      const done: ChangeResult[] = [];
      for (const version of ['2', '3', '4']) done.push(await service.deploy({ ...STEADY, version, strategy }));
      return done;
    });
    for (const change of result) expect(change).toMatchObject({ outcome: 'done' });
    const [, third, last] = result.map(({ release }) => release ?? '');
    // A third release ends the warm one before it starts.
    expect(await service.platform.list()).toMatchObject({ [last ?? '']: { weight: 100 }, [third ?? '']: { weight: 0, until: expect.any(String) } });
    expect(Object.keys(await service.platform.list())).toHaveLength(2);
    expect(await service.deploy({ ...STEADY, version: '4', strategy })).toMatchObject({ outcome: 'unchanged' });
    process.stdout.write(`${strategy.type}: ${report.sent} requests, ${report.failures} failed, longest gap ${Math.round(report.longestGapMs)} ms\n`);
  });

  test('a rollback to the warm release is one switch, fast, and fails no request', async () => {
    const service = await fresh();
    const first = await service.deploy({ ...STEADY, instances: 4 });
    const second = await service.deploy({ ...STEADY, instances: 4, version: '2', strategy: blueGreen() });
    const back = (to: string | undefined): Promise<ChangeResult> => service.rollback(to, blueGreen());
    // There and back again: the one in which this machine had no time counts less than the others.
    const { result } = await underLoad(service, async () => [await back(undefined), await back(second.release), await back(first.release)]);
    expect(result).toMatchObject([{ outcome: 'done', release: first.release }, { outcome: 'done', release: second.release }, { outcome: 'done', release: first.release }]);
    expect(Math.min(...result.map(({ durationMs }) => durationMs))).toBeLessThan(limits.warm);
    expect((await answer(await service.url())).release).toBe(first.release);
    expect(await service.platform.list()).toMatchObject({ [first.release ?? '']: { weight: 100 }, [second.release ?? '']: { weight: 0, until: expect.any(String) } });
  });

  test('after its time the warm release is gone, and a rollback starts the stored one', async () => {
    const service = await fresh();
    const first = await service.deploy(STEADY);
    const second = await service.deploy({ ...STEADY, version: '2', strategy: blueGreen({ keepWarm: 400 }) });
    await sleep(600);
    // Whoever acts next ends it; an agent does so by itself.
    const { result } = await underLoad(service, () => service.deploy({ ...STEADY, version: '2', instances: 3, strategy: blueGreen() }));
    expect(result).toMatchObject({ outcome: 'done', release: second.release });
    expect(Object.keys(await service.platform.list())).toEqual([second.release]);
    expect(await service.rollback(undefined, blueGreen())).toMatchObject({ outcome: 'done', release: first.release });
  });

  test('a canary of 10 percent gets 10 percent, within one point', async () => {
    const service = await fresh();
    await service.deploy({ ...STEADY, instances: 4 });
    const asked = await service.deploy({
      ...STEADY, instances: 4, version: '2', strategy: canary({ steps: [{ weight: 10, soak: 50, approve: { text: 'look', expires: HOUR } }] }),
    });
    expect(asked).toMatchObject({ outcome: 'paused' });
    const url = await service.url();
    let mine = 0;
    for (let sent = 0; sent < 1_000; sent += 10) {
      const answers = await Promise.all(Array.from({ length: 10 }, () => answer(url)));
      mine += answers.filter(({ release }) => release === asked.release).length;
    }
    expect(mine).toBeGreaterThanOrEqual(90);
    expect(mine).toBeLessThanOrEqual(110);
    expect(await service.decide('reject')).toMatchObject({ outcome: 'done', decision: 'rejected' });
    expect(Object.keys(await service.platform.list())).not.toContain(asked.release);
  });

  test('an approval goes on under load without a failed request', async () => {
    const service = await fresh();
    await service.deploy(STEADY);
    const strategy = blueGreen({ approve: { text: 'switch?', expires: HOUR } });
    const { result } = await underLoad(service, async () => {
      const asked = await service.deploy({ ...STEADY, version: '2', strategy });
      expect(asked).toMatchObject({ outcome: 'paused', paused: { gate: 'switch?' } });
      expect((await answer(await service.url())).release).not.toBe(asked.release);
      expect(await service.deploy({ ...STEADY, version: '3', strategy })).toMatchObject({ outcome: 'refused', error: { code: 'ND-PAUSED' } });
      return service.decide('approve');
    });
    expect(result).toMatchObject({ outcome: 'done', decision: 'approved' });
    expect((await answer(await service.url())).release).toBe(result.release);
  });

  test.each<[string, Partial<ServiceOrder>, StrategyOptions, RegExp, number]>([
    ['answers 30 percent with errors', { values: { ERROR_PERCENT: '30' } }, canary({ steps: [{ weight: 10, soak: 8_000 }], analyse: errors5 }), /errorRate .* is not below 5%/, 0.1],
    ['dies at 50 percent', { values: { DIE_AFTER: '150' } }, canary({ steps: [{ weight: 50, soak: 8_000 }] }), /ended by themselves|took a connection|are not ready/, 0.05],
    ['takes two seconds', { values: { LATENCY_MS: '2000' } }, canary({ steps: [{ weight: 10, soak: 8_000 }], analyse: slower }), /latencyP95 .* is not below .*5x stable/, 0.01],
    ['answers errors after the switch', { values: { ERROR_PERCENT: '30' } }, blueGreen({ soak: 8_000, analyse: errors5 }), /errorRate .* is not below 5%/, 0.5],
  ])('a release that gets healthy and then %s is found and taken back, with figures', async (_what, order, strategy, reason, most) => {
    const service = await fresh();
    const good = await service.deploy({ ...STEADY, instances: 4 });
    const { result, report } = await underGets(service, () => service.deploy({ ...STEADY, ...order, fixture: 'turns-bad', instances: 4, version: 'bad', strategy }));
    expect(result).toMatchObject({ outcome: 'restored', error: { code: 'ND-GATE-FAILED', problems: expect.arrayContaining([expect.stringMatching(reason)]) } });
    expect(await service.platform.list()).toEqual({ [good.release ?? '']: expect.objectContaining({ weight: 100 }) });
    expect(share(report)).toBeLessThan(most);
    process.stdout.write(`${_what}: ${report.failures} of ${report.sent} requests saw it, found after ${(result.durationMs / 1_000).toFixed(1)} s\n`);
  });

  test('a canary that is no worse than the stable release passes, however bad both are; 15 points more are found by the comparison', async () => {
    const service = await fresh();
    const over: Analysis = { ...errors5, rules: [{ metric: 'errorRate', below: 0.01, of: 'stable', over: true }] };
    const strategy = canary({ steps: [{ weight: 30, soak: 4_000 }], analyse: over, keepWarm: 0 });
    const order: ServiceOrder = { ...STEADY, fixture: 'turns-bad', instances: 4, values: { ERROR_PERCENT: '4' } };
    await service.deploy(order);
    const { result } = await underGets(service, async () => [
      await service.deploy({ ...order, version: 'as-bad', strategy }),
      await service.deploy({ ...order, version: 'worse', values: { ERROR_PERCENT: '19' }, strategy: canary({ steps: [{ weight: 30, soak: 15_000 }], analyse: over }) }),
    ]);
    const [same, worse] = result;
    expect(same).toMatchObject({ outcome: 'done' });
    expect(worse).toMatchObject({ outcome: 'restored', error: { code: 'ND-GATE-FAILED', problems: [expect.stringMatching(/errorRate .* is not below 1% over stable \(/)] } });
    expect(await service.platform.list()).toEqual({ [same?.release ?? '']: expect.objectContaining({ weight: 100 }) });
    process.stdout.write(`15 points more: found after ${((worse?.durationMs ?? 0) / 1_000).toFixed(1)} s, ${worse?.error?.problems?.join('; ') ?? ''}\n`);
  });

  test.each<[string, StrategyOptions]>([['blue-green', blueGreen({ soak: 20_000 })], ['canary', canary({ steps: [{ weight: 50, soak: 20_000 }] })]])('%s that is cancelled while it soaks is taken back without a failed request', async (_name, strategy) => {
    const service = await fresh();
    const good = await service.deploy(STEADY);
    const cancel = new AbortController();
    const watch: ServiceOrder['watch'] = (event) => { if (event.type === 'waiting' && event.for.startsWith('soak')) cancel.abort(); };
    const { result, report } = await underGets(service, () => service.deploy({ ...STEADY, version: '2', strategy, watch, signal: cancel.signal }));
    expect(result).toMatchObject({ outcome: 'restored', error: { code: 'ND-CANCELLED' } });
    expect(report).toMatchObject({ failures: 0, firstFailures: [] });
    expect(await service.platform.list()).toEqual({ [good.release ?? '']: expect.objectContaining({ weight: 100 }) });
  });

  test('while a canary is dead its requests go to the stable release', async () => {
    const service = await fresh();
    const good = await service.deploy(STEADY);
    const file = join(tmpdir(), `nx-deploy-die-${process.pid}-${performance.now()}`);
    const asked = await service.deploy({
      ...STEADY, fixture: 'turns-bad', version: 'dead', values: { DIE_WHEN: file }, strategy: canary({ steps: [{ weight: 50, soak: 50, approve: { text: 'look', expires: HOUR } }] }),
    });
    expect(asked).toMatchObject({ outcome: 'paused' });
    try {
      const { result: releases, report } = await underGets(service, async () => {
        await writeFile(file, '');
        await sleep(500);
        const url = await service.url();
        return Promise.all(Array.from({ length: 50 }, async () => (await answer(url)).release));
      });
      expect(new Set(releases)).toEqual(new Set([good.release]));
      // Only what it had in hand when it died.
      expect(report.failures).toBeLessThan(20);
    } finally {
      await rm(file, { force: true });
    }
    expect(await service.decide('reject')).toMatchObject({ outcome: 'done', release: good.release });
  });

  test('requests of 8 seconds and streams outlive the switch of either', async () => {
    const strategies: readonly StrategyOptions[] = [blueGreen({ keepWarm: 0 }), canary({ steps: [{ weight: 50, soak: 700 }], keepWarm: 0 })];
    // At once: they are idle for most of the time.
    const both = await Promise.all(strategies.map(async (strategy) => {
      const service = await fresh();
      await service.deploy(STEADY);
      const load = await startLoad({ url: await service.url(), rate: 20, mix: { slow: 40, events: 30, socket: 30 }, slowMs: 8_000, events: { count: 40, interval: 200 }, messages: { count: 40, interval: 200 }, drainMs: 20_000 });
      try {
        await sleep(500);
        return { outcome: (await service.deploy({ ...STEADY, version: '2', strategy })).outcome, report: await load.stop() };
      } finally {
        await load.stop();
      }
    }));
    expect(both).toMatchObject(strategies.map(() => ({ outcome: 'done', report: { failures: 0, firstFailures: [] } })));
  }, 180_000);
}
