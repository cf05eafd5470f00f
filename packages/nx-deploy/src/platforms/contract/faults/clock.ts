/** A wall clock that is set by a day while a deploy goes on, and between deploys. */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { FaultService, FaultSubject } from './harness.js';
import type { ChangeResult } from '../../../engine/request.js';
import type { LedgerEntry } from '../../../releases/index.js';
import { eventually, expectFleet, inPlace, pidsOf, steady, STRATEGIES, underTraffic } from './observe.js';

const DAY = 24 * 60 * 60_000;
/** More than any deploy here takes, and far less than a day. */
const LONGEST = 60_000;

export function describeClock(subject: FaultSubject): void {
  describe.each(STRATEGIES)(`${subject.name}: a clock, %s`, (strategy) => {
    test.each([['back', -DAY], ['forward', DAY]])('that is set %s by a day', (_way, ms) => inPlace(subject, {}, async (place) => {
      const service = place.service('clock');
      const order = (version: string): ReturnType<typeof steady> => steady(strategy, version);
      const results: ChangeResult[] = [await service.deploy(order('1'))];
      const keep = (result: ChangeResult): void => {
        expect(result).toMatchObject({ outcome: 'done' });
        results.push(result);
      };
      try {
        await underTraffic(service, strategy, (traffic) => traffic.during(async () => {
          keep(await service.deploy({ ...order('2'), watch: (event) => { if (event.type === 'step' && event.index === 1) subject.shiftClock(ms); } }));
          keep(await service.deploy(order('3')));
          keep(await service.rollback());
          subject.shiftClock(0);
          keep(await service.deploy(order('4')));
          await holdsLock(service, place.folder, () => subject.shiftClock(ms), order('5'));
        }));
        const ids = results.map(({ release }) => release);
        expect(ids[3]).toBe(ids[1]);
        await expectFleet(service, ids[4]);
        const before = pidsOf(await service.status());
        await place.restart();
        expect(pidsOf(await service.status())).toEqual(before);
      } finally {
        subject.shiftClock(0);
      }
      await expectFleet(service, results[4]?.release);
      const status = await service.status();
      expect(status.ledger).toMatchObject({ ok: true });
      expect(status.releases.slice(1).map(({ id }) => id)).toEqual(results.map(({ release }) => release).reverse());
      for (const { durationMs } of [...results, ...(await service.ledger()).filter(isEnd)]) expectSane(durationMs);
    }), 60_000);
  });
}

/** A run goes on for as long as its hook does, whatever the clock says; nobody else gets in meanwhile. */
async function holdsLock(service: FaultService, folder: string, set: () => void, order: ReturnType<typeof steady>): Promise<void> {
  const cancel = new AbortController();
  const waiting = join(folder, `waiting-${randomUUID()}`);
  const waits = { run: [process.execPath, '-e', `require('node:fs').writeFileSync(${JSON.stringify(waiting)}, ''); setTimeout(() => {}, 30000)`], env: {}, timeout: 30_000, cwd: '/' };
  const going = service.deploy({ ...order, before: [waits], signal: cancel.signal });
  // Only from then on is the run in the ledger: one that is cancelled with nothing but the lock leaves no trace there.
  await eventually(() => Promise.resolve(existsSync(waiting)), 'the hook');
  expect(await service.status()).toMatchObject({ lock: expect.anything() as unknown });
  set();
  expect(await service.deploy(order)).toMatchObject({ outcome: 'refused', error: { code: 'ND-LOCKED' } });
  cancel.abort();
  expect(await going).toMatchObject({ outcome: 'restored' });
}

function isEnd(entry: LedgerEntry): entry is Extract<LedgerEntry, { kind: 'end' }> {
  return entry.kind === 'end';
}

function expectSane(durationMs: number): void {
  expect(durationMs).toBeGreaterThanOrEqual(0);
  expect(durationMs).toBeLessThan(LONGEST);
}
