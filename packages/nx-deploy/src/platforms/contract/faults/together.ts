/** Two changes of one service at once: one wins, the other is told by whom, since when and from where. */
import { hostname } from 'node:os';
import type { ChangeResult } from '../../../engine/request.js';
import type { FaultOrder, FaultService, FaultSubject } from './harness.js';
import { expectFleet, inPlace, SEED, steady, underTraffic, withStrategies } from './observe.js';

type Way = 'deploy' | 'deployElsewhere';

const WAYS: readonly (readonly [string, Way, Way])[] = [
  ['in the same process', 'deploy', 'deploy'],
  ['in two processes', 'deploy', 'deployElsewhere'],
  ['in two processes of their own', 'deployElsewhere', 'deployElsewhere'],
];

export function describeTogether(subject: FaultSubject): void {
  describe(`${subject.name}: two changes at once (NX_DEPLOY_SEED=${SEED})`, () => {
    test.each(withStrategies(WAYS))('%s, %s', (strategy, _where, one, other) => inPlace(subject, {}, async (place) => {
      const service = place.service('together');
      await service.deploy(steady(strategy, '1'));
      // Long enough that both are under way, however slowly a process starts.
      const pause = { run: [process.execPath, '-e', 'setTimeout(() => {}, 1500)'], env: {}, timeout: 30_000, cwd: '/' };
      const orders = ['2', '3'].map((version) => steady(strategy, version, { before: [pause] }));
      for (const order of orders) await service.prepare(order);
      const results = await underTraffic(service, strategy, (traffic) => traffic.during(() => both(service, [one, other], orders)));
      expect(results.map(({ outcome }) => outcome).sort()).toEqual(['done', 'refused']);
      const [won, lost] = results[0]?.outcome === 'done' ? [results[0], results[1]] : [results[1], results[0]];
      expect(lost?.error).toMatchObject({ code: 'ND-LOCKED', what: expect.stringContaining('together (test)'), next: expect.stringContaining('status --follow') });
      const [, actor = '', since = '', run] = /^(\S+@\S+) \(process \d+\) holds it since (\S+), run (\S+)$/.exec(lost?.error?.why ?? '') ?? [];
      expect(actor).toMatch(new RegExp(`^tester@(?:here|${hostname()})$`));
      expect(Date.now() - Date.parse(since)).toBeLessThan(30_000);
      expect(run).toBe(won?.run);
      await expectFleet(service, won?.release);
    }), 30_000);
  });
}

function both(service: FaultService, ways: readonly Way[], orders: readonly FaultOrder[]): Promise<readonly ChangeResult[]> {
  return Promise.all(ways.map((way, index) => {
    const order = orders[index];
    if (order === undefined) throw new Error('an order for each');
    return service[way](order);
  }));
}
