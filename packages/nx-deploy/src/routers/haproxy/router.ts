/** A HAProxy that several services share, each changing only its own route, from any machine that can run a program beside it. */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { DeployError } from '../../errors.js';
import type { Metrics, Ms, ReleaseId } from '../../model/index.js';
import type { Target } from '../router.js';
import { figure, isServer, leavingWorkers, readFigures, readServers, readVariable, type RunningServer } from './answers.js';
import { isPaused, WAIT_PROGRAM } from './closure.js';
import { changesOf, refusal, toLeaving, toWorker } from './commands.js';
import { readDocument, writeDocument, type RouterDocument } from './document.js';
import { Window, countersOf, SAMPLE_COMMANDS } from './metrics.js';
import { backendName, certificateFile, NEXT, serverName } from './names.js';
import { filed, prepare, read, replace, store, stored, variable, type RouterPlace } from './place.js';
import { STRUCTURE, structureOf } from './render.js';
import { atAnyAddress, checkConflict, checkRoute, type HaproxyRoute } from './route.js';
import { runningOf, type RunningRoute } from './running.js';
import { FILE } from './scripts.js';
import { MAP, mapCommands, readMap, testerMap, type TesterMap } from './testers.js';

/** How often others may come in between before it counts as a fault. */
const TRIES = 100;
const PAUSE: Ms = 20;
const DRAIN_POLL: Ms = 250;

/** Of all that one reading gives. */
interface Seen {
  readonly document: RouterDocument;
  readonly first: string;
  readonly servers: readonly RunningServer[];
  readonly map: TesterMap;
  /** Undefined: HAProxy runs with something that was not written here. */
  readonly structure: string | undefined;
}

/** Every method rejects with ND-ROUTER-FAILED when HAProxy does not answer or does not take what it is told; nothing has changed then. */
export class HaproxyRouter {
  private readonly window = new Window();
  /** Of the same program; those of others are met by compare and swap. */
  private changing: Promise<unknown> = Promise.resolve();

  constructor(private readonly place: RouterPlace) {}

  /**
   * Writes the file that HAProxy starts with, where there is none; called before it is started for the first time. Resolves with the keys of the routes that
   * were left out: HAProxy would not start without their certificates, which are not there.
   */
  async prepare(routes: readonly HaproxyRoute[] = []): Promise<readonly string[]> {
    routes.forEach(checkRoute);
    const there = routes.length === 0 ? new Set<string>() : await stored(this.place);
    const whole = routes.filter(({ listen }) => (listen.certificates ?? []).every((name) => there.has(certificateFile(name))));
    await this.storePrograms(whole);
    await prepare(this.place, writeDocument({ generation: 1, routes: whole }, this.place));
    return routes.filter((route) => !whole.includes(route)).map(({ key }) => key);
  }

  /** Writes the file anew, of the routes that it has, for a HAProxy that does not run: the place may be another one than that it was written for. */
  async rewrite(): Promise<void> {
    const text = await filed(this.place);
    if (text === undefined) return;
    const { generation, routes } = readDocument(text, this.where);
    await prepare(this.place, writeDocument({ generation: generation + 1, routes }, this.place), true);
  }

  /** The routes that HAProxy starts with, whether it runs or not; undefined when there is no file. */
  async filed(): Promise<readonly HaproxyRoute[] | undefined> {
    const text = await filed(this.place);
    return text === undefined ? undefined : readDocument(text, this.where).routes;
  }

  /** A variable of the environment of the worker that serves. */
  async variable(name: string): Promise<string | undefined> {
    return readVariable(await variable(this.place, name), name);
  }

  /** Keeps certificates and their key (one PEM text, as HAProxy's `crt` takes it); the name goes into {@link HaproxyListen.certificates}. */
  async storeCertificate(pem: string): Promise<string> {
    const name = createHash('sha256').update(pem).digest('hex').slice(0, 32);
    await store(this.place, certificateFile(name), pem);
    return name;
  }

