/** A change on an engine: a walker that is a process of its own walks it, and goes on whatever becomes of the command. */
import type { ResolvedEnvironment } from '../../config/index.js';
import { ownCopy, pruneCopies } from '../../control/code-copies.js';
import type { DockerOrder } from '../../control/docker-task.js';
import { BUNDLE_FOLDER, codeOf, walkerBeside } from '../../control/launch.js';
import { wantedSteering } from '../../control/steering.js';
import type { DockerTarget } from '../../platforms/docker/index.js';
import { attachRun, cancelRun } from '../../walker/attach.js';
import { launchWalker, type WaitingWalker } from '../../walker/start.js';
import type { ChangeOrder, Walk } from '../change.js';
import type { CommandContext } from '../context.js';
import { withDockerService } from './service.js';
import { dockerListen, engineVariables } from './target.js';

type Target = Pick<DockerTarget, 'key' | 'owner' | 'place'>;

/** A walker's program starts while what it is to do is still made out. */
export interface EarlyWalker {
  readonly program: string;
  readonly waiting: Promise<WaitingWalker>;
  /** It ends where nothing is to be done after all; once it has its order that changes nothing. */
  dismiss(): void;
}

export function launchEarly({ home }: Pick<CommandContext, 'home'>, run: string): EarlyWalker {
  // A copy that nobody deletes: the walker may outlive the package that it came with.
  const program = walkerBeside(ownCopy(home, BUNDLE_FOLDER));
  const waiting = launchWalker({ runs: home.runs, run, program });
  waiting.catch(() => undefined);
  return { program, waiting, dismiss: () => { waiting.then((walker) => walker.dismiss(), () => undefined); } };
}

export async function dockerWalk(context: CommandContext, target: Target, resolved: ResolvedEnvironment, { request, listens, source, early }: ChangeOrder): Promise<Walk> {
  const { home, variables } = context;
  const { program, waiting } = early ?? launchEarly(context, request.run);
  const steering = wantedSteering(request);
  const order: DockerOrder = {
    platform: 'docker', request,
    target: {
      ...target, variables: engineVariables(variables),
      ...(listens ? { listen: await dockerListen(resolved) } : {}), ...(steering === undefined ? {} : { steering }), ...(source === undefined ? {} : { source }),
    },
  };
  const started = waiting.then((walker) => walker.begin(order));
  started.catch(() => undefined);
  return {
    by: 'walker',
    async* messages(signal) {
      const run = await started;
      // Beside the walk, which waits for nobody.
      const pruned = pruneCopies(home, codeOf(program)).catch(() => undefined);
      yield* attachRun(run, signal);
      await pruned;
    },
    cancel: async () => cancelRun(await started),
    status: () => withDockerService(context, target, (service) => service.status()),
  };
}
