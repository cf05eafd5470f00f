/** Waits until every instance of a release answers. Whoever answers at an instance's address is that instance: nobody else has it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { HealthSpec, Ms } from '../../model/index.js';
import { WEB } from '../../model/index.js';
import type { Readiness } from '../platform.js';
import { isUp, type Container } from './containers.js';
import type { Probe, ProbeResult } from './router-probe.js';

export interface Waiting {
  readonly health: HealthSpec;
  readonly deadline: Ms;
  /** Those of the release that are to be ready. */
  readonly look: () => Promise<readonly Container[]>;
  /** One answer for each, in their order. */
  readonly probe: (probes: readonly Probe[]) => Promise<readonly ProbeResult[]>;
  readonly lastLines: (container: Container) => Promise<readonly string[]>;
}

/** One that ends this often before it is ready will not get ready. */
const CRASHES_TO_GIVE_UP = 3;
const CHECK_TIMEOUT: Ms = 5_000;
/** A process that nobody connects to is ready when it has lived this long. */
const SETTLES: Ms = 1_000;
/** A look costs the engine more than a probe. */
const LOOK_PAUSE: Ms = 400;

export async function awaitReady(waiting: Waiting): Promise<Readiness> {
  const { health, deadline, look } = waiting;
  const end = performance.now() + deadline;
  const before = await look();
  const passes = new Map<string, number>();
  const seen = new Map<string, Ms>();
  for (let containers = before, looked = performance.now(); ;) {
    const reasons = await ask(waiting, containers, passes, seen);
    const lagging = containers.filter((container) => !isReady(container, passes, health.passes));
    if (lagging.length === 0 || performance.now() - looked >= LOOK_PAUSE || performance.now() >= end) {
      const now = await look();
      looked = performance.now();
      if (lagging.length === 0 && sameLives(containers, now)) return { ready: true };
      containers = now;
      const late = now.filter((container) => !isReady(container, passes, health.passes));
      const hopeless = late.find((container) => lives(container, before) >= CRASHES_TO_GIVE_UP || !isUp(container));
      const worst = hopeless ?? (performance.now() >= end ? late[0] : undefined);
      if (worst !== undefined) return notReady(waiting, worst, hopeless === undefined ? deadline : undefined, reasons);
    }
    await sleep(Math.max(0, Math.min(health.interval, end - performance.now())));
  }
}

/** Counts passes in a row, and tells why the others did not pass. */
async function ask({ health, probe }: Waiting, containers: readonly Container[], passes: Map<string, number>, seen: Map<string, Ms>): Promise<Map<string, string>> {
  const reasons = new Map<string, string>();
  const asked = containers.filter((container) => container.process === WEB && container.state === 'running');
  const answers = await probe(asked.map(({ address = '', port }) => ({ host: address, port, path: health.path, timeout: CHECK_TIMEOUT })));
  for (const container of containers) {
    const answer = answers[asked.indexOf(container)];
    const fault = container.process === WEB ? faultOf(answer, health.path) : youth(container, seen);
    passes.set(lifeOf(container), fault === undefined ? (passes.get(lifeOf(container)) ?? 0) + 1 : 0);
    if (fault !== undefined) reasons.set(container.id, fault);
  }
  return reasons;
}

export function faultOf(answer: ProbeResult | undefined, path: string): string | undefined {
  if (answer === undefined) return 'it does not run';
  if ('reason' in answer) return `GET ${path}: ${answer.reason}`;
  return answer.status >= 200 && answer.status < 300 ? undefined : `GET ${path}: status ${answer.status}`;
}

/** By this machine's steady clock: that of the engine's machine may go otherwise. */
function youth(container: Container, seen: Map<string, Ms>): string | undefined {
  if (container.state !== 'running') return 'it does not run';
  const since = seen.get(lifeOf(container)) ?? performance.now();
  seen.set(lifeOf(container), since);
  return performance.now() - since >= SETTLES ? undefined : 'it has run for less than a second';
}

/** A container that was started again has to pass again. */
function lifeOf({ id, restarts, startedAt }: Container): string {
  return `${id} ${restarts} ${startedAt}`;
}

function isReady(container: Container, passes: ReadonlyMap<string, number>, needed: number): boolean {
  return (passes.get(lifeOf(container)) ?? 0) >= (container.process === WEB ? needed : 1);
}

function sameLives(before: readonly Container[], now: readonly Container[]): boolean {
  const known = new Set(before.map(lifeOf));
  return now.every((container) => known.has(lifeOf(container)));
}

/** How often it ended since the wait began. */
function lives(container: Container, before: readonly Container[]): number {
  return container.restarts - (before.find(({ id }) => id === container.id)?.restarts ?? 0);
}

async function notReady({ lastLines }: Waiting, container: Container, waited: Ms | undefined, reasons: ReadonlyMap<string, string>): Promise<Readiness> {
  const { process, slot, restarts, exitCode, state, fault } = container;
  const ended = state === 'running' ? '' : `it exited with code ${exitCode}${fault === undefined ? '' : `, ${fault}`}`;
  const how = waited === undefined ? `ended ${Math.max(1, restarts)} ${restarts > 1 ? 'times' : 'time'}` : `was not ready within ${Math.round(waited / 100) / 10}s`;
  const reason = ended === '' ? reasons.get(container.id) ?? 'it did not answer its check' : ended;
  return { ready: false, reason: `instance ${process}.${slot} ${how}: ${reason}`, logs: [...await lastLines(container), ...(ended === '' ? [] : [`exited with code ${exitCode}`])] };
}
