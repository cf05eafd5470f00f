/** What a deploy does when something goes wrong: it is taken back, and no request fails. */
import { liveRelease } from '../../model/index.js';
import { STEADY, underLoad, type Fresh } from './traffic.js';

export function describeFailures(fresh: Fresh): void {
  test.each([
    ['never gets healthy', 'never-healthy', 'ND-NOT-READY'],
    ['exits at start', 'exits-at-start', 'ND-NOT-READY'],
    ['listens on another port', 'wrong-port', 'ND-NOT-READY'],
    ['accepts and never answers', 'hangs', 'ND-NOT-READY'],
  ])('a release that %s is taken back, with the reason, and no request fails', async (_what, fixture, code) => {
    const service = await fresh();
    const good = await service.deploy(STEADY);
    const { result } = await underLoad(service, () => service.deploy({ ...STEADY, fixture, version: '2', health: { timeout: 2_000, interval: 100 } }));
    expect(result).toMatchObject({ outcome: 'restored', error: { code } });
    expect(result.error?.why).toBeTruthy();
    expect(await service.platform.list()).toEqual({ [good.release ?? '']: { processes: { web: { running: 2, ready: 2, draining: 0 } }, weight: 100 } });
    expect((await service.platform.state.ledger.entries()).at(-1)).toMatchObject({ kind: 'end', outcome: 'restored' });
  });

  test('the last lines of a program that exits at start are part of the error', async () => {
    const service = await fresh();
    const failed = await service.deploy({ ...STEADY, fixture: 'exits-at-start', health: { timeout: 4_000, interval: 100 } });
    expect(failed).toMatchObject({ outcome: 'restored' });
    expect(failed.error?.problems?.join('\n')).toMatch(/exited with code 1/);
    expect(await service.platform.list()).toEqual({});
  });

  test('a cancelled deploy is taken back without a failed request', async () => {
    const service = await fresh();
    const good = await service.deploy({ ...STEADY, instances: 4 });
    const cancel = new AbortController();
    const { result } = await underLoad(service, () => service.deploy({
      ...STEADY, version: '2', instances: 4, signal: cancel.signal,
      watch: (event) => { if (event.type === 'step' && event.index === 2) cancel.abort(); },
    }));
    expect(result).toMatchObject({ outcome: 'restored', error: { code: 'ND-CANCELLED' } });
    expect(liveRelease(await service.platform.list())).toBe(good.release);
    expect(Object.keys(await service.platform.list())).toEqual([good.release]);
  });

  test('a hook that fails before the walk changes nothing, one behind it takes the walk back', async () => {
    const service = await fresh();
    const good = await service.deploy(STEADY);
    const failing = { run: [process.execPath, '-e', 'console.log("hook says " + process.env.NX_DEPLOY_RELEASE); process.exit(3)'], env: {}, timeout: 10_000, cwd: process.cwd() };
    for (const position of ['before', 'after'] as const) {
      const result = await service.deploy({ ...STEADY, version: `with a hook ${position}`, [position]: [failing] });
      expect(result).toMatchObject({ outcome: 'restored', error: { code: 'ND-HOOK-FAILED', problems: [`hook says ${result.release ?? ''}`] } });
      expect(Object.keys(await service.platform.list())).toEqual([good.release]);
    }
  });

  test('the deadline of a deploy takes it back', async () => {
    const service = await fresh();
    const good = await service.deploy(STEADY);
    const result = await service.deploy({ ...STEADY, fixture: 'never-healthy', version: '2', deadline: 1_500 });
    expect(result).toMatchObject({ outcome: 'restored', error: { code: 'ND-DEADLINE' } });
    expect(Object.keys(await service.platform.list())).toEqual([good.release]);
  });
}