  /** All routes on file. */
  async routes(): Promise<readonly HaproxyRoute[]> {
    return (await this.look(undefined)).document.routes;
  }

  /** What HAProxy does now for this route; undefined when it knows nothing of it. */
  async running(key: string): Promise<RunningRoute | undefined> {
    return (await this.see(key)).running;
  }

  /** The route as it is on file, and what HAProxy does: of one moment. */
  async see(key: string): Promise<{ readonly route: HaproxyRoute | undefined; readonly running: RunningRoute | undefined }> {
    const { servers, structure, document } = await this.look(key);
    const route = document.routes.find((each) => each.key === key);
    return { route, running: structure === undefined || (servers.length === 0 && route === undefined) ? undefined : runningOf(servers) };
  }

  /**
   * Puts the route in force. Weights and targets change while HAProxy runs; anything else, and what did not work so, by a reload, which counts anew.
   * Rejects with ND-LISTEN-CONFLICT, with nothing changed, when another route has its requests, and with ND-PORT-TAKEN when another program has its port.
   */
  async set(route: HaproxyRoute): Promise<void> {
    await this.replace(route, () => route);
  }

  /** As {@link set}, but for what closes the service: that stays as it is, whoever changes it meanwhile. */
  async setOpenOrClosed(route: HaproxyRoute): Promise<void> {
    const { closure: _closure, closed: _closed, ...open } = route;
    await this.replace(open, (now) => ({ ...open, ...(now?.closure === undefined ? {} : { closure: now.closure, ...(now.closed === undefined ? {} : { closed: now.closed }) }) }));
  }

  /** Closes the service to its public, or opens it; nothing else of its route changes, whoever changes that meanwhile. Resolves with the route before; undefined: there is none. */
  async close(key: string, closing: Required<Pick<HaproxyRoute, 'closure' | 'closed'>> | undefined): Promise<HaproxyRoute | undefined> {
    const { route } = await this.see(key);
    if (route === undefined || (closing === undefined && route.closure === undefined)) return route;
    let before = route;
    await this.replace({ ...route, ...closing }, (now) => {
      before = now ?? route;
      const { closure: _closure, closed: _closed, ...open } = before;
      return { ...open, ...closing };
    });
    return before;
  }

  private async replace(model: HaproxyRoute, next: (now: HaproxyRoute | undefined) => HaproxyRoute): Promise<void> {
    checkRoute(model);
    await this.storePrograms([model]);
    await this.serially(() => this.change(model.key, (routes) => {
      const others = routes.filter(({ key }) => key !== model.key);
      const route = next(routes.find(({ key }) => key === model.key));
      checkRoute(route);
      if (this.place.anyAddress === true) checkConflict(atAnyAddress(route), others.map(atAnyAddress));
      else checkConflict(route, others);
      return [...others, route];
    }));
  }

  /** Takes the route away. Requests in flight finish, for as long as its drain allows. */
  async remove(key: string): Promise<void> {
    await this.serially(() => this.change(key, (routes) => routes.filter((route) => route.key !== key)));
  }

  /** Requests, streams and upgraded connections that the target has not finished, also those of workers that leave after a reload. */
  async inFlight(key: string, target: Pick<Target, 'id'>): Promise<number> {
    const question = `show stat ${backendName(key)} 4 -1`;
    // In this order: one that a reload sends away in between is counted twice rather than not at all.
    const { answers: [now = '', workers = ''] } = await read(this.place, [toWorker(question), 'show proc']);
    const leaving = leavingWorkers(workers);
    // One that has left meanwhile answers with nothing.
    const left = leaving.length === 0 ? [] : (await read(this.place, leaving.map((worker) => toLeaving(worker, question)))).answers;
    const answers = [now, ...left];
    const rows = answers.flatMap(readFigures).filter((row) => isServer(row) && row['svname'] === serverName(target));
    return rows.reduce((sum, row) => sum + figure(row, 'scur') + figure(row, 'qcur'), 0);
  }

