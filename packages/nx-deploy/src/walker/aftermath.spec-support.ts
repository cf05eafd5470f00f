/** What has to hold after a kill. For tests only. */
import { isDeepStrictEqual } from 'node:util';
import { processesOf, type Found } from '../../../../e2e/support/processes.js';
import { get } from '../commands/workbench.spec-support.js';
import type { WalkedService, World } from './world.spec-support.js';

export const SETTLE_LIMIT = 5_000;
const AGENT = /^nx-deploy-(?:agent|standby)|agent\.js (?:run|standby|launch)/;

/** What the kills of one file came to. */
export class Tally {
  kills = 0;
  /** Cases in which something did not hold. */
  readonly failed: string[] = [];
  /** Cases after which the next command did not reach the fleet that was wanted. */
  readonly stuck: string[] = [];

  toString(): string {
    return `${this.kills} kills, ${this.failed.length} failed, ${this.stuck.length} stuck`;
  }
}

/** Waits until nothing more is wrong, or gives what is. */
export async function settled(limit: number, problems: () => Promise<readonly string[]> | readonly string[]): Promise<readonly string[]> {
  const end = performance.now() + limit;
  for (;;) {
    const found = await problems();
    if (found.length === 0 || performance.now() > end) return found;
    await new Promise((wake) => setTimeout(wake, 20));
  }
}

/** Agents and standbys that are processes of their own. */
export function agentsOf(world: World): readonly Found[] {
  return processesOf(world.bench.home.folder).filter(({ command }) => AGENT.test(command));
}

/** Shims and the processes of instances. */
export function instanceProcesses(world: World): readonly Found[] {
  return processesOf(world.bench.home.folder).filter(({ command }) => !AGENT.test(command));
}

/** Exactly this release runs, has all of the traffic, and nothing is left of anything else, except for so many releases that are kept warm. */
export function inConsistentFleet(world: World, service: WalkedService, release: string | undefined, instances: number, warm = 0): Promise<readonly string[]> {
  return settled(SETTLE_LIMIT, async () => {
    const status = await service.status();
    const processesOfEach = { web: { running: instances, ready: instances, draining: 0 } };
    const kept = Object.entries(status.fleet).filter(([, { weight, until }]) => weight === 0 && Date.parse(until ?? '') > Date.now());
    const wanted = { [release ?? '']: { processes: processesOfEach, weight: 100 }, ...Object.fromEntries(kept.map(([id, release]) => [id, { ...release, processes: processesOfEach }])) };
    const answer = await get(status.url);
    const processes = instanceProcesses(world);
    const agents = agentsOf(world);
    return [
      ...(kept.length === warm && isDeepStrictEqual(status.fleet, wanted) ? [] : [`the fleet is ${JSON.stringify(status.fleet)}, ${warm} warm wanted`]),
      ...(status.interrupted === undefined ? [] : ['the journal was left']),
      ...(status.releases.every(({ outcome }) => outcome !== 'unfinished') ? [] : ['a run has no end']),
      ...(status.ledger.ok ? [] : [`the ledger is broken: ${status.ledger.broken ?? ''}`]),
      ...(answer.status === 200 ? [] : [`it answers ${answer.status}`]),
      // Each instance is a shim and the service's process.
      ...(processes.length === 2 * instances * (1 + warm) ? [] : [`${processes.length} processes: ${processes.map(({ command }) => command).join('; ')}`]),
      ...(agents.length <= 2 ? [] : [`${agents.length} agents`]),
    ];
  });
}
