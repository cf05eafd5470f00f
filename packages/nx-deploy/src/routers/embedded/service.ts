import type { IncomingMessage } from 'node:http';
import type { Head } from './admit.js';
import { Balance } from './balance.js';
import { choosing, type Choice, type Choosing } from './choose.js';
import { Door } from './closure.js';
import { RouteMetrics } from './metrics.js';
import { Targets } from './targets.js';
import type { Route } from '../router.js';

/** The route of one key as it is in force. It outlives the route until nothing of it is in flight. */
export class Service {
  readonly targets = new Targets();
  readonly metrics = new RouteMetrics();
  private current: Route | undefined;
  private inForce = new Balance({}, []);
  private choosing: Choosing | undefined;
  readonly door = new Door();

  constructor(readonly key: string) {}

  /** Undefined once the route was taken away. */
  get route(): Route | undefined {
    return this.current;
  }

  get balance(): Balance {
    return this.inForce;
  }

  /** What the request itself says of its release; undefined: the weights decide. */
  choose(request: IncomingMessage, head: Head): Choice | undefined {
    return this.choosing?.(request, head, this.inForce);
  }

  /** The switch: what is chosen from now on follows this route. */
  put(route: Route): void {
    this.current = route;
    this.inForce = new Balance(route.weights, this.targets.update(route.targets), this.inForce);
    this.metrics.forget(new Set([...Object.keys(route.weights), ...route.targets.map((target) => target.release)]));
    this.choosing = choosing(route);
    this.door.put(route.closure);
  }

  /** Takes the route away. */
  end(): void {
    this.current = undefined;
    this.inForce = new Balance({}, this.targets.update([]));
    this.door.end();
  }
}
