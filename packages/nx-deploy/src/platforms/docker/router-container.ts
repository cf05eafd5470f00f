/** The router of an engine: one container with HAProxy that every workspace's services share. It is made, started and repaired by whoever needs it. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { asDeployError, DeployError } from '../../errors.js';
import type { Ms } from '../../model/index.js';
import { HaproxyRouter, type RouterPlace } from '../../routers/haproxy/index.js';
import { makeNetwork, readSubnet } from './network.js';
import { execArguments, NEXT_ROUTER, ROUTER, ROUTER_FOLDER, routerArguments, ROUTER_VOLUME, type Publication, type RouterMode, type RouterStart } from './router-arguments.js';
import { fetchImage, newestImage } from './router-image.js';
import { lookAtRouter, lookAtRouters, shortName, type RouterFacts } from './router-look.js';
import type { Restore, RouterContainerOptions, RouterLook } from './router-order.js';
import { probeAll, type Probe, type ProbeResult } from './router-probe.js';
import { RouterSession } from './router-session.js';
import { complain, foreign } from './router-trouble.js';
import { createVolume } from './volumes.js';
import { finishUpgrade, replaceRouter, sweepLeaving, waitForLeaving, withRouterLock, type Beside } from './router-upgrade.js';

const START: Ms = 60_000;
const ANSWER: Ms = 30_000;
const LOOK: Ms = 1_000;
/** s. */
const LOCK = 60;
/** Longer than most requests and idle connections last. */
const LEAVE: Ms = 2 * 60_000;
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
  /** That of the container that there is. */
  private mode: RouterMode;
  /** When no old router was seen, ms. */
  private looked = -Infinity;

  constructor(private readonly options: RouterContainerOptions) {
    const { client, network } = options;
    this.mode = network;
    this.commands = new RouterSession({ client, enter: execArguments(ROUTER) });
    this.probes = new RouterSession({ client, enter: execArguments(ROUTER) });
    this.router = new HaproxyRouter(this.place((argv, input) => this.commands.run(argv, input)));
  }

  async look(): Promise<RouterLook> {
    const facts = await lookAtRouter(this.options.client);
    if (facts === undefined) return { state: 'absent' };
    return { state: facts.status === 'running' ? 'running' : 'stopped', ...(facts.foreign ? { foreign: true } : {}), image: facts.image };
  }

  /** Makes ready for questions where it runs, as that takes a while; whatever goes wrong is told to whoever asks. */
  async prepare(): Promise<void> {
    const { state, foreign: other } = await this.look();
    if (state === 'running' && other !== true) await Promise.all([this.commands.ready(), this.probes.ready()]);
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
      const { old: facts, next } = await lookAtRouters(this.options.client);
      if (facts?.foreign === true) throw foreign(this.options.client.name);
      if (next !== undefined && await this.goOn(next)) continue;
      if (facts !== undefined) this.mode = facts.network;
      if (facts === undefined) await this.make(restore, notes);
      else if (facts.status === 'removing' || (facts.status === 'created' && performance.now() < patient)) await sleep(PATIENCE / TRIES);
      else {
        if (facts.status !== 'running' && facts.status !== 'restarting') await this.revive(facts, restore, notes);
        if (await this.settle(restore, notes)) return [...notes, ...this.differences(facts)];
      }
    }
    throw new DeployError('ND-ROUTER-FAILED', { what: 'the router does not stay up', where: this.options.client.name, why: `its container ${ROUTER} is stopped or removed again and again`, next: `look at docker logs ${ROUTER}, and at who else starts and stops it` });
  }

  /**
   * Brings the image in force that was asked for, pulled anew where it can be. On the host's network no request is lost, and it resolves when the old router
   * has finished what it had, or after `limit` ms; where ports are published there is a gap of about a second. Rejects, with the old router in
   * force, with what {@link ensure} rejects with.
   */
  async upgrade(restore: Restore, limit: Ms = LEAVE): Promise<readonly string[]> {
    const { client, image } = this.options;
    const newest = await newestImage(client, image);
    const notes = (await this.ensure(restore)).filter((note) => note !== this.otherImage);
    const facts = await lookAtRouter(client);
    if (facts === undefined || (facts.imageId === newest && facts.image === shortName(image))) return notes;
    await this.replace({ image });
    const gone = await waitForLeaving(client, limit);
    return [...notes, `the router runs ${image} now`, ...(gone ? [] : ['the old router still finishes requests; what is left of it is removed later'])];
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
    const published = (): boolean => this.mode === 'published';
    return {
      folder: ROUTER_FOLDER, name: `${ROUTER} on ${client.name}`, exec, leaving: () => this.leaving(),
      get anyAddress() { return published(); },
      reachable: (listens: readonly Publication[]) => this.publish(listens),
      log: async () => {
        const { output, complaints } = await client.call('read the log of the router', ['logs', '--tail=40', ROUTER]);
        return `${output}\n${complaints}`;
      },
    };
  }

  /** Asked for every instance that leaves; an old router comes only by an upgrade. */
  private async leaving(): Promise<boolean> {
    const now = performance.now();
    if (now - this.looked < LOOK) return false;
    const leaving = await sweepLeaving(this.options.client);
    if (!leaving) this.looked = now;
    return leaving;
  }

  /** An upgrade that another command began: true when it was finished here, false while that command is at it. */
  private async goOn(next: RouterFacts): Promise<boolean> {
    if (next.foreign) throw foreign(this.options.client.name, NEXT_ROUTER);
    return withRouterLock(this.options.client, next.image, 0, () => finishUpgrade(this.options.client)).catch((error: unknown) => {
      if (asDeployError(error).code === 'ND-ROUTER-FAILED') return false;
      throw error;
    });
  }

  /** Another container in the place of the one that there is. */
  private async replace({ image, ports = [] }: { readonly image: string; readonly ports?: readonly Publication[] }): Promise<void> {
    const { client } = this.options;
    await withRouterLock(client, image, LOCK, async (run) => { await replaceRouter({ client, start: await this.start(image, run, ports) }, run); });
  }

  /** Published is what the routes on file, and those that come, listen at. */
  private async start(image: string, run: Beside, more: readonly Publication[] = []): Promise<RouterStart> {
    const token = randomBytes(8).toString('hex');
    if (this.mode === 'host') return { image, network: 'host', ports: [], token };
    const routes = await new HaproxyRouter(this.place(run)).filed() ?? [];
    const all = [...routes.map(({ listen }) => listen), ...more].map(({ address, port }): [string, Publication] => [`${address} ${port}`, { address, port }]);
    return { image, network: 'published', ports: [...new Map(all).values()], token };
  }

  /** A port that is not published yet needs another container. */
  private async publish(listens: readonly Publication[]): Promise<void> {
    if (this.mode === 'host') return;
    const facts = await lookAtRouter(this.options.client);
    const missing = listens.filter(({ address, port }) => facts?.ports.every((known) => known.address !== address || known.port !== port));
    if (facts === undefined || missing.length === 0) return;
    await this.replace({ image: facts.image, ports: missing });
    await sweepLeaving(this.options.client);
  }

  /** One that was not there. */
  private async make(restore: Restore, notes: string[]): Promise<void> {
    const { client, image } = this.options;
    if (await fetchImage(client, image)) notes.push(`the image ${image} of the router was pulled`);
    await createVolume(client, ROUTER_VOLUME, 'router');
    await withRouterLock(client, image, LOCK, async (run) => {
      await makeNetwork(client);
      // Another command was quicker.
      if (await lookAtRouter(client) !== undefined) return;
      this.mode = this.options.network;
      const setup = new HaproxyRouter(this.place(run));
      await setup.rewrite();
      await this.fill(setup, restore, notes);
      const { exitCode, complaints } = await client.call('start the router', routerArguments(await this.start(image, run)), { timeout: START });
      if (exitCode === 0) return;
      const failure = client.failure('start the router', complaints);
      // A port that cannot be published leaves a container behind that never ran.
      if (failure.code !== 'ND-OWNER-CONFLICT') await client.call('remove the router', ['rm', ROUTER]);
      throw failure;
    });
  }

  /** The file that HAProxy starts with, where there is none. */
  private async fill(router: HaproxyRouter, restore: Restore, notes: string[]): Promise<void> {
    if (await router.filed() !== undefined) return;
    const routes = await restore();
    const without = await router.prepare(routes);
    if (routes.length > 0) notes.push(`the router had lost its routes: ${routes.length - without.length} of ${routes.length} were restored`);
    for (const key of without) notes.push(`${key} is not reached: its certificates were lost with the router; deploy it once more`);
  }

  /** One that is there and does not run. */
  private async revive({ id, status, image }: RouterFacts, restore: Restore, notes: string[]): Promise<void> {
    const { client } = this.options;
    if (status === 'paused') await client.ask('resume the router', ['unpause', id]);
    else {
      await withRouterLock(client, image, LOCK, (run) => this.fill(new HaproxyRouter(this.place(run)), restore, notes));
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
        await Promise.all([this.network(), this.fill(this.router, restore, notes).then(() => this.router.routes())]);
        return true;
      } catch (error) {
        const failure = asDeployError(error);
        if (failure.code !== 'ND-ENGINE-FAILED' && failure.code !== 'ND-ROUTER-FAILED') throw failure;
        const facts = await lookAtRouter(this.options.client);
        if (facts?.status !== 'running' && facts?.status !== 'restarting') return false;
        await complain(this.options.client, facts);
        if (performance.now() >= end) throw failure;
        await sleep(PAUSE);
      }
    }
  }

  private async network(): Promise<void> {
    const { client, image } = this.options;
    if (await readSubnet(client) === undefined) await withRouterLock(client, image, LOCK, () => makeNetwork(client));
  }

  private differences({ image, network }: RouterFacts): readonly string[] {
    return [
      ...(image === shortName(this.options.image) ? [] : [this.otherImage]),
      ...(network === this.options.network ? [] : [`the router was made for the network mode ${network}, and this environment asks for ${this.options.network}: it stays as it is until its container is removed`]),
    ];
  }

  private get otherImage(): string {
    return `the router runs another image than ${this.options.image}, which this environment asks for: it stays as it is until a repair upgrades it`;
  }
}
