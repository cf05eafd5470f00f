import { waitUntilHealthy, type WaitResult } from '../../wait.js';
import { Problems, probeOf, refuse, type Probe, type ProbeOptions } from '../probe.js';

export interface WaitExecutorOptions extends ProbeOptions {
  readonly timeout?: string;
  readonly checkTimeout?: string;
  readonly interval?: string;
  readonly passes?: number;
  readonly json?: boolean;
}

/** Waits for passes in a row; tells what it waits for whenever that changes. */
export default async function waitExecutor(options: WaitExecutorOptions): Promise<{ success: boolean }> {
  const problems = new Problems();
  const timeoutMs = problems.duration('timeout', options.timeout ?? '60s');
  const checkTimeoutMs = problems.duration('checkTimeout', options.checkTimeout ?? '5s');
  const intervalMs = problems.duration('interval', options.interval ?? '1s');
  const passes = options.passes ?? 2;
  if (!Number.isInteger(passes) || passes < 1) problems.add('passes', 'a whole number of at least 1', passes);
  const probe = probeOf(options, problems);
  if (probe === undefined || problems.lines.length > 0) return refuse('nx-health:wait', problems);
  let told = '';
  const result = await waitUntilHealthy({
    check: (signal) => probe.check(checkTimeoutMs, signal), intervalMs, timeoutMs, passes,
    onResult: ({ status, reason = '' }) => {
      const now = status === 'unhealthy' ? `waiting for ${probe.target}: ${reason}` : '';
      if (options.json !== true && now !== '' && now !== told) process.stdout.write(`${now}\n`);
      told = now;
    },
  });
  process.stdout.write(`${options.json === true ? json(probe, result) : text(probe, result)}\n`);
  return { success: result.outcome === 'healthy' };
}

function json({ target }: Probe, { outcome, attempts, ms, reason, last }: WaitResult): string {
  return JSON.stringify({ target, outcome, ...(last === undefined ? {} : { status: last.status }), attempts, ms, ...(reason === undefined ? {} : { reason }) });
}

function text({ target }: Probe, { outcome, attempts, ms, reason, last }: WaitResult): string {
  const checks = `${attempts} check${attempts === 1 ? '' : 's'} in ${ms} ms`;
  if (outcome === 'healthy') return `${last?.status ?? 'healthy'}: ${target} after ${checks}`;
  return `not healthy: ${target} after ${checks}${reason === undefined ? '' : `: ${reason}`}`;
}
