/** A disk that is full, that cannot be written to, or that is slow. */
import { dirname } from 'node:path';
import type { FaultOrder, FaultPlace, FaultService, FaultSubject } from './harness.js';
import { isRunning } from '../../../../../../e2e/support/processes.js';
import { expectFleet, inPlace, pidsOf, steady, STRATEGIES, underTraffic, type Strategy } from './observe.js';
import { makeImmutable, smallDisk, type SmallDisk } from './small-disk.js';

const SLOW = 300;

export function describeDisk(subject: FaultSubject): void {
  describe.each(STRATEGIES)(`${subject.name}: a disk, %s`, (strategy) => {
    test('that is full from the middle of a deploy: restored, and the next deploy works when there is room again', () => onSmallDisk(subject, async (disk, place) => {
      const { service, first, next } = await deployed(place, strategy);
      await underTraffic(service, strategy, async (traffic) => {
        let begun = false;
        const watch: FaultOrder['watch'] = (event) => {
          begun ||= event.type === 'step' && event.index === 1;
          // Again and again: what is removed meanwhile makes room.
          if (begun) disk.fill();
        };
        const full = await traffic.during(() => service.deploy({ ...next, watch }));
        expect(full).toMatchObject({ outcome: 'restored', error: { code: 'ND-DISK-FULL', where: expect.stringContaining(place.folder), next: expect.stringMatching(/^free space there/) } });
        expect((await service.status()).live).toBe(first);
        disk.free();
        const done = await traffic.during(() => service.deploy(next));
        expect(done).toMatchObject({ outcome: 'done' });
        await expectFleet(service, done.release);
      });
      expect((await service.status()).ledger.ok).toBe(true);
    }), 60_000);

    test('that is full before a deploy: nothing of what runs is touched', () => onSmallDisk(subject, async (disk, place) => {
      const { service, next } = await deployed(place, strategy);
      await untouched(service, strategy, async () => {
        disk.fill();
        const full = await service.deploy(next);
        expect(full).toMatchObject({ error: { code: 'ND-DISK-FULL', where: expect.stringContaining(place.folder) } });
        expect(['refused', 'restored']).toContain(full.outcome);
        disk.free();
      });
      expect(await service.deploy(next)).toMatchObject({ outcome: 'done' });
    }), 60_000);

    test('that is mounted read-only: one clear error, and nothing of what runs is touched', () => onSmallDisk(subject, async (disk, place) => {
      const { service, next } = await deployed(place, strategy);
      await untouched(service, strategy, async () => {
        disk.readOnly();
        const refused = await service.deploy(next);
        expect(refused).toMatchObject({ error: { code: 'ND-DISK-FULL', why: 'the file system is mounted read-only', next: expect.stringMatching(/^make it writable again/) } });
        expect(['refused', 'restored']).toContain(refused.outcome);
        expect(refused).not.toHaveProperty('restoreError');
        disk.writable();
      });
      expect(await service.deploy(next)).toMatchObject({ outcome: 'done' });
    }), 60_000);

    test('on which files were made immutable: one clear error, and nothing of what runs is touched', () => inPlace(subject, {}, async (place) => {
      const { service, next } = await deployed(place, strategy);
      const journal = (await service.files()).find(({ name }) => name === 'journal');
      const immutable = makeImmutable(dirname(journal?.path ?? ''));
      if (immutable === undefined) {
        process.stdout.write('NOT TESTED: this user, or this file system, has no immutable folders\n');
        return;
      }
      try {
        await untouched(service, strategy, async () => {
          const refused = await service.deploy(next);
          expect(refused).toMatchObject({ error: { code: 'ND-DISK-FULL', why: 'the user of this process may not write there', next: expect.stringMatching(/^give it back/) } });
          expect(['refused', 'restored']).toContain(refused.outcome);
          expect(refused).not.toHaveProperty('restoreError');
        });
      } finally {
        immutable.end();
      }
      expect(await service.deploy(next)).toMatchObject({ outcome: 'done' });
    }), 60_000);

    test(`that takes ${SLOW} ms for each write: done, and nothing runs out of time`, () => inPlace(subject, {}, async (place) => {
      const { service, next } = await deployed(place, strategy, { instances: 1 });
      const quick = subject.slowDisk(place.folder, SLOW);
      try {
        await underTraffic(service, strategy, async (traffic) => {
          const done = await traffic.during(() => service.deploy(next));
          expect(done).toMatchObject({ outcome: 'done' });
          expect(done.durationMs).toBeGreaterThan(5 * SLOW);
          await expectFleet(service, done.release, 1);
        });
      } finally {
        quick();
      }
    }), 60_000);
  });
}

async function onSmallDisk(subject: FaultSubject, work: (disk: SmallDisk, place: FaultPlace) => Promise<void>): Promise<void> {
  const disk = smallDisk();
  if (disk === undefined) {
    process.stdout.write('NOT TESTED: this user may not mount a disk, so a full and a read-only one are tested by injected errors alone\n');
    return;
  }
  try {
    await inPlace(subject, { folder: disk.folder }, async (place) => {
      try {
        await work(disk, place);
      } finally {
        disk.free();
        disk.writable();
      }
    });
  } finally {
    disk.remove();
  }
}

interface Deployed {
  readonly service: FaultService;
  readonly first: string | undefined;
  /** Its artifact is stored already: storing it is the command's work, before any change begins. */
  readonly next: FaultOrder;
}

async function deployed(place: FaultPlace, strategy: Strategy, more: Partial<FaultOrder> = {}): Promise<Deployed> {
  const service = place.service('disk');
  const { release: first } = await service.deploy(steady(strategy, '1', more));
  const next = steady(strategy, '2', more);
  await service.prepare(next);
  return { service, first, next };
}

/** Not even a recreate has a gap here, and the same processes run on. */
async function untouched(service: FaultService, strategy: Strategy, work: () => Promise<void>): Promise<void> {
  const before = await service.status();
  await underTraffic(service, strategy, work);
  expect(pidsOf(before).every(isRunning)).toBe(true);
  await expectFleet(service, before.live);
  expect(pidsOf(await service.status())).toEqual(pidsOf(before));
}
