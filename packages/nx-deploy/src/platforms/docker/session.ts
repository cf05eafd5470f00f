/** Opens one service on one engine. */
import { randomBytes } from 'node:crypto';
import { errorCode } from '../../errors.js';
import { configRef, type Lock, type SealedConfig, type StateStore } from '../../releases/index.js';
import type { HaproxyRoute } from '../../routers/haproxy/index.js';
import { EngineClient } from '../../shell/engine/index.js';
import { closePublic, closingOf } from './closing.js';
import { isUp, Containers, type Container } from './containers.js';
import { engineHost } from './engine-host.js';
import { Forwards } from './forward.js';
import { Images } from './images.js';
import { dockerPlatform } from './platform.js';
import { readRecord } from './record.js';
import { ROUTER } from './router-arguments.js';
import { RouterContainer } from './router-container.js';
import { DockerService } from './service.js';
import { openDockerState, TARGET_KEY, type DockerState } from './state.js';
import type { DockerSession, DockerTarget } from './target.js';
import { dockerUpkeep } from './upkeep.js';

/**
 * `use`: whoever means to change something takes the lock first, and is checked then; whoever only looks is checked at once.
 * Nothing is changed on the engine until the lock is taken; then the router is brought up first, as what it says decides what is done.
 * Rejects with ND-ENGINE-MISSING, ND-ENGINE-UNREACHABLE, ND-OWNER-CONFLICT.
 */
export async function openDocker(target: DockerTarget, use: 'look' | 'change' = 'look'): Promise<DockerSession> {
  const { key, place, variables } = target;
  const client = new EngineClient({ program: place.program, variables, ...(place.context === undefined ? {} : { context: place.context }) });
  if (use === 'change') client.assertInstalled();
  let known: DockerService | undefined;
  const state = openDockerState({ client, key, image: place.router.image, written: () => known?.isKnown === true });
  const router = new RouterContainer({ client, ...place.router });
  const forwards = new Forwards(client, ROUTER);
  const close = async (): Promise<void> => {
    await Promise.all([forwards.close(), router.close(), state.close()]);
    client.objects.close();
  };
  try {
    const told: string[] = [];
    const containers = new Containers(client, key);
    const service: DockerService = known = new DockerService({
      target, client, router, forwards, containers, images: new Images(client, key, target.source), files: state.files,
      engineHost: await engineHost(client, place, variables),
      state: { ...state.store, config: withoutTrace(state, containers), lock: raising(state, containers, () => router.prepare(), async () => {
        service.begin();
        await checkOwner(service);
        for (const note of await router.ensure(() => storedRoutes(state))) {
          told.push(note);
          target.onNote?.(note);
        }
      }) },
    });
    if (use === 'look') await checkOwner(service);
    return {
      platform: { ...dockerPlatform(service), ...dockerUpkeep(service, { key: { files: state.all, path: TARGET_KEY }, restore: () => storedRoutes(state) }) },
      instances: async () => (await service.look()).containers.map((container) => ({ id: `${container.process}.${container.slot}`, release: container.release, ...stateOf(container), port: container.port, crashes: container.restarts, ...(container.pid > 0 ? { pid: container.pid } : {}) })),
      closePublic: (closing) => closePublic(service, closing),
      closing: async () => {
        const { route } = await service.traffic();
        return route === undefined ? undefined : closingOf(route);
      },
      notes: async () => [...told, ...routerNotes(await router.look())],
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A record that is damaged tells of no owner: repair puts it right, and everything else is refused when it reads it. */
async function checkOwner(service: DockerService): Promise<void> {
  await service.owned().catch((error: unknown) => {
    if (errorCode(error) !== 'ND-STATE-DAMAGED') throw error;
  });
}

/** Where an engine has no key yet, a dry run makes none: what it shows has an id of its own then. */
function withoutTrace({ all, store: { config } }: DockerState, containers: Containers): SealedConfig {
  const passing = randomBytes(32);
  return {
    ...config,
    ref: async (given) => (containers.isHeld || await all.read(TARGET_KEY) !== undefined ? config.ref(given) : configRef(given.values, passing)),
  };
}

/** The lock, and with it all that a change needs on the engine. */
function raising({ store: { lock } }: { readonly store: Pick<StateStore, 'lock'> }, containers: Containers, prepare: () => Promise<void>, raise: () => Promise<void>): Lock {
  return {
    holder: () => lock.holder(),
    revoke: (run) => lock.revoke(run),
    async acquire(holder) {
      // Changes nothing, so that it need not wait for the lock.
      prepare().catch(() => undefined);
      const lease = await lock.acquire(holder);
      const release = async (): Promise<void> => {
        containers.hold(false);
        await lease.release();
      };
      try {
        containers.hold(true);
        await raise();
        return { assert: () => lease.assert(), release };
      } catch (error) {
        await release();
        throw error;
      }
    },
  };
}

/** Of every service on the engine, as it was set last: a record that cannot be read costs its own service its route, not the others theirs. */
async function storedRoutes({ all }: DockerState): Promise<readonly HaproxyRoute[]> {
  const routes = await Promise.all((await all.names('services')).map(async (name) => {
    const record = await readRecord(all.below(`services/${name}`)).catch(() => undefined);
    return record?.route === undefined ? [] : [record.route];
  }));
  return routes.flat();
}

/** What a status has to tell of the router. */
function routerNotes({ state, foreign }: Awaited<ReturnType<RouterContainer['look']>>): readonly string[] {
  if (foreign === true) return [`a container that nx-deploy did not start has the name of the router (${ROUTER}): nothing can be deployed`];
  if (state === 'stopped') return ['the router does not run: nothing is reached; deploy or repair starts it again'];
  return [];
}

function stateOf(container: Container): { readonly state: string; readonly reason: string } {
  const { state, exitCode, fault } = container;
  if (state === 'running') return { state: 'running', reason: '' };
  return { state: isUp(container) ? state : 'ended', reason: `it exited with code ${exitCode}${fault === undefined ? '' : `: ${fault}`}` };
}
