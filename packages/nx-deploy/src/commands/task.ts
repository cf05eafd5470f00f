/** Asks the agent for what deals with trouble, shows what it does, and says what came of it. */
import type { Streams } from '../control/protocol.js';
import type { AgentClient } from '../control/client.js';
import { connectAgent } from '../control/launch.js';
import type { TaskOrder, TaskResult } from '../engine/task.js';
import type { ResolvedEnvironment } from '../config/index.js';
import { DeployError } from '../errors.js';
import { newRun } from './change.js';
import { actor, serviceTarget, type CommandContext } from './context.js';
import { EXIT_CODES, type CommandResult } from './result.js';
import { taskLines } from './text.js';

/** The agent does it whether or not this command still watches: there is nothing to take back. */
export async function submitTask(context: CommandContext, resolved: ResolvedEnvironment, order: TaskOrder): Promise<CommandResult> {
  const agent = await connectAgent(context.home);
  const { service, environment, listen } = resolved;
  return showTask(context, agent, 'task', {
    ...await serviceTarget(context, resolved), listen, node: process.execPath,
    request: { run: newRun(), actor: actor(), service, environment, order },
  });
}

export async function showTask<Name extends 'task' | 'unlock'>(context: CommandContext, agent: AgentClient, name: Name, body: Streams[Name]['in']): Promise<CommandResult> {
  const { output } = context;
  const result = await followed(context, agent, name, body);
  output.end();
  for (const line of taskLines(result)) output.line(line);
  if (result.error !== undefined) output.error(DeployError.fromJSON(result.error));
  const exitCode = EXIT_CODES[result.outcome];
  return { exitCode, document: { ...result, exitCode } };
}

async function followed<Name extends 'task' | 'unlock'>({ output }: CommandContext, agent: AgentClient, name: Name, body: Streams[Name]['in']): Promise<TaskResult> {
  for await (const message of agent.stream(name, body)) {
    if (message.type === 'result') return message.result;
    output.event(message.event);
  }
  throw new DeployError('ND-INTERRUPTED', { what: `the agent ended the ${name} without a result`, next: 'run status: it shows what runs' });
}
