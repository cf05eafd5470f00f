/** Asks for what deals with trouble, shows what it does, and says what came of it. */
import type { RunMessage } from '../control/protocol.js';
import type { TaskOrder, TaskResult } from '../engine/task.js';
import type { ResolvedEnvironment } from '../config/index.js';
import { DeployError } from '../errors.js';
import { newRun } from './change.js';
import { actor, type CommandContext } from './context.js';
import { EXIT_CODES, type CommandResult } from './result.js';
import { withService } from './service.js';
import { taskLines } from './text.js';

/** There is nothing to take back. An agent does it whether or not this command still watches; on an engine it is done by this process. */
export async function submitTask(context: CommandContext, resolved: ResolvedEnvironment, order: TaskOrder): Promise<CommandResult> {
  const { service, environment } = resolved;
  return withService(context, resolved, (reached) => showTask(context, order.action, reached.task({ run: newRun(), actor: actor(), service, environment, order })));
}

export async function showTask(context: CommandContext, name: string, messages: AsyncIterable<RunMessage<TaskResult>>): Promise<CommandResult> {
  const { output } = context;
  const result = await followed(context, name, messages);
  output.end();
  for (const line of taskLines(result)) output.line(line);
  if (result.error !== undefined) output.error(DeployError.fromJSON(result.error));
  const exitCode = EXIT_CODES[result.outcome];
  return { exitCode, document: { ...result, exitCode } };
}

async function followed({ output }: CommandContext, name: string, messages: AsyncIterable<RunMessage<TaskResult>>): Promise<TaskResult> {
  for await (const message of messages) {
    if (message.type === 'result') return message.result;
    output.event(message.event);
  }
  throw new DeployError('ND-INTERRUPTED', { what: `the ${name} ended without a result`, next: 'run status: it shows what runs' });
}
