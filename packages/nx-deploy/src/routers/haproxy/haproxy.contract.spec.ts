/** HAProxy under load: what is counted is failed requests. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describeWith } from '../../../../../tools/images/needs.spec-support.js';
import { startLoad, type LoadReport } from '../../../../../tools/load/launch.js';
import type { Target } from '../router.js';
import { A, closeAll, freePort, haproxy, instance, placeIn, route, service, type RunningHaproxy } from './haproxy.spec-support.js';
import { HaproxyRouter } from './router.js';

const SOAK = process.env['NX_DEPLOY_SOAK'] === '1';
const ROUNDS = SOAK ? 200 : 5;
/** What the contract suite of a platform with this router sees as well. */
const soak = SOAK ? test : test.skip;
const RATE = 100;

const releaseNamed = (number: number): string => `r${String(number).padStart(12, '0')}`;

function told(what: string, { sent, failures, longestGapMs, retried, durationMs, lagMs }: LoadReport): void {
  process.stdout.write(`${what}: ${sent} requests (${Math.round((sent / durationMs) * 1_000)}/s), ${failures} failed, ${retried} retried by the client, longest gap ${Math.round(longestGapMs)} ms, client late by ${Math.round(lagMs)} ms\n`);
}

describeWith(['haproxy', 'flock', 'perl'], 'HAProxy under load', () => {
  let running: RunningHaproxy;
  let port: number;
  beforeEach(async () => {
    running = await haproxy();
    port = await freePort();
  });
  afterEach(closeAll);

  soak('four changes of release by shares, each with reloads for others in between, fail no request of any kind', async () => {
    const { router } = running;
    const key = 'api (test, acme)';
    let live = [await service(releaseNamed(1), '1'), await service(releaseNamed(1), '2')];
    await router.set(route(port, live.map(({ target }) => target), { [releaseNamed(1)]: 100 }));
    const load = await startLoad({ url: `http://127.0.0.1:${port}`, rate: RATE, slowMs: 1_000, events: { count: 10, interval: 100 }, messages: { count: 10, interval: 100 } });
    const otherPort = await freePort();
    for (let number = 2; number <= 5; number += 1) {
      const [before, after] = [releaseNamed(number - 1), releaseNamed(number)];
      const fresh = await Promise.all(['1', '2'].map((name) => service(after, name)));
      const both = [...live, ...fresh].map(({ target }) => target);
      for (const weight of [0, 10, 50]) await router.set(route(port, both, { [before]: 100 - weight, [after]: weight }));
      // Somebody else comes and goes: HAProxy is reloaded twice.
      await router.set(route(otherPort, [fresh[0]?.target ?? both[0] as Target], { [after]: 100 }, { key: 'other' }));
      await router.set(route(port, both, { [before]: 0, [after]: 100 }));
      await router.remove('other');
      await router.set(route(port, fresh.map(({ target }) => target), { [after]: 100 }));
      for (const gone of live) {
        expect(await router.drained(key, gone.target, 30_000)).toBe(true);
        await gone.stop();
      }
      live = fresh;
    }
    const report = await load.stop();
    told('four changes of release', report);
    expect(report).toMatchObject({ failures: 0, firstFailures: [] });
    expect(Object.keys(report.releases).sort()).toEqual([1, 2, 3, 4, 5].map(releaseNamed));
  }, 240_000);

  soak('requests of 8 seconds, streams and sockets outlive a change of release and a reload within a drain of 30 s', async () => {
    const { router } = running;
    const [before, after] = [await service(releaseNamed(1), '1'), await service(releaseNamed(2), '1')];
    await router.set(route(port, [before.target], { [releaseNamed(1)]: 100 }));
    const load = await startLoad({ url: `http://127.0.0.1:${port}`, rate: 20, mix: { slow: 40, events: 30, socket: 30 }, slowMs: 8_000, events: { count: 40, interval: 200 }, messages: { count: 40, interval: 200 }, drainMs: 20_000 });
    await sleep(1_000);
    await router.set(route(port, [before.target, after.target], { [releaseNamed(1)]: 0, [releaseNamed(2)]: 100 }));
    // A change of structure.
    await router.set(route(port, [after.target], { [releaseNamed(2)]: 100 }, { drain: 90_000 }));
    expect(await router.inFlight('api (test, acme)', before.target)).toBeGreaterThan(0);
    expect(await router.drained('api (test, acme)', before.target, 30_000)).toBe(true);
    await before.stop();
    const report = await load.stop();
    told('requests of 8 seconds', report);
    expect(report).toMatchObject({ failures: 0, firstFailures: [] });
  }, 240_000);

  soak('a share of 10 percent is 10 percent, within one point', async () => {
    const [stable, fresh] = [releaseNamed(1), releaseNamed(2)];
    const all = await Promise.all([service(stable, '1'), service(stable, '2'), service(stable, '3'), service(fresh, '1')]);
    await running.router.set(route(port, all.map(({ target }) => target), { [stable]: 90, [fresh]: 10 }));
    const load = await startLoad({ url: `http://127.0.0.1:${port}`, rate: RATE, mix: { get: 50, fresh: 50 } });
    await sleep(6_000);
    const report = await load.stop();
    told('10 percent', report);
    expect(report.failures).toBe(0);
    const share = (100 * (report.releases[fresh] ?? 0)) / report.ok;
    expect(share).toBeGreaterThan(9);
    expect(share).toBeLessThan(11);
  }, 120_000);

  test(`${ROUNDS} rounds of two services that change at once lose no route, whoever reloads, and fail no request`, async () => {
    const [api, web] = [new HaproxyRouter(placeIn(running.folder)), new HaproxyRouter(placeIn(running.folder))];
    const mine = await service(A, '1');
    const theirs = await instance(A);
    const [webPort, ...others] = [await freePort(), await freePort(), await freePort()];
    await api.set(route(port, [mine.target], { [A]: 100 }));
    const load = await startLoad({ url: `http://127.0.0.1:${port}`, rate: 50, mix: { get: 50, fresh: 40, post: 10 } });
    const names = Array.from({ length: 3 }, (_, index) => `${A}/x${index}`);
    const lost: string[] = [];
    for (let round = 1; round <= ROUNDS; round += 1) {
      const target = { ...mine.target, id: names[round % 3] ?? '' };
      // Every tenth change of the second service is one of structure.
      const listen = round % 10 === 0 ? { port: others[(round / 10) % 2] ?? 0 } : {};
      await Promise.all([
        api.set(route(port, [mine.target, target], { [A]: 100 })),
        web.set(route(webPort, [{ ...theirs.target, id: names[round % 3] ?? '' }], { [A]: 100 }, { key: 'web', listen })),
      ]);
      const [api1, web1, routes] = await Promise.all([api.running('api (test, acme)'), web.running('web'), api.routes()]);
      const serving = (running: typeof api1): string => (running?.servers ?? []).filter(({ maintenance }) => !maintenance).map(({ name }) => name).sort().join();
      const wanted = [mine.target.id, target.id].map((id) => id.replace('/', ':')).sort().join();
      if (serving(api1) !== wanted) lost.push(`round ${round}: api has ${serving(api1)}`);
      if (serving(web1) !== (names[round % 3] ?? '').replace('/', ':')) lost.push(`round ${round}: web has ${serving(web1)}`);
      if (routes.length !== 2) lost.push(`round ${round}: ${routes.length} routes`);
    }
    const report = await load.stop();
    told(`${ROUNDS} rounds`, report);
    expect(lost).toEqual([]);
    expect(report).toMatchObject({ failures: 0, firstFailures: [] });
  }, 600_000);

  test('a command that is killed anywhere costs no request, and the next one puts all in order', async () => {
    const all = await Promise.all([service(releaseNamed(1), '1'), service(releaseNamed(2), '1')]);
    const targets = all.map(({ target }) => target);
    await running.router.set(route(port, targets, { [releaseNamed(1)]: 100 }));
    const load = await startLoad({ url: `http://127.0.0.1:${port}`, rate: RATE, mix: { get: 50, fresh: 35, post: 15 } });
    const place = placeIn(running.folder);
    for (let kill = 0; kill < (SOAK ? 200 : 4); kill += 1) {
      // Every other one is a change of structure.
      const rest = { drain: 80_000 + (kill % 2) * 1_000 * (kill + 1) };
      const weight = (kill * 7) % 101;
      const killed = new HaproxyRouter({ ...place, exec: (argv, input) => place.exec(argv.includes('nx-deploy-replace') ? ['timeout', '-s', 'KILL', String(0.01 + 0.02 * (kill % 15)), ...argv] : argv, input) });
      await killed.set(route(port, targets, { [releaseNamed(1)]: 100 - weight, [releaseNamed(2)]: weight }, rest)).catch(() => undefined);
      await running.router.set(route(port, targets, { [releaseNamed(1)]: weight, [releaseNamed(2)]: 100 - weight }, rest));
      expect((await running.router.running('api (test, acme)'))?.weights[releaseNamed(1)]).toBeCloseTo(weight, -0.3);
    }
    const report = await load.stop();
    told('killed commands', report);
    expect(report).toMatchObject({ failures: 0, firstFailures: [] });
  }, 600_000);
});
