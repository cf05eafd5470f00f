/** Services that behave badly: a deploy of one is bounded, and none of it is left behind. */
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isRunning } from '../../../../../../e2e/support/processes.js';
import type { FaultSubject } from './harness.js';
import { eventually, expectFleet, inPlace, SEED, SOAK, steady, underTraffic, withStrategies } from './observe.js';

interface Bad {
  readonly fixture: string;
  readonly outcome: 'done' | 'restored';
}

const SLOW_TO_FAIL: readonly (readonly [string, Bad])[] = [['accepts and never answers', { fixture: 'hangs', outcome: 'restored' }]];
const BAD: readonly (readonly [string, Bad])[] = [
  ['never gets healthy', { fixture: 'never-healthy', outcome: 'restored' }],
  ...(SOAK ? SLOW_TO_FAIL : []),
  ['ignores SIGTERM', { fixture: 'ignores-sigterm', outcome: 'done' }],
  ['forks children that outlive it', { fixture: 'forks-children', outcome: 'done' }],
  ['fills its log', { fixture: 'fills-log', outcome: 'done' }],
];
const STOP = 1_000;
const READY = 3_000;
/** A deploy that fails waits for its instances, ends them, and starts what ran before. */
const LONGEST = READY + STOP + 10_000;
/** Bytes: the logs of the two instances, each in four files of 10 MB at most, and little else. */
const STORED = 100 * 1024 * 1024;
/** A shim and its program for each instance. */
const PROCESSES = 4;

export function describeServices(subject: FaultSubject): void {
  describe(`${subject.name}: a service (NX_DEPLOY_SEED=${SEED})`, () => {
    test.each(withStrategies(BAD))('%s, that %s', (strategy, _what, { fixture, outcome }) => inPlace(subject, {}, async (place) => {
      const service = place.service('bad');
      const good = await service.deploy(steady(strategy, '1'));
      const bad = steady(strategy, '2', { fixture, health: { interval: 50, passes: 1, timeout: READY }, stopTimeout: STOP, values: { LOG_MB: SOAK ? '512' : '64' } });
      await underTraffic(service, strategy, async (traffic) => {
        const result = await traffic.during(() => service.deploy(bad));
        expect(result).toMatchObject(outcome === 'done' ? { outcome } : { outcome, error: { code: 'ND-NOT-READY', why: expect.any(String) } });
        expect(result.durationMs).toBeLessThan(LONGEST);
        await expectFleet(service, outcome === 'done' ? result.release : good.release);
        const theirs = (await service.status()).instances.filter(({ release }) => release === result.release).flatMap(({ pid }) => pid ?? []);
        const back = await traffic.during(() => service.deploy(steady(strategy, '3')));
        expect(back).toMatchObject({ outcome: 'done' });
        expect(back.durationMs).toBeLessThan(LONGEST);
        expect(bytesBelow(place.folder)).toBeLessThan(STORED);
        expect(theirs.filter(isRunning)).toEqual([]);
        await expectFleet(service, back.release);
      });
      await eventually(() => place.processes().length === PROCESSES, 'nothing to be left of it').catch(() => undefined);
      expect(place.processes()).toHaveLength(PROCESSES);
    }), 60_000);
  });
}

/** Of files that may be renamed meanwhile. */
function bytesBelow(folder: string): number {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .reduce((sum, name) => sum + (lstatSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0), 0);
}
