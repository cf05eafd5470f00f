/** A change on an engine: a walker that is a process of its own walks it, and goes on whatever becomes of the command. */
import type { ResolvedEnvironment } from '../../config/index.js';
import { ownCopy, pruneCopies } from '../../control/code-copies.js';
import type { DockerOrder } from '../../control/docker-task.js';
import { BUNDLE_FOLDER, codeOf, walkerBeside } from '../../control/launch.js';
import { wantedSteering } from '../../control/steering.js';
import type { DockerTarget } from '../../platforms/docker/index.js';
import { attachRun, cancelRun } from '../../walker/attach.js';
import { startWalker } from '../../walker/start.js';
import type { ChangeOrder, Walk } from '../change.js';
import type { CommandContext } from '../context.js';
import { withDockerService } from './service.js';
import { dockerListen, engineVariables } from './target.js';

type Target = Pick<DockerTarget, 'key' | 'owner' | 'place'>;

export async function dockerWalk(context: CommandContext, target: Target, resolved: ResolvedEnvironment, { request, listens, source }: ChangeOrder): Promise<Walk> {
  const { home, variables } = context;
  const steering = wantedSteering(request);
  const order: DockerOrder = {
    platform: 'docker', request,
    target: {
      ...target, variables: engineVariables(variables),
      ...(listens ? { listen: await dockerListen(resolved) } : {}), ...(steering === undefined ? {} : { steering }), ...(source === undefined ? {} : { source }),
    },
  };
  // A copy that nobody deletes: the walker may outlive the package that it came with.
  const program = walkerBeside(ownCopy(home, BUNDLE_FOLDER));
  const started = startWalker({ runs: home.runs, run: request.run, program, order });
  started.catch(() => undefined);
  return {
    by: 'walker',
    async* messages(signal) {
      const run = await started;
      await pruneCopies(home, codeOf(program)).catch(() => undefined);
      yield* attachRun(run, signal);
    },
    cancel: async () => cancelRun(await started),
    status: () => withDockerService(context, target, (service) => service.status()),
  };
}
