/**
 * The lock of one service on an engine: a keeper that holds it lives as long as somebody holds its standard input and is heard every 30 s. So it is free at once when its holder's
 * process ends, and after 30 s when its machine or the network is gone.
 *
 * The same keeper reads and writes the state: whoever holds the lock writes through it, and can write nothing any more once the lock is lost.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { DeployError } from '../../errors.js';
import type { Ms } from '../../model/index.js';
import { keyName, lockedError, lostError, type Lease, type Lock, type LockHolder, type ServiceKey } from '../../releases/index.js';
import type { EngineClient } from '../../shell/engine/index.js';
import { KeeperGone, Keeper, STATE_FOLDER } from './keeper.js';
import type { KeeperContainer } from './keeper-container.js';
import type { ReadingKeeper } from './reading.js';

export interface DockerLockOptions {
  readonly client: EngineClient;
  readonly key: ServiceKey;
  readonly container: KeeperContainer;
  /** Who looks without the lock. */
  readonly reading: ReadingKeeper;
}

/** ms between two signs of life. */
const BEAT: Ms = 8_000;
/** s after which a holder that is not heard has lost the lock. */
const SILENCE = 30;
/** A container may end between the look at it and the start of the keeper. */
const TRIES = 20;
const PAUSE: Ms = 100;
const ENDED = /no such container|is not running|is restarting|no longer running|can only create exec sessions on running/i;

/** A lease, and the keeper that holds the lock; both end together. */
export interface HeldLock {
  readonly lease: Lease;
  readonly keeper: Keeper;
}

export interface KeepingLock extends Lock {
  hold(holder: LockHolder): Promise<HeldLock>;
}

export function dockerLock({ client, key, container, reading }: DockerLockOptions): KeepingLock {
  const name = keyName(key);
  const what = `${key.service} (${key.environment})`;
  const found = async (): Promise<Found | undefined> => {
    const { word, content } = await reading.ask({ operation: 'holder', path: name });
    return word === 'ok' ? foundIn(content.toString('utf8')) : undefined;
  };
  const hold = async (holder: LockHolder): Promise<HeldLock> => {
    for (let tries = 1; ; tries += 1) {
      const opened = await container.enter(await container.ensure(), SILENCE, { name, holder: JSON.stringify(holder) });
      if (opened instanceof Keeper) return { keeper: opened, lease: leaseOf(opened, what) };
      if ('held' in opened) throw heldError(what, opened.held, client.name);
      const complaints = 'complaints' in opened ? opened.complaints : `the container has no ${STATE_FOLDER}`;
      if (tries >= TRIES || !ENDED.test(complaints)) throw client.failure('take the lock', await container.explain(complaints));
      await sleep(PAUSE);
    }
  };
  return {
    hold,
    acquire: async (holder) => (await hold(holder)).lease,
    holder: async () => (await found())?.holder,
    async revoke(run) {
      const other = await found();
      if (other?.holder?.run !== run) return false;
      return (await reading.ask({ operation: 'end', path: name, other: other.process })).word === 'ok';
    },
  };
}

/** Every assertion asks the keeper itself: it says that the lease was held when it answered. */
function leaseOf(keeper: Keeper, what: string): Lease {
  const ask = (): Promise<unknown> => keeper.ask({ operation: 'beat', path: '.' });
  const beats = setInterval(() => { ask().catch(() => undefined); }, BEAT);
  beats.unref();
  return {
    async assert() {
      await ask().catch((error: unknown) => { throw error instanceof KeeperGone ? lostError(what) : error; });
    },
    async release() {
      clearInterval(beats);
      await keeper.close();
    },
  };
}

interface Found {
  /** Id in the keeper's container. */
  readonly process: string;
  readonly holder: LockHolder | undefined;
}

function foundIn(text: string): Found {
  const space = text.indexOf(' ');
  return { process: text.slice(0, Math.max(0, space)), holder: readHolder(text.slice(space + 1)) };
}

function readHolder(text: string): LockHolder | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && 'run' in value && 'actor' in value ? value as LockHolder : undefined;
  } catch {
    return undefined;
  }
}

function heldError(what: string, text: string, where: string): DeployError {
  const holder = readHolder(text);
  if (holder !== undefined) return lockedError(what, holder);
  return new DeployError('ND-ENGINE-FAILED', { what: `the lock of ${what} could not be taken`, where, why: 'it is held, and nothing tells by whom', next: 'run the command again' });
}
