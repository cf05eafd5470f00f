import type { CheckResult } from '../../result.js';
import { waitUntilHealthy, type WaitResult } from '../../wait.js';
import { Problems, probeOf, refuse, type ProbeOptions } from '../probe.js';
import { guarded, misplaced, select, type FileOptions, type TaskContext } from '../selection.js';

export interface WaitExecutorOptions extends ProbeOptions, FileOptions {
  readonly timeout?: string;
  readonly checkTimeout?: string;
  readonly interval?: string;
  readonly backoff?: number;
  readonly longestInterval?: string;
  readonly passes?: number;
  readonly json?: boolean;
}

interface Awaited {
  readonly target: string;
  readonly check: (signal: AbortSignal) => Promise<CheckResult>;
}

interface Pace {
  readonly timeoutMs: number;
  readonly intervalMs: number;
  readonly longestIntervalMs: number;
  readonly backoff: number;
  readonly passes: number;
}

/** Waits for passes in a row; tells what it waits for whenever that changes. */
export default async function waitExecutor(options: WaitExecutorOptions, context: TaskContext): Promise<{ success: boolean }> {
  const problems = new Problems();
  const one = options.url !== undefined || options.tcp !== undefined;
  problems.lines.push(...misplaced(options, one, ['method', 'healthy', 'degraded', 'checkTimeout']));
  const checkTimeoutMs = problems.duration('checkTimeout', options.checkTimeout ?? '5s');
  const pace = paceOf(options, problems);
  const probe = one ? probeOf(options, problems) : undefined;
  if (problems.lines.length > 0) return refuse('nx-health:wait', problems);
  return guarded(async () => waitFor(probe === undefined ? await ofFile(options, context) : { target: probe.target, check: (signal) => probe.check(checkTimeoutMs, signal) }, pace, options.json === true));
}

function paceOf({ timeout = '60s', interval = '1s', longestInterval = '30s', backoff = 1, passes = 2 }: WaitExecutorOptions, problems: Problems): Pace {
  if (!Number.isInteger(passes) || passes < 1) problems.add('passes', 'a whole number of at least 1', passes);
  if (!(backoff >= 1 && backoff <= 10)) problems.add('backoff', 'a number from 1 to 10', backoff);
  return {
    timeoutMs: problems.duration('timeout', timeout), intervalMs: problems.duration('interval', interval), longestIntervalMs: problems.duration('longestInterval', longestInterval), backoff, passes,
  };
}

/** All checks of the file as one, whose reason is that of those that fail. */
async function ofFile(options: WaitExecutorOptions, context: TaskContext): Promise<Awaited> {
  const { chosen, checks, file } = await select(options, context);
  const { overall, runChecks } = await import('../../checks/run-checks.js');
  return {
    target: chosen.length === 1 ? chosen[0]?.target ?? '' : `${chosen.length} checks of ${file.slice(file.startsWith(context.root) ? context.root.length + 1 : 0)}`,
    check: async (signal) => {
      const began = performance.now();
      const ran = await runChecks(chosen, checks, { signal });
      const status = overall(ran);
      const failing = ran.filter(({ result }) => result.status !== 'healthy').map(({ check, result }) => `${check.name}: ${result.reason ?? result.status}`);
      return { status, ms: Math.round(performance.now() - began), ...(status === 'healthy' ? {} : { reason: failing.join('; ') }) };
    },
  };
}

async function waitFor({ target, check }: Awaited, pace: Pace, json: boolean): Promise<{ success: boolean }> {
  let told = '';
  const result = await waitUntilHealthy({
    check, ...pace,
    onResult: ({ status, reason = '' }) => {
      const now = status === 'unhealthy' ? `waiting for ${target}: ${reason}` : '';
      if (!json && now !== '' && now !== told) process.stdout.write(`${now}\n`);
      told = now;
    },
  });
  process.stdout.write(`${json ? asJson(target, result) : asText(target, result)}\n`);
  return { success: result.outcome === 'healthy' };
}

function asJson(target: string, { outcome, attempts, ms, reason, last }: WaitResult): string {
  return JSON.stringify({ target, outcome, ...(last === undefined ? {} : { status: last.status }), attempts, ms, ...(reason === undefined ? {} : { reason }) });
}

function asText(target: string, { outcome, attempts, ms, reason, last }: WaitResult): string {
  const checks = `${attempts} check${attempts === 1 ? '' : 's'} in ${ms} ms`;
  if (outcome === 'healthy') return `${last?.status ?? 'healthy'}: ${target} after ${checks}`;
  return `not healthy: ${target} after ${checks}${reason === undefined ? '' : `: ${reason}`}`;
}
