import { DeployError } from '../errors.js';
import { parseDuration, RELEASE_ID_PATTERN } from '../model/index.js';
import { logText } from './text.js';
import { resolveProject, type CommandContext } from './context.js';
import { report, type CommandResult, type ReportOptions } from './result.js';
import { withService } from './service.js';

export interface LogsOptions extends ReportOptions {
  readonly follow?: boolean;
  /** ISO time, or a duration back from now such as `10m`. */
  readonly since?: string;
  /** One instance, for example `web.1`. */
  readonly instance?: string;
  readonly release?: string;
  /** One JSON object a line instead of text. */
  readonly json?: boolean;
}

/** A date, or a date with a time (ISO 8601). */
const ISO_TIME = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})?)?$/;

/** Prints what the instances wrote, in the order of time. */
export function logs(context: CommandContext, options: LogsOptions): Promise<CommandResult> {
  return report(context, options, async () => {
    const since = sinceTime(options.since, Date.now());
    checkFilters(options);
    const resolved = resolveProject(context);
    const leave = new AbortController();
    const stop = (): void => leave.abort();
    const { closed } = context.output;
    const left = closed === undefined ? leave.signal : AbortSignal.any([leave.signal, closed]);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
    let lines = 0;
    try {
      await withService(context, resolved, async (service) => {
        const wanted = {
          follow: options.follow === true,
          ...(since === undefined ? {} : { since }),
          ...(options.instance === undefined ? {} : { instance: options.instance }),
          ...(options.release === undefined ? {} : { release: options.release }),
        };
        for await (const line of service.logs(wanted, left)) {
          // What has come already is passed over: the connection ends by the signal.
          if (left.aborted) continue;
          lines += 1;
          context.output.line(options.json === true ? JSON.stringify(line) : logText(line));
        }
      });
    } catch (error) {
      if (!left.aborted) throw error;
    } finally {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.removeListener(signal, stop);
    }
    return { exitCode: 0, document: { outcome: 'done', exitCode: 0, lines } };
  }, 'look');
}

export function sinceTime(since: string | undefined, now: number): string | undefined {
  if (since === undefined) return undefined;
  const back = parseDuration(since);
  // Date.parse alone takes almost any text with a number in it for a time.
  const at = new Date(back === undefined ? ISO_TIME.test(since) ? Date.parse(since) : Number.NaN : now - back);
  if (Number.isNaN(at.getTime())) {
    throw new DeployError('ND-OPTION-INVALID', {
      what: `--since=${since} is neither a time nor a duration`, why: 'a duration is a number and ms, s, m, h or d', next: 'write --since=10m or --since=2026-01-31T12:00:00Z',
    });
  }
  return at.toISOString();
}

/** Both become parts of a path on the target. */
function checkFilters({ instance, release }: LogsOptions): void {
  if (instance !== undefined && !/^[a-z0-9][a-z0-9._-]*\.\d+$/.test(instance)) {
    throw new DeployError('ND-OPTION-INVALID', { what: `--instance=${instance} is no instance`, next: 'status lists the instances; their names look like web.1' });
  }
  if (release !== undefined && !RELEASE_ID_PATTERN.test(release)) {
    throw new DeployError('ND-OPTION-INVALID', { what: `--release=${release} is no release id`, next: 'status lists the releases; an id is r and 12 hexadecimal digits' });
  }
}
