import { Problems, probeOf, refuse, type ProbeOptions } from '../probe.js';

export interface CheckExecutorOptions extends ProbeOptions {
  readonly timeout?: string;
  readonly json?: boolean;
}

/** Checks once. Degraded is a success, as in `wait`. */
export default async function checkExecutor(options: CheckExecutorOptions): Promise<{ success: boolean }> {
  const problems = new Problems();
  const timeoutMs = problems.duration('timeout', options.timeout ?? '5s');
  const probe = probeOf(options, problems);
  if (probe === undefined || problems.lines.length > 0) return refuse('nx-health:check', problems);
  const result = await probe.check(timeoutMs);
  const { status, ms, reason } = result;
  const text = `${status}: ${probe.target} in ${ms} ms${reason === undefined ? '' : `: ${reason}`}`;
  process.stdout.write(`${options.json === true ? JSON.stringify({ target: probe.target, ...result }) : text}\n`);
  return { success: status !== 'unhealthy' };
}
