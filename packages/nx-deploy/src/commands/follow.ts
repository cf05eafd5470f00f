/** Shows a run that somebody else began, wherever its walker lives. That the command ends changes nothing for the run. */
import type { RunMessage, RunResult } from '../control/protocol.js';
import { DeployError } from '../errors.js';
import { attachRun } from '../walker/attach.js';
import { findRun } from '../walker/run-folder.js';
import type { CommandContext } from './context.js';
import type { Service } from './service.js';
import { followedLines } from './text.js';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** Resolves with what the run has come to; undefined when none is under way, or when it was left. */
export async function follow(context: CommandContext, service: Service): Promise<RunResult | undefined> {
  const { output } = context;
  const leave = new AbortController();
  const stop = (): void => leave.abort();
  for (const signal of SIGNALS) process.once(signal, stop);
  let result: RunResult | undefined;
  let any = false;
  try {
    for await (const message of await messagesOf(context, service, leave.signal)) {
      any = true;
      if (message.type === 'result') ({ result } = message);
      else output.event(message.event);
    }
  } finally {
    for (const signal of SIGNALS) process.removeListener(signal, stop);
  }
  output.end();
  for (const line of followedLines(result, leave.signal.aborted ? 'left' : any ? 'ended' : 'none')) output.line(line);
  if (result?.error !== undefined) output.error(DeployError.fromJSON(result.error));
  return result;
}

/** A walker that is a process of its own writes down what it does. */
async function messagesOf({ home }: CommandContext, service: Service, signal: AbortSignal): Promise<AsyncIterable<RunMessage<RunResult>>> {
  const { lock } = await service.status();
  const walker = lock === undefined ? undefined : await findRun(home.runs, lock.run);
  return walker === undefined ? service.watch(signal) : attachRun(walker, signal);
}
