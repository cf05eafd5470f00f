/** The router of an engine: one container with HAProxy that every workspace's services share. It is made, started and repaired by whoever needs it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { asDeployError, DeployError } from '../../errors.js';
import type { Ms } from '../../model/index.js';
import { HaproxyRouter, startFailure, type HaproxyRoute, type RouterPlace } from '../../routers/haproxy/index.js';
import type { EngineClient } from '../../shell/engine/index.js';
import { ensureNetwork } from './network.js';
import { besideArguments, ROUTER, ROUTER_FOLDER, ROUTER_VOLUME, routerArguments, STATE_VOLUME, volumeArguments, type RouterMode } from './router-arguments.js';
import { lookAtRouter, type RouterFacts } from './router-look.js';
import { probeAll, type Probe, type ProbeResult } from './router-probe.js';
import { RouterSession } from './router-session.js';

export interface RouterContainerOptions {
  readonly client: EngineClient;
  /** Reference of an image with HAProxy 2.6 or later, and what {@link HaproxyRouter} needs beside it. */
  readonly image: string;
  readonly network: RouterMode;
}

/** All routes of the engine, as its state has them. */
export type Restore = () => Promise<readonly HaproxyRoute[]>;

export interface RouterLook {
  readonly state: 'running' | 'stopped' | 'absent';
  /** A container of the router's name that nx-deploy did not make. */
  readonly foreign?: true;
  /** The image that it was made from. */
  readonly image?: string;
}

/** A pull may take its time. */
const PULL: Ms = 10 * 60_000;
const START: Ms = 60_000;
const ANSWER: Ms = 30_000;
const PAUSE: Ms = 100;
/** How long a container that another command just makes or removes is waited for. */
const PATIENCE: Ms = 5_000;
const TRIES = 20;

/** Every method rejects with ND-ENGINE-UNREACHABLE, ND-ENGINE-MISSING or ND-ENGINE-FAILED when the engine does not do what it is asked. */
export class RouterContainer {
  readonly router: HaproxyRouter;
  private readonly commands: RouterSession;
  /** Beside the first one: a check that waits for an instance keeps nobody from the router. */
  private readonly probes: RouterSession;

  constructor(private readonly options: RouterContainerOptions) {
    const { client } = options;
    this.commands = new RouterSession({ client, container: ROUTER });
    this.probes = new RouterSession({ client, container: ROUTER });
    this.router = new HaproxyRouter(this.place((argv, input) => this.commands.run(argv, input)));
  }

  async look(): Promise<RouterLook> {
    const facts = await lookAtRouter(this.options.client);
    if (facts === undefined) return { state: 'absent' };
    return { state: facts.status === 'running' ? 'running' : 'stopped', ...(facts.foreign ? { foreign: true } : {}), image: facts.image };
  }

  /**
   * Sees to it that the router runs and answers: image, network, volumes, first file, container. Resolves with a note for each thing that a user should hear of.
   * `restore` gives all routes of the engine, and is asked only when the router's own file is gone. Two that come at once get along.
   * Rejects with ND-ARTIFACT-MISSING (no image; nothing was changed), ND-OWNER-CONFLICT (a foreign container has the name; it was left alone),
   * ND-PORT-TAKEN (a route's port) or ND-ROUTER-FAILED.
   */
  async ensure(restore: Restore): Promise<readonly string[]> {
    const notes: string[] = [];
    const patient = performance.now() + PATIENCE;
    for (let tries = 0; tries < TRIES; tries += 1) {
      const facts = await lookAtRouter(this.options.client);
      if (facts?.foreign === true) throw foreign(this.options.client.name);
      if (facts === undefined) await this.make(restore, notes);
      else if (facts.status === 'removing' || (facts.status === 'created' && performance.now() < patient)) await sleep(PATIENCE / TRIES);
      else {
        if (facts.status !== 'running' && facts.status !== 'restarting') await this.revive(facts, restore, notes);
        if (await this.settle(restore, notes)) return [...notes, ...this.differences(facts)];
      }
    }
    throw new DeployError('ND-ROUTER-FAILED', { what: 'the router does not stay up', where: this.options.client.name, why: `its container ${ROUTER} is stopped or removed again and again`, next: `look at docker logs ${ROUTER}, and at who else starts and stops it` });
  }

  /** GET from beside the router, all at once. */
  probe(probes: readonly Probe[]): Promise<readonly ProbeResult[]> {
    return probeAll((argv, input) => this.probes.run(argv, input), probes);
  }

  async close(): Promise<void> {
    await Promise.all([this.commands.close(), this.probes.close()]);
  }

  private place(exec: RouterPlace['exec']): RouterPlace {
    const { client } = this.options;
    return {
      folder: ROUTER_FOLDER, name: `${ROUTER} on ${client.name}`, exec,
      log: async () => {
        const { output, complaints } = await client.call('read the log of the router', ['logs', '--tail=40', ROUTER]);
        return `${output}\n${complaints}`;
      },
    };
  }

