/** A service as a command reaches it where it runs: through the agent of this machine, or on its engine from the command's own process. */
import type { ClosureAnswer } from '../control/closures.js';
import { connectAgent } from '../control/launch.js';
import type { LogsRequest, RunMessage, RunningConfiguration, RunResult, ServiceStatus } from '../control/protocol.js';
import type { ResolvedEnvironment } from '../config/index.js';
import type { TaskRequest, TaskResult } from '../engine/task.js';
import type { LogLine, Ms } from '../model/index.js';
import type { Closure } from '../routers/router.js';
import { agentService } from './agent-service.js';
import { serviceTarget, type CommandContext } from './context.js';

export type LogsWanted = Omit<LogsRequest, 'key' | 'owner'>;

export interface Service {
  status(): Promise<ServiceStatus>;
  configuration(): Promise<RunningConfiguration>;
  logs(wanted: LogsWanted, signal: AbortSignal): AsyncIterable<LogLine>;
  /** Closes the service to its public, or opens it again. `by`: `user@host`. */
  closure(by: string, closure: Closure | undefined): Promise<ClosureAnswer>;
  task(request: TaskRequest): AsyncIterable<RunMessage<TaskResult>>;
  /** `run`: name of the unlocking itself. */
  unlock(run: string, wait: Ms): AsyncIterable<RunMessage<TaskResult>>;
  /** What the run under way says that is no walker of this home. */
  watch(signal: AbortSignal): AsyncIterable<RunMessage<RunResult>>;
}

/** What is reached is given back when `work` has ended. */
export async function withService<T>(context: CommandContext, resolved: ResolvedEnvironment, work: (service: Service) => Promise<T>): Promise<T> {
  const target = await serviceTarget(context, resolved);
  const { platform } = resolved;
  if (platform.type === 'local') return work(agentService(await connectAgent(context.home), target, resolved.listen));
  // Loaded here: nobody who deploys to this machine needs it.
  const { withDockerService } = await import('./docker/service.js');
  return withDockerService(context, { ...target, place: platform.place }, work);
}
