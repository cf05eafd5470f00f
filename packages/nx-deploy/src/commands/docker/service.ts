/** A service on its engine, from the command's own process: no agent is started on this machine. */
import { setTimeout as sleep } from 'node:timers/promises';
import { closureStatus } from '../../control/closures.js';
import { configurationOf } from '../../control/configuration.js';
import { watchedOn } from '../../control/docker-task.js';
import { neverDeployed } from '../../control/platform-calls.js';
import type { ServiceStatus } from '../../control/protocol.js';
import { platformStatus } from '../../control/status.js';
import { runTask } from '../../engine/task.js';
import { openDocker, type Closing, type DockerSession, type DockerTarget } from '../../platforms/docker/index.js';
import { findWatches } from '../../walker/watching.js';
import type { CommandContext } from '../context.js';
import type { Service } from '../service.js';
import { told } from './told.js';
import { engineVariables } from './target.js';
import { unlockOnEngine } from './unlock.js';

type Target = Pick<DockerTarget, 'key' | 'owner' | 'place'>;

/** ms between two looks at a lock. */
const POLL = 500;

export async function withDockerService<T>(context: CommandContext, target: Target, work: (service: Service) => Promise<T>): Promise<T> {
  const notes: Notes = { tell: () => undefined };
  const session = await openDocker({ ...target, variables: engineVariables(context.variables), onNote: (text) => notes.tell(text) });
  try {
    return await work(dockerService(context, target, session, notes));
  } finally {
    await session.close();
  }
}

/** Who is told what was put right on the engine: the task that is at work. */
interface Notes {
  tell: (text: string) => void;
}

function dockerService(context: CommandContext, target: Target, session: DockerSession, notes: Notes): Service {
  const { platform } = session;
  const known = async (): Promise<void> => {
    if ((await platform.state.ledger.entries()).length === 0 && Object.keys(await platform.list()).length === 0) throw neverDeployed(target);
  };
  return {
    status: async () => {
      const [found, closing] = await Promise.all([platformStatus(session, target.key), session.closing()]);
      return { ...found, ...await watchFacts(context, target, found), ...(closing === undefined ? {} : { closed: closureStatus(closing) }) };
    },
    configuration: () => configurationOf(platform),
    async* logs({ release, follow, since, instance }, signal) {
      await known();
      yield* platform.logs(release, { follow, signal, ...(since === undefined ? {} : { since }), ...(instance === undefined ? {} : { instance }) });
    },
    async closure(by, closure) {
      const now: Closing | undefined = closure === undefined ? undefined : { closure, by, since: new Date().toISOString() };
      const { url, before } = await session.closePublic(now);
      return { url, ...(before === undefined ? {} : { before: closureStatus(before) }), ...(now === undefined ? {} : { now: closureStatus(now) }) };
    },
    task: (request) => told(async (emit) => {
      notes.tell = (text) => emit({ type: 'note', text });
      if (request.order.action !== 'repair') await known();
      // The engine keeps nothing of a release but its image, which goes with it.
      return runTask({ platform, request, emit, sweep: () => Promise.resolve({ files: 0, bytes: 0 }) });
    }),
    unlock: (run, wait) => told(async (emit) => {
      await known();
      return unlockOnEngine({ state: platform.state, runs: context.home.runs, key: target.key, run, wait, emit });
    }),
    async* watch(signal) {
      const { lock } = platform.state;
      const holder = await lock.holder();
      if (holder === undefined) return;
      const { action, run, actor } = holder;
      yield { type: 'event', at: new Date().toISOString(), event: { type: 'note', text: `the ${action} ${run} of ${actor.user}@${actor.host} goes on in a process of its own; its steps are not known here` } };
      while (!signal.aborted && (await lock.holder())?.run === run) await sleep(POLL, undefined, { signal }).catch(() => undefined);
    },
  };
}

/** Who looks after what was deployed, as far as this machine knows: a walker that was started on another one is not seen. */
async function watchFacts({ home }: CommandContext, target: Target, { live, notes = [] }: ServiceStatus): Promise<Pick<ServiceStatus, 'watch' | 'notes'>> {
  const watches = (await findWatches(home.runs, watchedOn(target))).filter(({ release, until }) => release === live && Date.parse(until) > Date.now());
  const watching = watches.find(({ alive }) => alive);
  if (watching !== undefined) return { watch: { release: watching.release, until: watching.until } };
  const [dead] = watches;
  if (dead === undefined) return {};
  return { notes: [...notes, `the watch over ${dead.release} was to last until ${dead.until}, and its process ${dead.run} has ended: nobody looks after the release any more`] };
}
