import { Balance } from './balance.js';
import { RouteMetrics } from './metrics.js';
import { Targets } from './targets.js';
import type { Route } from '../router.js';

/** The route of one key as it is in force. It outlives the route until nothing of it is in flight. */
export class Service {
  readonly targets = new Targets();
  readonly metrics = new RouteMetrics();
  private current: Route | undefined;
  private inForce = new Balance({}, []);

  constructor(readonly key: string) {}

  /** Undefined once the route was taken away. */
  get route(): Route | undefined {
    return this.current;
  }

  get balance(): Balance {
    return this.inForce;
  }

  /** The switch: what is chosen from now on follows this route. */
  put(route: Route): void {
    this.current = route;
    this.inForce = new Balance(route.weights, this.targets.update(route.targets), this.inForce);
    this.metrics.forget(new Set([...Object.keys(route.weights), ...route.targets.map((target) => target.release)]));
  }

  /** Takes the route away. */
  end(): void {
    this.current = undefined;
    this.inForce = new Balance({}, this.targets.update([]));
  }
}
