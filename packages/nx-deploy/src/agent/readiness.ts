/** Decides whether an instance is ready: its check passes several times in a row, and whoever answers is that very instance. */
import { setTimeout as sleep } from 'node:timers/promises';
import { checkHttp } from 'nx-health';
import type { HealthSpec, Ms } from '../model/index.js';
import { listenerOf } from '../shell/process-table.js';
import type { Instance } from './instance.js';

/** Between checks of an instance that is already ready. */
const MONITOR_INTERVAL: Ms = 2_000;
/** Consecutive failures that take a ready instance out of the traffic. */
const FAILURES_TO_LEAVE = 3;
const CHECK_TIMEOUT: Ms = 5_000;
/** A process without a port counts as ready when it has lived this long. */
const WORKER_SETTLES: Ms = 1_000;

/** Watches a `web` instance until the signal aborts. */
export async function watchWeb(instance: Instance, health: HealthSpec, signal: AbortSignal): Promise<void> {
  let passes = 0;
  let failures = 0;
  while (!signal.aborted) {
    const fault = await probe(instance, health, signal).catch((error: unknown) => `it could not be checked: ${error instanceof Error ? error.message : String(error)}`);
    if (signal.aborted) return;
    passes = fault === undefined ? passes + 1 : 0;
    failures = fault === undefined ? 0 : failures + 1;
    if (passes >= health.passes) instance.set('ready', 'it answers its health check');
    else if (fault !== undefined && instance.state !== 'ready') instance.set(instance.state, fault);
    else if (fault !== undefined && failures >= FAILURES_TO_LEAVE) instance.set('unready', fault);
    const settled = instance.state === 'ready' && failures === 0;
    await sleep(settled ? Math.max(MONITOR_INTERVAL, health.interval) : health.interval, undefined, { signal, ref: false }).catch(() => undefined);
  }
}

/** Watches an instance that serves no port: it is ready once it has stayed up. */
export async function watchWorker(instance: Instance, signal: AbortSignal): Promise<void> {
  await sleep(WORKER_SETTLES, undefined, { signal, ref: false }).catch(() => undefined);
  if (!signal.aborted) instance.set('ready', 'it runs');
}

/** Undefined when the check passes; else why not. */
async function probe(instance: Instance, health: HealthSpec, signal: AbortSignal): Promise<string | undefined> {
  const { port, pid } = instance.record;
  if (pid === undefined) return 'it does not run';
  const url = `http://127.0.0.1:${port}${health.path}`;
  const result = await checkHttp({ url, timeoutMs: CHECK_TIMEOUT, signal });
  const listener = await listenerOf(port, pid);
  if (listener === 'nobody') return `nothing listens on its port ${port} (the variable PORT names it)`;
  if (listener === 'other') return `another process listens on its port ${port}`;
  return result.status === 'unhealthy' ? `GET ${health.path}: ${result.reason ?? 'unhealthy'}` : undefined;
}
