import { resolve } from 'node:path';
import type { JunitCase } from '../../report/junit.js';
import { Problems, probeOf, refuse, type Probe, type ProbeOptions } from '../probe.js';
import { guarded, misplaced, select, type FileOptions, type TaskContext } from '../selection.js';

export interface CheckExecutorOptions extends ProbeOptions, FileOptions {
  readonly timeout?: string;
  readonly json?: boolean;
  /** Relative to the workspace. */
  readonly junit?: string;
}

/** Checks once: an address, or all that a file says. Degraded is a success, as in `wait`. */
export default async function checkExecutor(options: CheckExecutorOptions, context: TaskContext): Promise<{ success: boolean }> {
  const problems = new Problems();
  const one = options.url !== undefined || options.tcp !== undefined;
  problems.lines.push(...misplaced(options, one));
  const timeoutMs = problems.duration('timeout', options.timeout ?? '5s');
  const probe = one ? probeOf(options, problems) : undefined;
  if (problems.lines.length > 0) return refuse('nx-health:check', problems);
  return guarded(() => (probe === undefined ? checkFile(options, context) : checkOne(probe, timeoutMs, options, context)));
}

async function checkOne({ target, kind, check }: Probe, timeoutMs: number, options: CheckExecutorOptions, context: TaskContext): Promise<{ success: boolean }> {
  const result = await check(timeoutMs);
  const { status, ms, reason } = result;
  await writeJunit([{ name: target, kind, target, result }], ms, options, context);
  print(options.json === true ? JSON.stringify({ target, ...result }) : `${status}: ${target} in ${ms} ms${reason === undefined ? '' : `: ${reason}`}`);
  return { success: status !== 'unhealthy' };
}

async function checkFile(options: CheckExecutorOptions, context: TaskContext): Promise<{ success: boolean }> {
  const { chosen, checks } = await select(options, context);
  const { overall, runChecks } = await import('../../checks/run-checks.js');
  const { resultDocument, resultLines } = await import('../../report/results.js');
  const began = performance.now();
  const ran = await runChecks(chosen, checks);
  const ms = Math.round(performance.now() - began);
  await writeJunit(ran.map(({ check: { name, kind, target }, result }) => ({ name, kind, target, result })), ms, options, context);
  print(options.json === true ? JSON.stringify(resultDocument(ran, ms)) : resultLines(ran, ms).join('\n'));
  return { success: overall(ran) !== 'unhealthy' };
}

async function writeJunit(cases: readonly JunitCase[], ms: number, { junit: path }: CheckExecutorOptions, { root, projectName = 'health' }: TaskContext): Promise<void> {
  if (path === undefined) return;
  const { junit } = await import('../../report/junit.js');
  const { replaceFile } = await import('../../replace-file.js');
  await replaceFile(resolve(root, path), junit(projectName, cases, ms));
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
