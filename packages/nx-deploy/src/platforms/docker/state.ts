/** What an engine remembers of one service: a folder in a volume, by way of the keeper that holds the lock, or of one that only reads. */
import { lostError, keyName, stateStoreIn, type Lease, type LockHolder, type ServiceKey, type StateFiles, type StateStore } from '../../releases/index.js';
import type { EngineClient } from '../../shell/engine/index.js';
import { engineFiles, type KeeperAccess } from './files.js';
import { KeeperGone, type Answer, type Keeper, type Question } from './keeper.js';
import { KeeperContainer } from './keeper-container.js';
import { dockerLock } from './lock.js';
import { ReadingKeeper } from './reading.js';

export interface DockerStateOptions {
  readonly client: EngineClient;
  readonly key: ServiceKey;
  /** Of the router: it has what a keeper needs. */
  readonly image: string;
  /** Default that of the engine. */
  readonly volume?: string;
  /** Does anything outside the ledger show that it had entries? Default: nothing does. */
  readonly written?: () => boolean;
}

export interface DockerState {
  readonly store: StateStore;
  /** Of this service. */
  readonly files: StateFiles;
  /** Of every service on the engine. */
  readonly all: StateFiles;
  close(): Promise<void>;
}

export const TARGET_KEY = 'target.key';

/** The folder of a service. */
export function serviceFolder(key: ServiceKey): string {
  return `services/${keyName(key)}`;
}

/**
 * Between `store.lock.acquire` and the release of its lease everything goes through the keeper that holds the lock, and rejects with ND-LEASE-LOST when that is gone. Before and
 * after, reading finds nothing, and makes nothing, where there is no volume yet.
 */
export function openDockerState({ client, key, image, volume, written }: DockerStateOptions): DockerState {
  const what = `${key.service} (${key.environment})`;
  const container = new KeeperContainer({ client, image, ...(volume === undefined ? {} : { volume }) });
  const reading = new ReadingKeeper({ client, key, image, container });
  const lock = dockerLock({ client, key, container, reading });
  const held = new Set<Keeper>();
  const access: KeeperAccess = {
    name: `volume ${container.volume} (${client.name})`,
    ask: (question) => {
      const [keeper] = held;
      return keeper === undefined ? reading.ask(question) : askHeld(keeper, question, what);
    },
  };
  const acquire = async (holder: LockHolder): Promise<Lease> => {
    const { keeper, lease } = await lock.hold(holder);
    held.add(keeper);
    return {
      assert: () => lease.assert(),
      release: async () => {
        held.delete(keeper);
        await lease.release();
      },
    };
  };
  const all = engineFiles(access);
  const files = all.below(serviceFolder(key));
  const store = stateStoreIn({
    files, key: { files: all, path: TARGET_KEY }, ...(written === undefined ? {} : { written }),
    lock: { acquire, holder: () => lock.holder(), revoke: (run) => lock.revoke(run) },
  });
  return {
    store, files, all,
    close: async () => {
      await Promise.all([reading.close(), ...[...held].map((keeper) => keeper.close())]);
      held.clear();
    },
  };
}

async function askHeld(keeper: Keeper, question: Question, what: string): Promise<Answer> {
  return keeper.ask(question).catch((error: unknown) => { throw error instanceof KeeperGone ? lostError(what) : error; });
}
