import type { HealthSpec } from '../../model/index.js';
import type { Container } from './containers.js';
import { awaitReady } from './readiness.js';
import type { ProbeResult } from './router-probe.js';

const health: HealthSpec = { path: '/health', timeout: 1_000, interval: 5, passes: 2 };

function container(slot: number, more: Partial<Container> = {}): Container {
  return {
    id: `id${slot}`, name: `api-${slot}`, release: 'r0123456789ab', process: 'web', slot, address: `172.18.0.${slot + 1}`, port: 3_000, state: 'running', restarts: 0, exitCode: 0, pid: 1,
    startedAt: '2026-01-01T00:00:00Z', fault: undefined, ...more,
  };
}

interface Play {
  /** One for each look; the last one stays. */
  readonly looks: readonly (readonly Container[])[];
  /** By slot; the last one stays. */
  readonly answers?: Readonly<Record<number, readonly ProbeResult[]>>;
  readonly deadline?: number;
  /** In a row. */
  readonly passes?: number;
}

function play({ looks, answers = {}, deadline = 5_000, passes = health.passes }: Play): { readonly asked: Map<string, number>; readonly ended: ReturnType<typeof awaitReady> } {
  const asked = new Map<string, number>();
  let looked = 0;
  const ended = awaitReady({
    health: { ...health, passes }, deadline,
    look: () => Promise.resolve(looks[Math.min(looked++, looks.length - 1)] ?? []),
    probe: (probes) => Promise.resolve(probes.map(({ host }) => {
      const slot = Number(host.split('.').at(-1)) - 1;
      const count = asked.get(host) ?? 0;
      asked.set(host, count + 1);
      const known = answers[slot] ?? [{ status: 200 }];
      return known[Math.min(count, known.length - 1)] ?? { status: 200 };
    })),
    lastLines: ({ slot }) => Promise.resolve([`last words of ${slot}`]),
  });
  return { asked, ended };
}

describe('waiting for instances', () => {
  it('is over when each passed so often in a row, a failure beginning anew', async () => {
    const { asked, ended } = play({ looks: [[container(1), container(2)]], answers: { 2: [{ status: 200 }, { status: 503 }, { reason: 'connection refused' }, { status: 204 }, { status: 200 }] } });
    expect(await ended).toEqual({ ready: true });
    expect(asked.get('172.18.0.3')).toBe(5);
  });

  it('tells the instance, the reason and its last lines when the time is over', async () => {
    expect(await play({ looks: [[container(1), container(2)]], answers: { 2: [{ status: 503 }] }, deadline: 60, passes: 1 }).ended)
      .toEqual({ ready: false, reason: 'instance web.2 was not ready within 0.1s: GET /health: status 503', logs: ['last words of 2'] });
    expect(await play({ looks: [[container(1)]], answers: { 1: [{ reason: 'takes no connection in time' }] }, deadline: 60 }).ended).toMatchObject({ reason: expect.stringContaining('takes no connection') as string });
  });

  it('gives up on one that ends again and again long before its time is over, and on one that has ended for good', async () => {
    const crashing = [0, 1, 2, 3].map((restarts) => [container(1, { restarts, state: 'restarting', exitCode: 7, startedAt: `2026-01-01T00:00:0${restarts}Z` })]);
    expect(await play({ looks: crashing, deadline: 60_000 }).ended).toMatchObject({ ready: false, reason: expect.stringMatching(/^instance web\.1 ended 3 times: it exited with code 7$/) as string });
    const gone = play({ looks: [[container(1)], [container(1, { state: 'exited', exitCode: 137, fault: 'it used more memory than it may' })]], answers: { 1: [{ reason: 'connection refused' }] }, deadline: 60_000 });
    expect(await gone.ended).toMatchObject({ reason: 'instance web.1 ended 1 time: it exited with code 137, it used more memory than it may' });
  });

  it('does not take one that was started again meanwhile for the one that passed', async () => {
    const again = container(1, { restarts: 1, startedAt: '2026-01-01T00:00:09Z' });
    const { asked, ended } = play({ looks: [[container(1)], [again], [again]] });
    expect(await ended).toEqual({ ready: true });
    expect(asked.get('172.18.0.2')).toBeGreaterThanOrEqual(4);
  });

  it('has a process without a port live for a second', async () => {
    const started = performance.now();
    expect(await play({ looks: [[container(1, { process: 'worker', address: undefined })]] }).ended).toEqual({ ready: true });
    expect(performance.now() - started).toBeGreaterThanOrEqual(1_000);
  });

  it('is over at once where there is nothing to wait for', async () => {
    expect(await play({ looks: [[]] }).ended).toEqual({ ready: true });
  });
});
