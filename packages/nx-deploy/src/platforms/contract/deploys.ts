/** What a deploy does when nothing goes wrong. */
import type { Ms } from '../../model/index.js';
import { answer, RATE, STEADY, underLoad, type Fresh } from './traffic.js';

export function describeDeploys(fresh: Fresh, limits: { readonly unchanged: Ms }): void {
  test('a first deploy answers with all instances ready, and the same again is a no-op', async () => {
    const service = await fresh();
    const first = await service.deploy(STEADY);
    expect(first).toMatchObject({ outcome: 'done' });
    expect(await answer(await service.url())).toMatchObject({ status: 200, release: first.release });
    const fleet = await service.platform.list();
    expect(fleet).toEqual({ [first.release ?? '']: { processes: { web: { running: 2, ready: 2, draining: 0 } }, weight: 100 } });

    const entries = await service.platform.state.ledger.entries();
    const second = await service.deploy(STEADY);
    expect(second).toMatchObject({ outcome: 'unchanged', release: first.release });
    expect(second.durationMs).toBeLessThan(limits.unchanged);
    expect(await service.platform.state.ledger.entries()).toEqual(entries);
  });

  test('three rolling deploys and a rollback in a row fail no request', async () => {
    const service = await fresh();
    await service.deploy({ ...STEADY, instances: 4 });
    const { result, report } = await underLoad(service, async () => {
      const releases: (string | undefined)[] = [];
      for (const version of ['2', '3', '4']) {
        const done = await service.deploy({ ...STEADY, version, instances: 4 });
        expect(done).toMatchObject({ outcome: 'done' });
        releases.push(done.release);
      }
      const back = await service.rollback();
      expect(back).toMatchObject({ outcome: 'done', release: releases[1] });
      return releases;
    });
    expect(Object.keys(report.releases).sort()).toEqual(expect.arrayContaining(result.filter((id) => id !== undefined).sort()));
    expect(report.sent).toBeGreaterThan(RATE);
    expect(Object.keys(await service.platform.list())).toEqual([result[1]]);
    process.stdout.write(`load: ${report.sent} requests, ${report.failures} failed, longest gap ${Math.round(report.longestGapMs)} ms, own lag ${Math.round(report.lagMs)} ms\n`);
  });

  test('recreate ends the old release before it starts the new one', async () => {
    const service = await fresh();
    await service.deploy(STEADY);
    const running: number[] = [];
    const second = await service.deploy({
      ...STEADY, version: '2', strategy: { type: 'recreate' },
      watch: (event) => { if (event.type === 'fleet') running.push(Object.values(event.observed).filter((release) => (release.processes['web']?.running ?? 0) > 0).length); },
    });
    expect(second).toMatchObject({ outcome: 'done' });
    expect(Math.max(...running)).toBe(1);
    expect(await answer(await service.url())).toMatchObject({ release: second.release });
  });

  test('another number of instances is the same release, scaled in place without a failed request', async () => {
    const service = await fresh();
    const first = await service.deploy({ ...STEADY, instances: 1 });
    const { result } = await underLoad(service, async () => [
      await service.deploy({ ...STEADY, instances: 4 }),
      await service.deploy({ ...STEADY, instances: 2 }),
    ]);
    for (const change of result) expect(change).toMatchObject({ outcome: 'done', release: first.release });
    const fleet = await service.platform.list();
    expect(fleet[first.release ?? '']?.processes['web']).toEqual({ running: 2, ready: 2, draining: 0 });
  });

  test('another configuration, limit or check is another release', async () => {
    const service = await fresh();
    const first = await service.deploy({ ...STEADY, values: { GREETING: 'hello' } });
    const second = await service.deploy({ ...STEADY, values: { GREETING: 'bye' } });
    const third = await service.deploy({ ...STEADY, values: { GREETING: 'bye' }, limits: { memory: 512 * 1024 * 1024 } });
    const fourth = await service.deploy({ ...STEADY, values: { GREETING: 'bye' }, limits: { memory: 512 * 1024 * 1024 }, health: { path: '/ready' } });
    expect(new Set([first.release, second.release, third.release, fourth.release]).size).toBe(4);
    expect(second.configuration).toEqual({ added: [], removed: [], changed: ['GREETING'] });
  });

  test('a dry run shows the plan and changes nothing', async () => {
    const service = await fresh();
    const planned = await service.deploy({ ...STEADY, dryRun: true });
    expect(planned).toMatchObject({ outcome: 'planned', plan: expect.stringContaining(planned.release ?? 'none') as string });
    expect(await service.platform.list()).toEqual({});
    expect(await service.platform.state.ledger.entries()).toEqual([]);
  });
}
