/** Damaged state while a change waits for a person and another release is warm: what a question, a warm release, a closure and a cookie are recorded in. */
import { readFile } from 'node:fs/promises';
import { isRunning } from '../../../../../../e2e/support/processes.js';
import type { ApprovalOption, StrategyOptions } from '../../../config/resolved.js';
import type { ServiceStatus } from '../../../control/protocol.js';
import { asDeployError } from '../../../errors.js';
import { expectNamed, GONE, leave, WAYS } from './damage.js';
import type { FaultPlace, FaultService, FaultSubject, StateFile } from './harness.js';
import { answers, expectFleet, inPlace, SOAK, steady, underTraffic } from './observe.js';

const HOUR = 3_600_000;
const PAGE = '<p>closed</p>';
const ASK: ApprovalOption = { text: 'switch?', expires: HOUR };
const BESIDE = { smoke: [{ path: '/health', status: 200 }], soak: 0, keepWarm: HOUR } as const;
const blueGreen = (approve?: ApprovalOption): StrategyOptions => ({ type: 'blue-green', ...BESIDE, ...(approve === undefined ? {} : { approve }) });
const canary: StrategyOptions = { type: 'canary', ...BESIDE, steps: [{ weight: 50, soak: 50, approve: ASK }], sticky: true, header: 'x-choose' };

/** A wait, by what is on record of it. */
interface Waiting {
  readonly service: FaultService;
  readonly before: ServiceStatus;
  readonly live: string;
  readonly asked: string;
}

export function describeWaiting(subject: FaultSubject): void {
  const ways = Object.keys(WAYS).filter((way) => way !== GONE);
  describe.each([['blue-green, to what is warm', blueGreen(ASK)], ['canary, with a cookie', canary]])(`${subject.name}: state damaged while a change waits, %s`, (_name, strategy) => {
    test.each(SOAK ? ways : ways.slice(0, 1))('journal %s', (way) => inPlace(subject, {}, async (place) => {
      const { service, before, live } = await waits(place, strategy);
      await underTraffic(service, 'rolling', async () => {
        const file = await damage(service, 'journal', way);
        await refused(service, file, before);
        expect(await service.repair()).toMatchObject({ outcome: 'done', notes: expect.arrayContaining([expect.stringContaining('journal.json was damaged')]) });
        expect(await answers(before.url)).toBe(live);
        // The question is gone: the answer to it is refused, and the next change begins afresh.
        expect(await service.decide('approve')).toMatchObject({ outcome: 'refused', error: { code: 'ND-NOT-PAUSED' } });
        expect((await service.status()).releases.every(({ outcome }) => outcome !== 'unfinished')).toBe(true);
        const next = await service.deploy(steady('rolling', '3', { strategy: blueGreen() }));
        expect(next).toMatchObject({ outcome: 'done' });
        await expectServing(service, next.release, live);
      });
      expect((await service.status()).ledger.ok).toBe(true);
    }), 60_000);

    test('journal gone, and the agent started again: status tells, nothing goes on before a repair', () => inPlace(subject, {}, async (place) => {
      const { service, before, live } = await waits(place, strategy);
      await damage(service, 'journal', GONE);
      await place.restart();
      expect(await service.status()).toMatchObject({ interrupted: { at: 'a question whose record is gone' }, fleet: before.fleet });
      for (const result of [await service.decide('approve'), await service.rollback(), await service.deploy(steady('rolling', '3'))]) {
        expect(result).toMatchObject({ outcome: 'refused', error: { code: 'ND-STATE-DAMAGED', next: expect.stringContaining('repair') } });
      }
      expect(pids(before).every(isRunning)).toBe(true);
      expect(await service.repair()).toMatchObject({ outcome: 'done' });
      expect(await answers(before.url)).toBe(live);
      expect((await service.status()).interrupted).toBeUndefined();
      expect(await service.deploy(steady('rolling', '3'))).toMatchObject({ outcome: 'done' });
    }), 60_000);

    test.each(SOAK ? ways : ways.slice(1, 2))('service record %s, by an agent that knows better', (way) => inPlace(subject, {}, async (place) => {
      const waiting = await waits(place, strategy);
      const { service, before } = waiting;
      await service.close(PAGE);
      const closed = await service.status();
      await damage(service, 'service record', way);
      expect(await service.status()).toMatchObject({ paused: before.paused, fleet: before.fleet, closed: closed.closed });
      expect(await page(before.url)).toBe(PAGE);
      await service.close(undefined);
      await approved(waiting);
    }), 60_000);

    test.each(SOAK ? ways : ways.slice(2, 3))('service record %s, and the agent started again: the question survives a repair', (way) => inPlace(subject, {}, async (place) => {
      const waiting = await waits(place, strategy);
      const { service, before, live } = waiting;
      await service.close(PAGE);
      const file = await damage(service, 'service record', way);
      await place.restart();
      await refused(service, file, before);
      const repaired = await service.repair();
      expect(repaired).toMatchObject({ outcome: 'done', notes: expect.arrayContaining([expect.stringContaining('service.json was damaged'), expect.stringContaining('whether the service was closed')]) });
      expect(pids(before).every(isRunning)).toBe(true);
      expect((await service.status()).paused).toEqual(before.paused);
      expect(await answers((await service.status()).url)).toBe(live);
      await approved(waiting);
    }), 60_000);

    test('an agent that is started again finds the question, the shares, the cookie and the closure', () => inPlace(subject, {}, async (place) => {
      const waiting = await waits(place, strategy);
      const { service, before } = waiting;
      await service.close(PAGE);
      const { closed } = await service.status();
      await place.restart();
      expect(await service.status()).toMatchObject({ paused: before.paused, fleet: before.fleet, closed });
      expect(await page(before.url)).toBe(PAGE);
      await service.close(undefined);
      if (strategy.type === 'canary') expect(await cookies(before.url)).toBe(true);
      await approved(waiting);
    }), 60_000);
  });
}

