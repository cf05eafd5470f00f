/** What a walker needs to change a service on an engine. It starts no agent. */
import type { ChangeRequest } from '../engine/request.js';
import type { Emit } from '../model/index.js';
import { openDocker, type DockerPlace, type DockerSession, type DockerTarget } from '../platforms/docker/index.js';
import type { ServiceKey } from '../releases/index.js';
import type { PlatformSession } from './platform-session.js';

/** The order of a walker. It holds what the engine's client needs of the command's environment, as a walker inherits next to nothing. */
export interface DockerOrder {
  readonly platform: 'docker';
  readonly target: DockerTarget;
  readonly request: ChangeRequest;
}

export interface DockerTask {
  readonly request: ChangeRequest;
  readonly watched: { readonly key: ServiceKey; readonly on: string };
  open(cancel: () => void, emit: Emit): Promise<PlatformSession>;
}

/** An order says which platform it is for; that of the local one does not. */
export function isDockerOrder(order: unknown): order is DockerOrder {
  return typeof order === 'object' && order !== null && 'platform' in order && order.platform === 'docker';
}

export function dockerTask({ target, request }: DockerOrder): DockerTask {
  return {
    request,
    watched: watchedOn(target),
    async open(_cancel, emit) {
      const session = await openDocker(target);
      return { platform: withReleaseCommand(session, request, emit), close: () => session.close() };
    },
  };
}

/** How a service is named among those that walkers of one home look after. */
export function watchedOn({ key, place }: Pick<DockerTarget, 'key' | 'place'>): { readonly key: ServiceKey; readonly on: string } {
  return { key, on: engineName(place) };
}

function engineName({ program, context }: DockerPlace): string {
  return context === undefined ? program : `${program}, context ${context}`;
}

/**
 * The release command (a migration, say) runs as soon as the release is on the engine: under the lock, before anything changes that the public sees. Only a deploy
 * brings one along: what is gone back to was migrated when it was deployed.
 */
function withReleaseCommand(session: DockerSession, { change, dryRun }: ChangeRequest, emit: Emit): DockerSession['platform'] {
  const { platform } = session;
  const once = change.action === 'deploy' && !dryRun ? change.deployable.spec.container?.release : undefined;
  if (once === undefined) return platform;
  return decorated(platform, async (release) => {
    await platform.stage(release);
    emit({ type: 'note', text: `release command: ${once.command.join(' ')}` });
    await session.runOnce(release.id, once.command, once.timeout);
  });
}

/** Platforms may be objects of a class, so that nothing of them is copied. */
function decorated(platform: DockerSession['platform'], stage: DockerSession['platform']['stage']): DockerSession['platform'] {
  return new Proxy(platform, {
    get(target, name) {
      if (name === 'stage') return stage;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) as unknown : value;
    },
  });
}
