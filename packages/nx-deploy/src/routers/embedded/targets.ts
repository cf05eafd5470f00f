import type { Ms } from '../../model/index.js';
import type { Target } from '../router.js';
import { LONGEST_TIMER, TargetState } from './in-flight.js';

/** The targets of one route, and those that left it with work in hand. */
export class Targets {
  private readonly states = new Map<string, TargetState>();

  /** Brings the table in line with the route and returns the states in the route's order. */
  update(targets: readonly Target[]): TargetState[] {
    const wanted = new Set(targets.map((target) => target.id));
    for (const state of this.states.values()) {
      if (!wanted.has(state.id)) this.retire(state);
    }
    return targets.map((target) => this.stateOf(target));
  }

  inFlight(id: string): number {
    return this.states.get(id)?.inFlight ?? 0;
  }

  cut(id: string): void {
    this.states.get(id)?.cut();
  }

  cutAll(): void {
    for (const state of this.states.values()) state.cut();
  }

  drained(id: string, deadline: Ms): Promise<boolean> {
    const state = this.states.get(id);
    if (state === undefined || state.inFlight === 0) return Promise.resolve(true);
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        takeBack();
        resolve(false);
      }, Math.min(deadline, LONGEST_TIMER));
      const takeBack = state.onIdle(() => {
        clearTimeout(timer);
        resolve(true);
      });
    });
  }

  get empty(): boolean {
    return this.states.size === 0;
  }

  private stateOf(target: Target): TargetState {
    const known = this.states.get(target.id);
    if (known?.release === target.release) {
      known.moveTo(target);
      return known;
    }
    known?.kept.retire();
    const state = new TargetState(target);
    this.states.set(target.id, state);
    return state;
  }

  private retire(state: TargetState): void {
    state.kept.retire();
    state.onIdle(() => {
      // It may have come back into the route meanwhile, and be in use.
      if (!state.kept.isRetired) return;
      if (this.states.get(state.id) === state) this.states.delete(state.id);
    });
  }
}
