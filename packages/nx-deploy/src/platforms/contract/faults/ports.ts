/** Ports that a foreign program has: the one where the public is to reach the service, and one that was just picked for an instance. */
import type { FaultPlace, FaultSubject } from './harness.js';
import { answers, expectFleet, foreignProgram, inPlace, pidsOf, SEED, steady, underTraffic, withStrategies, type Strategy } from './observe.js';

const FAULTS = [
  ['where the service is to listen: refused, also where it would move there', whereItListens],
  ['between being picked for an instance and the instance that is to listen there: it gets another one', picked],
] as const;

export function describePorts(subject: FaultSubject): void {
  describe(`${subject.name}: a port that a foreign program takes (NX_DEPLOY_SEED=${SEED})`, () => {
    test.each(withStrategies(FAULTS))('%s, %s', (strategy, _what, meets) => inPlace(subject, {}, (place) => meets(subject, strategy, place)));
  });
}

/** By a foreign program, where the service is to listen. */
async function whereItListens(_subject: FaultSubject, strategy: Strategy, place: FaultPlace): Promise<void> {
  const foreign = await foreignProgram();
  try {
    const service = place.service('ports');
    const taken = steady(strategy, '1', { listen: { address: '127.0.0.1', port: foreign.port } });
    const error = { code: 'ND-PORT-TAKEN', what: expect.stringContaining(String(foreign.port)), where: 'deploy.json, key listen', next: expect.any(String) };
    expect(await service.deploy(taken)).toMatchObject({ outcome: 'refused', error });
    expect(place.processes()).toEqual([]);
    expect(await foreign.untouched()).toBe(true);

    const { release } = await service.deploy(steady(strategy, '1'));
    const before = await service.status();
    await underTraffic(service, strategy, async () => {
      expect(await service.deploy({ ...taken, version: '2' })).toMatchObject({ outcome: 'refused', error });
    });
    expect(pidsOf(await service.status())).toEqual(pidsOf(before));
    await expectFleet(service, release);
    expect(await foreign.untouched()).toBe(true);
  } finally {
    foreign.end();
  }
}

/** Between being picked for an instance and the instance that is to listen there. */
async function picked(subject: FaultSubject, strategy: Strategy, place: FaultPlace): Promise<void> {
  const service = place.service('ports');
  await service.deploy(steady(strategy, '1'));
  const snatcher = subject.snatchPort();
  try {
    const release = await underTraffic(service, strategy, async (traffic) => {
      const done = await traffic.during(() => service.deploy(steady(strategy, '2')));
      expect(done).toMatchObject({ outcome: 'done' });
      return done.release;
    });
    const foreign = await snatcher.taken;
    const { instances, url } = await service.status();
    expect(instances.map(({ port }) => port)).not.toContain(foreign.port);
    expect(instances.map(({ crashes }) => crashes).sort()).toEqual([0, 1]);
    expect(await answers(url)).toBe(release);
    await expectFleet(service, release);
    expect(await foreign.untouched()).toBe(true);
    foreign.end();
  } finally {
    snatcher.release();
  }
}
