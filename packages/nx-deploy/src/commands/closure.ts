/** Closes a service to its public for a while: with a page, or by having requests wait. And opens it again. */
import type { ClosureAnswer, ClosureStatus } from '../control/closures.js';
import { formatDuration } from '../model/index.js';
import type { Closure } from '../routers/router.js';
import { actor, commandLines, resolveProject, type CommandContext } from './context.js';
import { durationOption } from './duration-option.js';
import { maintenancePage, type PageOptions } from './maintenance-page.js';
import { EXIT_CODES, report, type CommandResult, type ReportOptions } from './result.js';
import { withService } from './service.js';

export interface MaintenanceOptions extends ReportOptions, PageOptions {
  /** Told to clients as `Retry-After`: `10m`, say. Without it they are told nothing. */
  readonly retryAfter?: string | number;
}

export interface PauseOptions extends ReportOptions {
  /** How long one request waits at most; by default `30s`. */
  readonly wait?: string | number;
}

const WAIT = '30s';
/** Each holds a connection and what the client has sent. */
const MOST_WAITING = 1_000;
const SECOND = 1_000;

type Action = 'maintenance' | 'pause' | 'resume';

/** Answers every request with 503 and a page, until {@link resume}. */
export function maintenance(context: CommandContext, options: MaintenanceOptions): Promise<CommandResult> {
  return report(context, options, async () => {
    const after = options.retryAfter === undefined ? undefined : durationOption('retryAfter', options.retryAfter, '10m');
    const page = await maintenancePage(options, context.workspaceRoot);
    return submit(context, 'maintenance', { type: 'maintenance', ...page, ...(after === undefined ? {} : { retryAfter: Math.ceil(after / SECOND) }) });
  });
}

/** Has new requests wait, until {@link resume}. What is in flight goes on. */
export function pause(context: CommandContext, options: PauseOptions): Promise<CommandResult> {
  return report(context, options, () => submit(context, 'pause', { type: 'paused', wait: durationOption('wait', options.wait ?? WAIT, WAIT), most: MOST_WAITING }));
}

/** Ends either. */
export function resume(context: CommandContext, options: ReportOptions): Promise<CommandResult> {
  return report(context, options, () => submit(context, 'resume', undefined));
}

async function submit(context: CommandContext, action: Action, closure: Closure | undefined): Promise<CommandResult> {
  const resolved = resolveProject(context);
  const { user, host } = actor();
  const { service, environment } = resolved;
  const answer = await withService(context, resolved, (reached) => reached.closure(`${user}@${host}`, closure));
  const outcome = closure === undefined && answer.before === undefined ? 'unchanged' : 'done';
  for (const line of lines(`${service} ${environment}`, closure, answer)) context.output.line(line);
  if (closure !== undefined) context.output.line(`  end it    ${commandLines(context, environment)('resume')}`);
  const exitCode = EXIT_CODES[outcome];
  return { exitCode, document: { outcome, exitCode, action, service, environment, ...answer } };
}

function lines(name: string, closure: Closure | undefined, { url, before }: ClosureAnswer): readonly string[] {
  if (closure === undefined) return [before === undefined ? `nothing to end: ${name} is open at ${url}` : `open again: ${name} at ${url}; ${was(before)}`];
  const replaced = before === undefined ? [] : [`  replaces  ${was(before)}`];
  if (closure.type === 'paused') return [`paused: ${name} at ${url}; new requests wait, each at most ${formatDuration(closure.wait)}, then they get 503`, ...replaced];
  const retry = closure.retryAfter === undefined ? '' : `, to be tried again after ${formatDuration(closure.retryAfter * SECOND)}`;
  return [`maintenance: ${name} at ${url}; every request gets 503 and a page of ${Buffer.byteLength(closure.page)} bytes${retry}`, ...replaced];
}

function was({ type, since, by }: ClosureStatus): string {
  return `it was ${type === 'paused' ? 'paused' : 'under maintenance'} since ${since} by ${by}`;
}