/** One release serves, the one before it is warm and is asked for again. */
async function waits(place: FaultPlace, strategy: StrategyOptions): Promise<Waiting> {
  const service = place.service('waiting');
  const first = await service.deploy(steady('rolling', '1'));
  const second = await service.deploy(steady('rolling', '2', { strategy: blueGreen() }));
  expect(await service.deploy(steady('rolling', '1', { strategy }))).toMatchObject({ outcome: 'paused', release: first.release });
  const before = await service.status();
  expect(before.paused).toMatchObject({ gate: ASK.text });
  expect(pids(before)).toHaveLength(4);
  return { service, before, live: second.release ?? '', asked: first.release ?? '' };
}

async function damage(service: FaultService, name: string, way: string): Promise<StateFile> {
  const file = (await service.files()).find((candidate) => candidate.name === name);
  const spoil = WAYS[way];
  if (file === undefined || spoil === undefined) throw new Error(`the platform has no file ${name}`);
  await leave(file.path, spoil(await readFile(file.path)));
  return file;
}

/** By every command, and nothing is stopped for it. */
async function refused(service: FaultService, file: StateFile, before: ServiceStatus): Promise<void> {
  const status = await service.status().catch((error: unknown) => asDeployError(error).toJSON());
  if ('code' in status) expectNamed(status, file);
  for (const result of [await service.decide('approve'), await service.decide('reject'), await service.deploy(steady('rolling', '3'))]) {
    expect(result).toMatchObject({ outcome: 'refused' });
    expectNamed(result.error ?? { code: 'ND-INTERNAL', what: 'no error' }, file);
  }
  expect(pids(before).every(isRunning)).toBe(true);
}

async function approved({ service, live, asked }: Waiting): Promise<void> {
  await underTraffic(service, 'rolling', async () => expect(await service.decide('approve')).toMatchObject({ outcome: 'done', decision: 'approved' }));
  await expectServing(service, asked, live);
  const next = await service.deploy(steady('rolling', '4'));
  expect(next).toMatchObject({ outcome: 'done' });
  await expectFleet(service, next.release);
}

/** The one has all of the traffic, the other is warm. */
async function expectServing(service: FaultService, release: string | undefined, warm: string): Promise<void> {
  const { fleet, url, paused, interrupted } = await service.status();
  expect({ paused, interrupted }).toEqual({ paused: undefined, interrupted: undefined });
  expect(Object.keys(fleet).sort()).toEqual([release, warm].sort());
  expect(fleet).toMatchObject({ [release ?? '']: { weight: 100 }, [warm]: { weight: 0, until: expect.any(String), processes: { web: { ready: 2 } } } });
  expect(await answers(url)).toBe(release);
}

function pids({ instances }: ServiceStatus): readonly number[] {
  return instances.flatMap(({ pid }) => pid ?? []);
}

async function page(url: string | undefined): Promise<string> {
  return (await fetch(url ?? '', { headers: { connection: 'close' } })).text();
}

async function cookies(url: string | undefined): Promise<boolean> {
  return (await fetch(url ?? '', { headers: { connection: 'close' } })).headers.has('set-cookie');
}
