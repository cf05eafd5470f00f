/**
 * The lock of one service on an engine: a container whose name is taken at once or not at all, and which lives as long as somebody holds its standard
 * input and is heard every 30 s. So it is free at once when its holder's process ends, and after 30 s when its machine or the network is gone.
 */
import { DeployError } from '../../errors.js';
import type { Ms } from '../../model/index.js';
import { lockedError, lostError, type Lease, type Lock, type LockHolder, type ServiceKey } from '../../releases/index.js';
import type { EngineClient, Held } from '../../shell/engine/index.js';
import { containerName, labelArguments, LABELS } from './labels.js';

export interface DockerLockOptions {
  readonly client: EngineClient;
  readonly key: ServiceKey;
  /** With sh and timeout; it has to be on the engine, or where the engine can get it. */
  readonly image: string;
}

/** ms between two signs of life, and what an answer may take. */
const BEAT: Ms = 8_000;
const ANSWER: Ms = 20_000;
/** Getting the image may take its time. */
const START: Ms = 5 * 60_000;
const CLOSE: Ms = 10_000;
/** The engine removes one that has ended by itself, soon; after so many looks it is removed here, and then it is given up. */
const PATIENCE = 20;
const TRIES = 60;
const PAUSE: Ms = 100;

/** Answers every line with itself. A shell's own `read` knows no time limit everywhere, hence the program. */
const SCRIPT = 'echo held; while line=$(timeout 30 head -n 1) && [ -n "$line" ]; do printf "%s\\n" "$line"; done';

export function dockerLock({ client, key, image }: DockerLockOptions): Lock {
  const name = containerName(key, 'lock');
  const what = `${key.service} (${key.environment})`;
  const found = (): Promise<Found | undefined> => look(client, name);
  return {
    async acquire(holder) {
      for (let tries = 0; ; tries += 1) {
        const held = await take(client, startArguments({ name, key, image, holder }));
        if (held !== undefined) return lease(held, what);
        const other = await found();
        if (other !== undefined && other.holder === undefined) throw foreign(client.name, name);
        if (other?.state === 'running' && other.holder !== undefined) throw lockedError(what, other.holder);
        // It ends, or starts. What a killed client or an engine that was started again left behind does neither: not forced, so that one that runs is never removed.
        if (other !== undefined && tries >= PATIENCE) await client.call('remove an ended lock', ['rm', other.id]);
        if (tries >= TRIES) throw new DeployError('ND-ENGINE-FAILED', { what: `the lock of ${what} could not be taken`, where: client.name, why: `the container ${name} is neither there nor gone`, next: 'run the command again' });
        await new Promise((wake) => setTimeout(wake, PAUSE));
      }
    },
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
  readonly holder: LockHolder;
}

export function startArguments({ name, key, image, holder }: Start): readonly string[] {
  return [
    'run', '--rm', '--interactive', `--name=${name}`, ...labelArguments(key, 'lock', { holder: JSON.stringify(holder) }),
    '--network=none', '--read-only', '--cap-drop=ALL', '--security-opt=no-new-privileges', '--pids-limit=16', '--memory=64m', '--log-driver=none', '--user=65534:65534',
    '--entrypoint=sh', image, '-c', SCRIPT,
  ];
}

/** Undefined when the name is taken. */
async function take(client: EngineClient, args: readonly string[]): Promise<Held | undefined> {
  const held = await client.hold(args);
  if (await held.line(START) === 'held') return held;
  await held.close(0);
  const failure = client.failure('take the lock', (await held.ended).complaints);
  if (failure.code === 'ND-OWNER-CONFLICT') return undefined;
  throw failure;
}

/** Every assertion asks the container itself: it says that the lease was held when it answered. */
function lease(held: Held, what: string): Lease {
  let lost = false;
  let asking: Promise<boolean> = Promise.resolve(true);
  let count = 0;
  void held.ended.then(() => { lost = true; });
  const ask = (): Promise<boolean> => {
    asking = asking.then(async () => {
      if (lost) return false;
      count += 1;
      held.send(`beat ${count}`);
      if (await held.line(ANSWER) === `beat ${count}`) return true;
      // Whatever comes late from now on belongs to no question.
      lost = true;
      return false;
    });
    return asking;
  };
  const beats = setInterval(() => { void ask(); }, BEAT);
  beats.unref();
  return {
    async assert() {
      if (!await ask()) throw lostError(what);
    },
    async release() {
      lost = true;
      clearInterval(beats);
      await held.close(CLOSE);
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

async function look(client: EngineClient, name: string): Promise<Found | undefined> {
  const format = `{{.ID}}\t{{.State}}\t{{.Label "${LABELS.holder}"}}`;
  const said = await client.ask('look for the lock', ['ps', '--all', '--no-trunc', `--filter=name=^/?${name}$`, `--format=${format}`]);
  const [id = '', state = '', holder = ''] = said.split('\n')[0]?.split('\t') ?? [];
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
