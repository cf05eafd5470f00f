import { closeSync } from 'node:fs';
import proxyAddress from 'proxy-addr';
import { DeployError } from '../../errors.js';
import { NO_METRICS, type Metrics, type Ms, type ReleaseId } from '../../model/index.js';
import type { Listen, Route, Router, Totals } from '../router.js';
import type { Trust } from './admit.js';
import { isSocket, type Descriptor } from './descriptor.js';
import { cannotListen, conflict, place } from './listen-errors.js';
import { Listener } from './listener.js';
import { hostName } from './request-target.js';
import { Service } from './service.js';
import { checkSettings } from './settings.js';

export interface EmbeddedRouterOptions {
  /**
   * Peers whose `X-Forwarded-*` and `Forwarded` headers are believed: addresses, CIDR ranges, `loopback`, `linklocal`, `uniquelocal`.
   * From everyone else these headers are replaced. Default: nobody.
   */
  readonly trustedProxies?: readonly string[];
  /** Listening sockets of an earlier process, by `<address>:<port>`: a route there goes on with the socket, and no connection is refused. */
  readonly inherited?: ReadonlyMap<string, number>;
  /** Called when a listener has been opened, or has stopped accepting. */
  readonly onListeners?: (change: 'opened' | 'closed') => void;
  /** Waited for before an address is bound: whoever else holds a socket that was closed here has let go of it by then. */
  readonly beforeBind?: () => Promise<void>;
}

/** A router whose listeners another process can inherit. */
export interface InheritableRouter extends Router {
  /** What listens now. A number holds only until the next change: hand it on at once. */
  descriptors(): readonly Descriptor[];
  /** Closes the inherited sockets that no route has asked for. */
  closeUnclaimed(): void;
}

/** A router in this process, on node:http. Throws a TypeError when a trusted proxy is no address. */
export function createEmbeddedRouter(options: EmbeddedRouterOptions = {}): InheritableRouter {
  const trusted = proxyAddress.compile([...options.trustedProxies ?? []]);
  return new EmbeddedRouter((address) => trusted(address, 0), options);
}

class EmbeddedRouter implements InheritableRouter {
  private readonly services = new Map<string, Service>();
  private readonly listeners = new Map<string, Listener>();
  /** They accept nothing any more, and finish what they have. */
  private readonly leaving = new Map<Listener, Promise<void>>();
  private queue: Promise<unknown> = Promise.resolve();
  private closed = false;

  private readonly unclaimed: Map<string, number>;

  constructor(private readonly trust: Trust, private readonly options: EmbeddedRouterOptions) {
    this.unclaimed = new Map(options.inherited);
  }

  descriptors(): readonly Descriptor[] {
    return [...this.listeners].flatMap(([name, { descriptor: fd }]) => (fd === undefined ? [] : [{ name, fd }]));
  }

  closeUnclaimed(): void {
    for (const fd of this.unclaimed.values()) if (isSocket(fd)) closeSync(fd);
    this.unclaimed.clear();
  }

  set(route: Route): Promise<void> {
    return this.inTurn(() => this.put(route));
  }

  remove(key: string): Promise<void> {
    return this.inTurn(async () => {
      const service = this.services.get(key);
      if (service?.route === undefined) return;
      this.withdraw(service, service.route.listen);
      service.end();
      this.forget();
    });
  }

  route(key: string): Route | undefined {
    return this.services.get(key)?.route;
  }

  inFlight(key: string, targetId: string): number {
    return this.services.get(key)?.targets.inFlight(targetId) ?? 0;
  }

  drained(key: string, targetId: string, deadline: Ms): Promise<boolean> {
    return this.services.get(key)?.targets.drained(targetId, deadline) ?? Promise.resolve(true);
  }

  cut(key: string, targetId: string): void {
    this.services.get(key)?.targets.cut(targetId);
  }

  metrics(key: string, release: ReleaseId, window: Ms): Metrics {
    return this.services.get(key)?.metrics.read(release, window) ?? NO_METRICS;
  }

  totals(key: string): ReadonlyMap<ReleaseId, Totals> {
    return this.services.get(key)?.metrics.totals ?? new Map<ReleaseId, Totals>();
  }

  close(deadline: Ms): Promise<void> {
    this.closed = true;
    return this.inTurn(async () => {
      for (const listener of this.listeners.values()) this.leave(listener);
      this.listeners.clear();
      // After the listeners: what is turned away ends its connection.
      for (const service of this.services.values()) service.door.close();
      const all = Promise.all(this.leaving.values());
      const timer = setTimeout(() => {
        for (const service of this.services.values()) service.targets.cutAll();
        for (const listener of this.leaving.keys()) listener.cut();
      }, deadline);
      await all;
      clearTimeout(timer);
      for (const service of this.services.values()) service.end();
      this.forget();
    });
  }

  private async put(asked: Route): Promise<void> {
    if (this.closed) throw new DeployError('ND-INTERNAL', { what: `route ${asked.key} cannot be set`, why: 'the router is closing' });
    checkSettings(asked);
    const route = { ...asked, listen: normalised(asked.listen) };
    const { listen } = route;
    const at = place(listen);
    const holder = this.listeners.get(at)?.holder(listen.host);
    if (holder !== undefined && holder.key !== route.key) throw conflict(listen, holder.key);
    const open = this.listeners.get(at);
    const listener = open ?? await this.open(listen);
    // From here on nothing waits: the switch is one step.
    const service = this.services.get(route.key) ?? new Service(route.key);
    const before = service.route?.listen;
    this.services.set(route.key, service);
    this.listeners.set(at, listener);
    service.put(route);
    listener.serve(listen.host, service);
    if (open === undefined) this.options.onListeners?.('opened');
    if (before !== undefined && place(before) !== at) this.withdraw(service, before);
    else if (before !== undefined && before.host !== listen.host) listener.unserve(before.host);
    this.forget();
  }

  /** Takes a route off an address: off the shared listener, or with the listener when no other route uses that. */
  private withdraw(service: Service, listen: Listen): void {
    const at = place(listen);
    const listener = this.listeners.get(at);
    if (listener === undefined) return;
    if (listener.servesOnly(service)) {
      // It still knows the route: connections that are open bring requests until they end.
      this.listeners.delete(at);
      this.leave(listener);
    } else listener.unserve(listen.host);
  }

  private leave(listener: Listener): void {
    const left = listener.close().finally(() => this.leaving.delete(listener));
    this.leaving.set(listener, left);
    if (!this.closed) this.options.onListeners?.('closed');
  }

  private async open(listen: Listen): Promise<Listener> {
    const inherited = this.unclaimed.get(place(listen));
    this.unclaimed.delete(place(listen));
    try {
      if (inherited !== undefined && isSocket(inherited)) return await Listener.open(listen, this.trust, inherited);
      await this.options.beforeBind?.();
      return await Listener.open(listen, this.trust);
    } catch (error) {
      const overlapping = [...this.services.values()].find((service) => service.route?.listen.port === listen.port);
      throw cannotListen(listen, error, overlapping?.route);
    }
  }

  /** Drops what neither has a route nor anything in flight. */
  private forget(): void {
    for (const [key, service] of this.services) {
      if (service.route === undefined && service.targets.empty) this.services.delete(key);
    }
  }

  /** Changes happen one after another; each is told of its own failure alone. */
  private inTurn<T>(change: () => Promise<T>): Promise<T> {
    const result = this.queue.then(change);
    this.queue = result.catch(() => {});
    return result;
  }
}

function normalised({ address, port, host }: Listen): Listen {
  return host === undefined ? { address, port } : { address, port, host: hostName(host) };
}
