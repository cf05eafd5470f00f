import { setTimeout as sleep } from 'node:timers/promises';
import { EJECTED } from './ejection.js';
import { Journey } from './journey.js';
import { route, target } from './router.spec-support.js';
import { Service } from './service.js';

const work = { cut: () => {} };

function service(): Service {
  const made = new Service('api');
  made.put(route(1, [target(2, 'rA'), target(3, 'rB')], { weights: { rA: 50, rB: 50 } }));
  return made;
}

/** A request of each release; returns that of rB. */
function round(of: Service): { journey: Journey; release: string | undefined } {
  const [first, journey] = [new Journey(of, work), new Journey(of, work)];
  expect(first.begin()?.release).toBe('rA');
  first.answered(200);
  first.finish();
  return { journey, release: journey.begin()?.release };
}

it('probes an ejected release once, and leaves the probe to the next when its client goes before there is a connection', async () => {
  const made = service();
  const failing = round(made).journey;
  expect(failing.refused()?.release).toBe('rA');
  failing.finish();
  expect(round(made).release).toBe('rA');
  await sleep(EJECTED + 20);
  const probe = round(made);
  expect([probe.release, probe.journey.trying]).toEqual(['rB', true]);
  expect(round(made).release).toBe('rA');
  probe.journey.left();
  probe.journey.finish();
  const next = round(made);
  expect([next.release, next.journey.trying]).toEqual(['rB', true]);
  next.journey.connected();
  expect([round(made).release, round(made).journey.trying]).toEqual(['rB', false]);
});

it('counts a request once for each release that it was for, and each of its targets as in flight while it is there', () => {
  const made = service();
  const { journey } = round(made);
  expect([made.targets.inFlight('rA-2'), made.targets.inFlight('rB-3')]).toEqual([0, 1]);
  expect(journey.refused()?.release).toBe('rA');
  expect([made.targets.inFlight('rA-2'), made.targets.inFlight('rB-3')]).toEqual([1, 0]);
  expect(journey.refused()).toBeUndefined();
  journey.failed();
  journey.finish();
  expect([made.targets.inFlight('rA-2'), made.targets.inFlight('rB-3')]).toEqual([0, 0]);
  expect(made.metrics.totals).toEqual(new Map([['rA', { requests: 2, errors: 1, ejected: 0 }], ['rB', { requests: 1, errors: 1, ejected: 1 }]]));
});
