/** The container of an engine in which the state of its services is read and written: one for all of them, which does nothing but be there. */
import { setTimeout as sleep } from 'node:timers/promises';
import { DeployError } from '../../errors.js';
import type { Ms } from '../../model/index.js';
import type { EngineClient } from '../../shell/engine/index.js';
import { Keeper, keeperArguments, LOCKS_FOLDER, STATE_FOLDER, type KeeperOptions, type Unopened } from './keeper.js';
import { KEEPER_CONTAINER, LABELS, roleArgument, STATE_VOLUME } from './labels.js';
import { foreign } from './router-trouble.js';
import { createVolume } from './volumes.js';

export interface KeeperPlace {
  readonly client: EngineClient;
  /** With what a keeper needs; it has to be on the engine, or where the engine can get it. */
  readonly image: string;
  /** With the state; default that of the engine. */
  readonly volume?: string;
}

/** Getting the image may take its time. */
const MAKE: Ms = 5 * 60_000;
const TRIES = 60;
const PAUSE: Ms = 100;
/** It sleeps as long as a system's `sleep` can be told to everywhere, again and again. */
const PROGRAM = ['-c', 'while sleep 86400; do :; done'] as const;
/** A keeper holds a file in memory, and there may be one for each of many services at once. */
const LIMITS = ['--pids-limit=1024', '--memory=512m'] as const;
/** Of one that reads for one command. */
const SMALL = ['--pids-limit=256', '--memory=128m'] as const;
const LOCKS = `--tmpfs=${LOCKS_FOLDER}:size=16m,mode=0700`;

/** What a container may that only keeps files, which are root's. */
export function keepingArguments(volume: string, limits: readonly string[] = SMALL): readonly string[] {
  return [
    ...limits, '--network=none', '--read-only', '--cap-drop=ALL', '--security-opt=no-new-privileges', '--log-driver=none', '--user=0:0', `--volume=${volume}:${STATE_FOLDER}`, '--entrypoint=sh',
  ];
}

/** Another volume has a container of its own. */
export function keeperName(volume: string): string {
  return volume === STATE_VOLUME ? KEEPER_CONTAINER : `${KEEPER_CONTAINER}-${volume}`;
}

/** `--init`: whatever a keeper leaves behind is waited for. */
export function containerArguments(image: string, volume: string): readonly string[] {
  return ['run', '--detach', '--init', `--name=${keeperName(volume)}`, roleArgument('keeper'), '--restart=always', LOCKS, ...keepingArguments(volume, LIMITS), image, ...PROGRAM];
}

interface Inspected {
  readonly Id: string;
  readonly State: { readonly Status: string };
  readonly Config: { readonly Labels?: Readonly<Record<string, string>> | null };
}

export class KeeperContainer {
  readonly volume: string;
  private readonly name: string;

  constructor(private readonly place: KeeperPlace) {
    this.volume = place.volume ?? STATE_VOLUME;
    this.name = keeperName(this.volume);
  }

  /** Its id, where it runs and is nx-deploy's. */
  async running(): Promise<string | undefined> {
    const found = await this.find();
    return found?.State.Status === 'running' && isOurs(found) ? found.Id : undefined;
  }

  /** A keeper in the container that runs under this id. */
  enter(id: string, silence: number, lock?: KeeperOptions['lock']): Promise<Keeper | Unopened> {
    return Keeper.open(this.place.client, ['exec', '--interactive', '--user=0:0', id, 'sh', ...keeperArguments(silence, lock === undefined ? {} : { lock })]);
  }

  /** Its id, made or started where it does not run. Rejects with ND-OWNER-CONFLICT where somebody else has its name, and with what the client says. */
  async ensure(): Promise<string> {
    const { client } = this.place;
    for (let tries = 0; ; tries += 1) {
      const found = await this.find();
      if (found !== undefined && !isOurs(found)) throw foreign(client.name, this.name);
      if (found?.State.Status === 'running') return found.Id;
      if (tries >= TRIES) throw stuck(client, this.name, found?.State.Status);
      if (found === undefined) await this.make();
      else if (found.State.Status === 'created' || found.State.Status === 'exited') await client.ask('start the container that keeps the state', ['start', found.Id]);
      else await sleep(PAUSE);
    }
  }

  /** A runtime that cannot start a program in a container says less of the cause than an engine that cannot make one: of a full disk, above all. */
  async explain(complaints: string): Promise<string> {
    if (!/OCI runtime/.test(complaints)) return complaints;
    const { client, image } = this.place;
    const made = await client.call('look why no program can be started', ['run', '--rm', roleArgument('keeper'), ...keepingArguments(this.volume), image, '-c', ':']);
    return made.exitCode === 0 ? complaints : `${complaints}\n${made.complaints}`;
  }

  private async find(): Promise<Inspected | undefined> {
    const [found] = await this.place.client.objects.inspect('look for the container that keeps the state', 'container', [this.name]) as readonly (Inspected | undefined)[];
    return found;
  }

  private async make(): Promise<void> {
    const { client, image } = this.place;
    // The client would make it too, but without its label.
    await createVolume(client, this.volume, 'state');
    const what = 'make the container that keeps the state';
    const { exitCode, complaints } = await client.call(what, containerArguments(image, this.volume), { timeout: MAKE });
    const failure = client.failure(what, complaints);
    // Another command was quicker.
    if (exitCode !== 0 && failure.code !== 'ND-OWNER-CONFLICT') throw failure;
  }
}

function isOurs({ Config: { Labels } }: Inspected): boolean {
  return Labels?.[LABELS.role] === 'keeper';
}

function stuck({ name: where, program }: EngineClient, name: string, state = 'gone'): DeployError {
  return new DeployError('ND-ENGINE-FAILED', { what: 'the state of the service cannot be reached', where, why: `the container ${name} does not run: it is ${state}`, next: `start it, or remove it so that it is made anew: ${program} rm --force ${name}` });
}
