/** Runs the argv arrays of deploy.json around a walk. They run at least once: a walk that is taken up again runs them again. */
import { DeployError } from '../errors.js';
import type { Emit, Ms } from '../model/index.js';
import { baseEnvironment } from '../shell/environment.js';
import { redactor } from '../shell/redactor.js';
import { run, type RunResult } from '../shell/run.js';

/** A hook with the variables that it may see already looked up in the environment of the command. */
export interface PreparedHook {
  readonly run: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly timeout: Ms;
  readonly cwd: string;
}

/** Puts each hook on record, so that one which outlives the process that runs it is found again. */
export interface HookTrace {
  /** Before the hook is started; it is not when this rejects. */
  announce(): Promise<void>;
  /** When its process runs; it is ended when this rejects. */
  started(pid: number): Promise<void>;
  /** When it has ended. */
  forget(): Promise<void>;
}

/** Lines of a hook's output that are passed on; the rest is counted. */
const LINES_SHOWN = 200;

export interface HookContext {
  /** They become variables such as NX_DEPLOY_RELEASE. */
  readonly facts: Readonly<Record<string, string>>;
  /** Secret values of the release by name. A hook does not get them, but may read them from where they come from. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly emit: Emit;
  readonly signal?: AbortSignal;
  readonly trace?: HookTrace;
}

/**
 * One after the other; the first that fails ends it with ND-HOOK-FAILED, one that is cancelled with ND-CANCELLED or whatever it was cancelled for. In what a hook prints, the values that it was given and those of
 * the release are replaced by their names: it goes to the terminal, the log of the agent and the error.
 */
export async function runHooks(name: string, hooks: readonly PreparedHook[], { facts, secrets, emit, signal, trace }: HookContext): Promise<void> {
  for (const [index, hook] of hooks.entries()) {
    const source = hooks.length === 1 ? name : `${name}[${index}]`;
    const tail: string[] = [];
    let lines = 0;
    const redact = redactor(secrets, hook.env);
    if (signal?.aborted !== true) await trace?.announce();
    const result = await run(hook.run, {
      cwd: hook.cwd,
      env: { ...baseEnvironment(process.env), ...hook.env, ...facts, NX_DEPLOY_HOOK: name },
      timeout: hook.timeout,
      redact,
      ...(signal === undefined ? {} : { signal }),
      ...(trace === undefined ? {} : { onStart: (pid: number) => trace.started(pid) }),
      onLine: (line) => {
        lines += 1;
        if (lines <= LINES_SHOWN) emit({ type: 'output', source, line });
        tail.push(line);
        if (tail.length > 10) tail.shift();
      },
    }).finally(() => trace?.forget());
    if (lines > LINES_SHOWN) emit({ type: 'note', text: `${source}: ${lines - LINES_SHOWN} more lines of output are not shown` });
    if (result.cancelled) throw cancelled(source, signal?.reason);
    const fault = hookFault(result, hook);
    if (fault !== undefined) throw hookError(source, redact.replace(JSON.stringify(hook.run)), redact.replace(fault), tail);
  }
}

function hookFault(result: RunResult, hook: PreparedHook): string | undefined {
  if (result.timedOut) return `it ran longer than ${hook.timeout / 1_000}s and was ended`;
  if (result.startError !== undefined) return `it could not be started: ${result.startError}`;
  if (result.signal !== undefined) return `it was ended by ${result.signal}`;
  return result.exitCode === 0 ? undefined : `it exited with code ${result.exitCode ?? 'none'}`;
}

/** No fault of the hook's: nobody is to look for one. */
function cancelled(source: string, reason: unknown): DeployError {
  if (reason instanceof DeployError) return reason;
  return new DeployError('ND-CANCELLED', { what: `the run was cancelled while the hook ${source} ran, which was ended`, next: 'deploy again when ready' });
}

function hookError(source: string, command: string, why: string, tail: readonly string[]): DeployError {
  return new DeployError('ND-HOOK-FAILED', {
    what: `the hook ${source} failed`,
    where: `deploy.json, hooks: ${command}`,
    why,
    problems: tail,
    next: 'run the command by hand in the project folder to see what is wrong',
  });
}
