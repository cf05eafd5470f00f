import { FaultSwitch } from './faults.js';
import { send, start, stop } from './started.spec-support.js';

describe('faults that are switched on', () => {
  it('fail so many of a hundred answers, evenly', async () => {
    const faults = new FaultSwitch({ errors: 30, latency: 0, crashAfter: 0 });
    const hits: boolean[] = [];
    for (let request = 0; request < 100; request += 1) hits.push(await faults.hits('/'));
    expect(hits.filter(Boolean)).toHaveLength(30);
    for (let first = 0; first <= 90; first += 10) expect(hits.slice(first, first + 10).filter(Boolean)).toHaveLength(3);
  });

  it.each([['/health', 200], ['/ready', 200], ['/live', 200], ['/version', 500], ['/', 500], ['/nowhere', 500]])('%s is answered with %d', async (path, status) => {
    const service = await start({ FAULT_ERRORS: '100' });
    const reply = await send(service.url + path).finally(() => stop(service));
    expect(reply).toMatchObject({ status, headers: { 'x-release': 'r0123456789ab' } });
  });

  it('hold answers back, but not those of health checks', async () => {
    const service = await start({ FAULT_LATENCY: '300' });
    const timed = async (path: string): Promise<number> => {
      const begun = performance.now();
      expect((await send(service.url + path)).status).toBe(200);
      return performance.now() - begun;
    };
    try {
      expect(await timed('/')).toBeGreaterThan(290);
      expect(await timed('/health')).toBeLessThan(200);
    } finally {
      await stop(service);
    }
  });
});
