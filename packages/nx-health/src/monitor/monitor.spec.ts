import { setTimeout as wait } from 'node:timers/promises';
import type { Check } from '../checks/check.js';
import type { CheckResult, HealthStatus } from '../result.js';
import { startMonitor, type Change, type Sample } from './monitor.js';

function fake(name: string, statuses: readonly HealthStatus[], more: Partial<Check> = {}): Check {
  let next = 0;
  return {
    name, kind: 'fake', target: name, severity: 'critical', tags: [], uses: [], timeoutMs: 1_000, intervalMs: 2, retries: 0, retryDelayMs: 0, failures: 2, recoveries: 2,
    run: () => {
      const status = statuses[Math.min(next++, statuses.length - 1)] ?? 'healthy';
      return Promise.resolve({ status, ms: 1, ...(status === 'healthy' ? {} : { reason: `${name} ${status}` }) });
    },
    ...more,
  };
}

async function watch(chosen: readonly Check[], enough: (samples: readonly Sample[]) => boolean, all = chosen): Promise<{ samples: Sample[]; changes: string[] }> {
  const stop = new AbortController();
  const samples: Sample[] = [];
  const changes: string[] = [];
  const text = ({ check, from, to, reason = '' }: Change): string => `${check?.name ?? 'all'} ${from ?? ''}>${to} ${reason}`.trim();
  const monitor = startMonitor({ chosen, all, signal: stop.signal, onSample: (sample) => { samples.push(sample); if (enough(samples)) stop.abort(); }, onChange: (change) => changes.push(text(change)) });
  await monitor.ended;
  return { samples, changes };
}

it('tells of a change only after so many results in a row', async () => {
  const statuses: HealthStatus[] = ['healthy', 'unhealthy', 'healthy', 'unhealthy', 'unhealthy', 'unhealthy', 'healthy', 'unhealthy', 'healthy', 'healthy'];
  const { samples, changes } = await watch([fake('db', statuses)], (all) => all.length === statuses.length);
  expect(samples.map(({ result }) => result.status)).toEqual(statuses);
  expect(samples.map(({ shown }) => shown.status)).toEqual(['healthy', 'healthy', 'healthy', 'healthy', 'unhealthy', 'unhealthy', 'unhealthy', 'unhealthy', 'unhealthy', 'healthy']);
  expect(changes).toEqual(['db >healthy', 'all >healthy', 'db healthy>unhealthy db unhealthy', 'all healthy>unhealthy', 'db unhealthy>healthy', 'all unhealthy>healthy']);
});

it('says nothing of all before it knows all, and weighs them', async () => {
  const slow = fake('slow', ['healthy'], { run: async () => { await wait(40); return { status: 'healthy', ms: 40 }; } });
  const { changes } = await watch([fake('mail', ['unhealthy'], { severity: 'degrading' }), slow], (all) => all.some(({ check }) => check.name === 'slow'));
  expect(changes).toEqual(['mail >unhealthy mail unhealthy', 'slow >healthy', 'all >degraded']);
});

it('asks what a composite is made of, and gives it what counts', async () => {
  const seen: HealthStatus[] = [];
  const part = fake('part', ['healthy', 'unhealthy', 'healthy']);
  const whole = fake('whole', [], { uses: ['part', 'gone'], run: async ({ result }) => { seen.push((await result('part')).status); return (await result('gone')).reason === 'there is no check gone' ? { status: 'healthy', ms: 0 } : { status: 'unhealthy', ms: 0 }; } });
  const { samples } = await watch([whole], (all) => all.filter(({ check }) => check.name === 'whole').length === 4, [whole, part]);
  expect(new Set(seen)).toEqual(new Set(['healthy']));
  expect(samples.every(({ result }) => result.status !== 'unhealthy' || result.reason === 'part unhealthy')).toBe(true);
});

it('never asks one twice at once, and ends at once, also in a pause or while one hangs', async () => {
  let running = 0;
  let most = 0;
  const hanging = fake('hangs', [], { run: ({ signal }) => new Promise<CheckResult>((resolve) => { most = Math.max(most, running += 1); signal?.addEventListener('abort', () => { running -= 1; resolve({ status: 'unhealthy', ms: 0, reason: 'cancelled' }); }); }) });
  const stop = new AbortController();
  const samples: Sample[] = [];
  const monitor = startMonitor({ chosen: [hanging, fake('rare', ['healthy'], { intervalMs: 1e9 })], all: [], signal: stop.signal, onSample: (sample) => { samples.push(sample); }, onChange: () => undefined });
  await wait(30);
  expect(monitor.samples().map(({ check }) => check.name)).toEqual(['rare']);
  const began = performance.now();
  stop.abort();
  await monitor.ended;
  expect(performance.now() - began).toBeLessThan(1_000);
  expect([most, running, samples.length]).toEqual([1, 0, 1]);
});

it('passes on what its listeners throw', async () => {
  const stop = new AbortController();
  await expect(startMonitor({ chosen: [fake('a', ['healthy'])], all: [], signal: stop.signal, onSample: () => { throw new Error('no room'); }, onChange: () => undefined }).ended).rejects.toThrow('no room');
});
