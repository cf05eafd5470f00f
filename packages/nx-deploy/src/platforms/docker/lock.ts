/**
 * The lock of one service on an engine: a container whose name is taken at once or not at all, and which lives as long as somebody holds its standard
 * input and is heard every 30 s. So it is free at once when its holder's process ends, and after 30 s when its machine or the network is gone.
 *
 * The same container keeps the state: whoever holds the lock writes through it, and can write nothing any more once the lock is lost.
 */
import { DeployError } from '../../errors.js';
import type { Ms } from '../../model/index.js';
import { lockedError, lostError, type Lease, type Lock, type LockHolder, type ServiceKey } from '../../releases/index.js';
import type { EngineClient } from '../../shell/engine/index.js';
import { Keeper, KeeperGone, keeperArguments, STATE_FOLDER } from './keeper.js';
import { containerName, labelArguments, LABELS, STATE_VOLUME } from './labels.js';

export interface DockerLockOptions {
  readonly client: EngineClient;
  readonly key: ServiceKey;
  /** With what a keeper needs; it has to be on the engine, or where the engine can get it. */
  readonly image: string;
  /** With the state; default that of the engine. */
  readonly volume?: string;
}

/** ms between two signs of life. */
const BEAT: Ms = 8_000;
/** s after which a holder that is not heard has lost the lock. */
const SILENCE = 30;
/** The engine removes one that has ended by itself, soon; after so many looks it is removed here, and then it is given up. */
const PATIENCE = 20;
/** podman does not always do so. */
const LEAVE = 2;
const TRIES = 60;
const PAUSE: Ms = 100;

/** A lease, and the keeper that is the lock; both end together. */
export interface HeldLock {
  readonly lease: Lease;
  readonly keeper: Keeper;
}

export interface KeepingLock extends Lock {
  hold(holder: LockHolder): Promise<HeldLock>;
}

export function dockerLock({ client, key, image, volume = STATE_VOLUME }: DockerLockOptions): KeepingLock {
  const name = containerName(key, 'lock');
  const what = `${key.service} (${key.environment})`;
  const found = (): Promise<Found | undefined> => look(client, name);
  const hold = async (holder: LockHolder): Promise<HeldLock> => {
    for (let tries = 0; ; tries += 1) {
      const keeper = await take(client, startArguments({ name, key, image, volume, holder }));
      if (keeper !== undefined) return { keeper, lease: leaseOf(keeper, what) };
      const other = await found();
      if (other !== undefined && other.holder === undefined) throw foreign(client.name, name);
      if (other?.state === 'running' && other.holder !== undefined) throw lockedError(what, other.holder);
      // It ends, or starts. What a killed client or an engine that was started again left behind does neither: not forced, so that one that runs is never removed.
      if (other !== undefined && tries >= (other.state === 'exited' ? LEAVE : PATIENCE)) await client.call('remove an ended lock', ['rm', other.id]);
      if (tries >= TRIES) throw new DeployError('ND-ENGINE-FAILED', { what: `the lock of ${what} could not be taken`, where: client.name, why: `the container ${name} is neither there nor gone`, next: 'run the command again' });
      await new Promise((wake) => setTimeout(wake, PAUSE));
    }
  };
  return {
    hold,
    acquire: async (holder) => (await hold(holder)).lease,
    async holder() {
      const other = await found();
      return other?.state === 'running' ? other.holder : undefined;
    },
    async revoke(run) {
      const other = await found();
      if (other?.state !== 'running' || other.holder?.run !== run) return false;
      // By its id: another one may have the name by now.
      const { exitCode } = await client.call('take the lock away', ['rm', '--force', other.id]);
      return exitCode === 0;
    },
  };
}

interface Start extends Pick<DockerLockOptions, 'key' | 'image'> {
  readonly name: string;
  readonly volume: string;
  readonly holder: LockHolder;
}

export function startArguments({ name, key, image, volume, holder }: Start): readonly string[] {
  return ['run', '--rm', '--interactive', `--name=${name}`, ...labelArguments(key, 'lock', { holder: JSON.stringify(holder) }), ...keepingArguments(volume), image, ...keeperArguments(SILENCE)];
}

/** What a container may that only keeps files, which are root's. */
export function keepingArguments(volume: string): readonly string[] {
  return [
    '--network=none', '--read-only', '--cap-drop=ALL', '--security-opt=no-new-privileges', '--pids-limit=256', '--memory=128m', '--log-driver=none', '--user=0:0',
    `--volume=${volume}:${STATE_FOLDER}`, '--entrypoint=sh',
  ];
}

/** Undefined when the name is taken. */
async function take(client: EngineClient, args: readonly string[]): Promise<Keeper | undefined> {
  const opened = await Keeper.open(client, args);
  if (opened instanceof Keeper) return opened;
  const failure = client.failure('take the lock', 'complaints' in opened ? opened.complaints : `the container has no ${STATE_FOLDER}`);
  if (failure.code === 'ND-OWNER-CONFLICT') return undefined;
  throw failure;
}

/** Every assertion asks the container itself: it says that the lease was held when it answered. */
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
  readonly id: string;
  /** Docker's word: created, running, removing, exited and others. */
  readonly state: string;
  /** Undefined: it is not nx-deploy's. */
  readonly holder: LockHolder | undefined;
}

/** By an inspection, whose format docker and podman have in common. */
async function look(client: EngineClient, name: string): Promise<Found | undefined> {
  const what = 'look for the lock';
  const { exitCode, output, complaints } = await client.call(what, ['container', 'inspect', `--format={{.Id}}\t{{.State.Status}}\t{{index .Config.Labels "${LABELS.holder}"}}`, name]);
  if (exitCode !== 0 && /no such (?:container|object)/i.test(complaints)) return undefined;
  if (exitCode !== 0) throw client.failure(what, complaints);
  const [id = '', state = '', holder = ''] = output.split('\n')[0]?.split('\t') ?? [];
  return id === '' ? undefined : { id, state, holder: readHolder(holder) };
}

function readHolder(label: string): LockHolder | undefined {
  try {
    const value: unknown = JSON.parse(label);
    return typeof value === 'object' && value !== null && 'run' in value && 'actor' in value ? value as LockHolder : undefined;
  } catch {
    return undefined;
  }
}

function foreign(where: string, name: string): DeployError {
  return new DeployError('ND-OWNER-CONFLICT', { what: `the name ${name} is taken by a container that nx-deploy did not start`, where, why: 'it was left alone', next: 'rename or remove it, if it is yours' });
}