  /** Resolves true when the target, already out of the route, has nothing in flight; false when `deadline` ms passed first. */
  async drained(key: string, target: Pick<Target, 'id'>, deadline: Ms): Promise<boolean> {
    const end = performance.now() + deadline;
    while (await this.inFlight(key, target) > 0 || await this.place.leaving?.() === true) {
      if (performance.now() >= end) return false;
      await sleep(Math.max(0, Math.min(DRAIN_POLL, end - performance.now())));
    }
    return true;
  }

  /**
   * Counted per release since HAProxy was last started or reloaded, over at most the last `window` ms that this object has seen: a window that reaches
   * behind the first look begins there.
   */
  async metrics(key: string, release: ReleaseId, window: Ms): Promise<Metrics> {
    await (this.sampling ??= this.sample().finally(() => { this.sampling = undefined; }));
    return this.window.metrics(backendName(key), release, window);
  }

  private sampling: Promise<void> | undefined;

  /** Of all services at once: whoever asks meanwhile, for another release say, gets the same one. */
  private async sample(): Promise<void> {
    const { answers } = await read(this.place, SAMPLE_COMMANDS.map(toWorker));
    this.window.add(countersOf(answers, performance.now()));
  }

  /** Of the file, for messages. */
  private get where(): string {
    return `${this.place.folder}/${FILE} of ${this.place.name}`;
  }

  private async storePrograms(routes: readonly HaproxyRoute[]): Promise<void> {
    if (routes.some(isPaused)) await store(this.place, WAIT_PROGRAM.name, WAIT_PROGRAM.text);
  }

  private async look(key: string | undefined): Promise<Seen> {
    const servers = key === undefined ? [] : [toWorker(`show servers state ${backendName(key)}`)];
    const { file, answers } = await read(this.place, [toWorker(`show env ${STRUCTURE}`), toWorker(`show map ${this.place.folder}/${MAP}`), ...servers]);
    const document = readDocument(file, this.where);
    return { document, first: firstLine(file), servers: readServers(answers[2] ?? '').filter(({ name }) => name !== NEXT), structure: readVariable(answers[0] ?? '', STRUCTURE), map: readMap(answers[1] ?? '') };
  }

  private async change(key: string, next: (routes: readonly HaproxyRoute[]) => readonly HaproxyRoute[]): Promise<void> {
    for (let tries = 0; tries < TRIES; tries += 1) {
      if (await this.attempt(key, next)) return;
      await sleep(Math.random() * PAUSE);
    }
    throw new DeployError('ND-ROUTER-FAILED', { what: 'the router could not be changed', where: this.place.name, why: `others changed it ${TRIES} times in between`, next: 'run the command again' });
  }

  /** False when somebody else came in between. */
  private async attempt(key: string, next: (routes: readonly HaproxyRoute[]) => readonly HaproxyRoute[]): Promise<boolean> {
    const { folder, anyAddress } = this.place;
    const seen = await this.look(key);
    const routes = next(seen.document.routes);
    const structure = structureOf({ folder, routes, anyAddress });
    const mine = routes.find((route) => route.key === key);
    const how = seen.structure === structure && mine !== undefined ? [...changesOf(mine, seen.servers), ...mapCommands(folder, testerMap(routes), seen.map).map(toWorker)] : 'load';
    const { generation } = seen.document;
    const file = writeDocument({ generation: generation + 1, routes }, this.place);
    if (how === 'load') await this.place.reachable?.(routes.map(({ listen }) => listen));
    const replaced = await replace(this.place, { expected: seen.first, file, structure, how });
    if (replaced.type === 'changed' || how === 'load' || refusal(how, replaced.answers) === undefined) return replaced.type === 'done';
    // The file says already what is wanted: HAProxy takes all of it at once.
    const whole = writeDocument({ generation: generation + 2, routes }, this.place);
    return (await replace(this.place, { expected: firstLine(file), file: whole, structure, how: 'load' })).type === 'done';
  }

  private serially<T>(work: () => Promise<T>): Promise<T> {
    const done = this.changing.then(work);
    this.changing = done.catch(() => undefined);
    return done;
  }
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? '';
}