  /** One that was not there. */
  private async make(restore: Restore, notes: string[]): Promise<void> {
    const { client, image, network } = this.options;
    await this.fetchImage(notes);
    await ensureNetwork(client);
    for (const volume of [STATE_VOLUME, ROUTER_VOLUME]) await client.ask('make a volume', volumeArguments(volume));
    await this.prepare(image, restore, notes);
    const { exitCode, complaints } = await client.call('start the router', routerArguments({ image, network, ports: [] }), { timeout: START });
    if (exitCode === 0) return;
    const failure = client.failure('start the router', complaints);
    // Another command was quicker with the name.
    if (failure.code !== 'ND-OWNER-CONFLICT') throw failure;
  }

  private async fetchImage(notes: string[]): Promise<void> {
    const { client, image } = this.options;
    const looked = await client.call('look for the image of the router', ['image', 'inspect', '--format={{.Id}}', image]);
    if (looked.exitCode === 0) return;
    const failure = client.failure('look for the image of the router', looked.complaints);
    if (failure.code !== 'ND-ARTIFACT-MISSING') throw failure;
    const { exitCode, complaints } = await client.call('get the image of the router', ['pull', '--quiet', image], { timeout: PULL });
    if (exitCode !== 0) throw missingImage(client, image, complaints);
    notes.push(`the image ${image} of the router was pulled`);
  }

  /** The file that HAProxy starts with, where there is none. */
  private async prepare(image: string, restore: Restore, notes: string[]): Promise<void> {
    const { client } = this.options;
    const setup = new HaproxyRouter(this.place((argv, input) => client.call('set up the router', besideArguments(image, argv), { input })));
    await this.fill(setup, restore, notes);
  }

  private async fill(router: HaproxyRouter, restore: Restore, notes: string[]): Promise<void> {
    if (await router.prepared()) return;
    const routes = await restore();
    await router.prepare(routes);
    if (routes.length > 0) notes.push(`the router had lost its routes: ${routes.length} of them were restored`);
  }

  /** One that is there and does not run. */
  private async revive({ id, status, image }: RouterFacts, restore: Restore, notes: string[]): Promise<void> {
    const { client } = this.options;
    if (status === 'paused') await client.ask('resume the router', ['unpause', id]);
    else {
      await this.prepare(image, restore, notes);
      await client.ask('start the router', ['start', id], { timeout: START });
    }
    notes.push(status === 'paused' ? 'the router was paused: resumed' : 'the router was stopped: started again');
  }

  /** Waits until it answers. False when it has ended meanwhile. */
  private async settle(restore: Restore, notes: string[]): Promise<boolean> {
    const end = performance.now() + ANSWER;
    for (;;) {
      try {
        // Nobody removes a network while it is in use; before that it may have gone with everything else that was unused.
        await Promise.all([ensureNetwork(this.options.client), this.fill(this.router, restore, notes).then(() => this.router.routes())]);
        return true;
      } catch (error) {
        const failure = asDeployError(error);
        if (failure.code !== 'ND-ENGINE-FAILED' && failure.code !== 'ND-ROUTER-FAILED') throw failure;
        const facts = await lookAtRouter(this.options.client);
        if (facts?.status !== 'running' && facts?.status !== 'restarting') return false;
        await this.complain(facts);
        if (performance.now() >= end) throw failure;
        await sleep(PAUSE);
      }
    }
  }

  /** HAProxy that cannot start says why, and ends. */
  private async complain({ startedAt, status }: RouterFacts): Promise<void> {
    if (status !== 'restarting') return;
    const { output, complaints } = await this.options.client.call('read the log of the router', ['logs', `--since=${startedAt}`, ROUTER]);
    const failure = startFailure(`${output}\n${complaints}`, `${ROUTER} on ${this.options.client.name}`);
    if (failure !== undefined) throw failure;
  }

  private differences({ image, network }: RouterFacts): readonly string[] {
    const asked = this.options;
    return [
      ...(image === asked.image ? [] : [`the router runs ${image}, and this environment asks for ${asked.image}: it stays as it is until it is upgraded on purpose`]),
      ...(network === asked.network ? [] : [`the router was made for the network mode ${network}, and this environment asks for ${asked.network}: it stays as it is`]),
    ];
  }
}

function foreign(where: string): DeployError {
  return new DeployError('ND-OWNER-CONFLICT', { what: `the name ${ROUTER} is taken by a container that nx-deploy did not start`, where, why: 'it was left alone', next: 'rename or remove it, if it is yours' });
}

/** Whatever a registry says, or who does not find it: the engine has answered, and the image is not to be had. */
function missingImage(client: EngineClient, image: string, said: string): DeployError {
  const failure = client.failure('get the image of the router', said);
  if (failure.code === 'ND-DISK-FULL') return failure;
  const problems = failure.parts.problems ?? (failure.parts.why === undefined ? [] : [failure.parts.why]);
  return new DeployError('ND-ARTIFACT-MISSING', {
    what: `the image ${image} of the router is missing`, where: client.name, ...(problems.length === 0 ? {} : { problems }), why: 'the engine does not have it and could not get it',
    next: `load it there, or see to it that docker pull ${image} works there, or name another one as router.image`,
  });
}
