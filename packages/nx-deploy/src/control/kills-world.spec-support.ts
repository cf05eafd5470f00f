/** A real agent with its standby, made to end itself at a write of a run, and what has to hold after that. For tests only. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BUNDLES, eventually, get } from '../commands/workbench.spec-support.js';
import type { StrategyOptions } from '../config/resolved.js';
import type { ChangeResult } from '../engine/request.js';
import { asDeployError } from '../errors.js';
import { bundleFile } from '../shell/programs.spec-support.js';
import { agentsOf, inConsistentFleet, instanceProcesses, settled, SETTLE_LIMIT, type Tally } from '../walker/aftermath.spec-support.js';
import { World, type WalkedService } from '../walker/world.spec-support.js';
import type { Hello, RunMessage, RunRequest } from './protocol.js';
import { KILL_FILE, VIOLATIONS_FILE, type AgentKill } from './kills-order.spec-support.js';

export type When = AgentKill['when'];

const SECOND_KILL = 2_000;
const WORK_LIMIT = 30_000;

/** Folder of an agent's bundles whose agent is the given program. */
export function bundlesWith(folder: string, program: string): string {
  const bundles = join(folder, 'bundles');
  mkdirSync(bundles);
  for (const name of ['shim.js', 'walker.js']) copyFileSync(join(BUNDLES, name), join(bundles, name));
  bundleFile(program, join(bundles, 'agent.js'));
  return bundles;
}

interface LockFile { readonly pid: number; readonly standby?: { readonly pid: number } }

export async function lockFile(world: World): Promise<LockFile> {
  return JSON.parse(await readFile(world.bench.home.lockFile, 'utf8')) as LockFile;
}

export async function hello(world: World): Promise<Hello> {
  return (await world.bench.client()).hello;
}

/** The active agent and its standby, once that is ready. */
export async function pair(world: World): Promise<{ readonly active: number; readonly standby: number }> {
  let found = { active: 0, standby: 0 };
  await eventually(async () => {
    const { pid, standby } = await lockFile(world);
    found = { active: pid, standby: standby?.pid ?? 0 };
    return found.standby !== 0 && (await readFile((await hello(world)).log, 'utf8')).includes(`"standby":${found.standby},"msg":"standby"`);
  }, 'a standby');
  return found;
}

export interface Killed {
  readonly label: string;
  /** Writes up to the kill. */
  readonly steps: readonly string[];
  readonly when: When;
  readonly run: string;
}

interface Armed {
  readonly active: number;
  readonly standby: number;
  readonly kill: Omit<AgentKill, 'steps'>;
  /** One for each write so far. */
  lines(): readonly string[];
}

export class KillWorld {
  private constructor(readonly world: World, private readonly tally: Tally, private readonly warm: number) {}

  /** `warm`: releases that a change keeps beside the one that it wants. */
  static async open(bundles: string, tally: Tally, warm = 0): Promise<KillWorld> {
    return new KillWorld(await World.apart(bundles), tally, warm);
  }

  /** A kill that was taken back in the moment of its write comes all the same, and may end the agent that is asked to stop. */
  async close(): Promise<void> {
    await this.world.close().catch(async (error: unknown) => {
      if (asDeployError(error).code !== 'ND-INTERRUPTED') throw error;
      await this.world.close();
    });
  }

  service(name: string): WalkedService {
    return this.world.service(name);
  }

  /** How many writes such a run makes. */
  async count(service: WalkedService, order: RunRequest): Promise<number> {
    const ending = await this.killed(service, order, { at: Number.MAX_SAFE_INTEGER, when: 'before' });
    if (typeof ending !== 'number') throw new Error('it was killed');
    return ending;
  }

  /** Runs until the agent ends itself; the number of writes when it does not. `carried`: the strategy leaves no moment without an instance. */
  async killed(service: WalkedService, order: RunRequest, kill: Omit<AgentKill, 'steps'>, carried = false): Promise<Killed | number> {
    const armed = await this.arm(order.request.run, kill);
    const result = await service.inAgent(order).catch((error: unknown) => {
      if (asDeployError(error).code === 'ND-INTERRUPTED') return undefined;
      throw error;
    });
    if (result !== undefined && armed.lines().length < kill.at) return this.disarm(armed);
    return this.fallen(service, order.request.run, armed, carried);
  }

  /** The same for what an agent does by itself. `over`: it was done, and no agent was killed. */
  async killedAtWork(service: WalkedService, name: string, kill: Omit<AgentKill, 'steps'>, begin: () => Promise<void>, over: () => Promise<boolean>): Promise<Killed | number> {
    const armed = await this.arm(name, kill);
    await begin();
    let done = false;
    await eventually(async () => !this.lives(armed.active) || (done = await over().catch(() => false)), name, WORK_LIMIT);
    if (done && this.lives(armed.active)) return this.disarm(armed);
    return this.fallen(service, name, armed, true);
  }

  private async arm(name: string, kill: Omit<AgentKill, 'steps'>): Promise<Armed> {
    const { folder } = this.world.bench.home;
    const steps = join(folder, `${name}.steps`);
    const agents = await pair(this.world);
    writeFileSync(steps, '');
    writeFileSync(join(folder, KILL_FILE), JSON.stringify({ ...kill, steps, ...(kill.next === undefined ? {} : { next: { ...kill.next, steps: `${steps}.next` } }) }));
    return { ...agents, kill, lines: () => readFileSync(steps, 'utf8').trim().split('\n') };
  }

  private disarm({ lines }: Armed): number {
    writeFileSync(join(this.world.bench.home.folder, KILL_FILE), '');
    return lines().length;
  }

  private lives(agent: number): boolean {
    return agentsOf(this.world).some(({ pid }) => pid === agent);
  }

  private async fallen(service: WalkedService, run: string, { kill, lines, active, standby }: Armed, carried: boolean): Promise<Killed> {
    await eventually(() => !this.lives(active), 'the agent to end');
    const { when, both = false } = kill;
    const label = `${service.target.key.service}, ${both ? 'both' : 'agent'} killed ${typeof when === 'number' ? 'within' : when} ${lines()[kill.at - 1] ?? ''}`;
    if (both) await this.adopt(label, carried);
    else if (kill.next !== undefined) await this.again();
    else if ((await hello(this.world)).pid !== standby) this.tally.failed.push(`${label}: the standby did not take over`);
    return { label, steps: lines(), when, run };
  }

  /** The one that took over is killed as well, maybe before it had a standby; a recovery may have fewer writes than that. */
  private async again(): Promise<void> {
    const file = join(this.world.bench.home.folder, KILL_FILE);
    await eventually(() => !existsSync(file), 'the second kill', SECOND_KILL).catch(() => rmSync(file, { force: true }));
    await this.world.connect();
  }

  /** Both are dead: what ran runs on, and the next command takes it up. */
  private async adopt(label: string, carried: boolean): Promise<void> {
    await eventually(() => agentsOf(this.world).length === 0, 'both to end');
    const processes = (): readonly number[] => instanceProcesses(this.world).map(({ pid }) => pid);
    const alive = processes();
    await this.world.connect();
    const services = await (await this.world.bench.client()).call('services', {});
    const adopted = services.reduce((sum, { instances }) => sum + instances, 0);
    // The recovery of the new agent may have ended some of them by now.
    const left = processes().filter((pid) => alive.includes(pid)).length;
    if (carried && alive.length === 0) this.tally.failed.push(`${label}: no instance lived on`);
    if (adopted < Math.floor(left / 2)) this.tally.failed.push(`${label}: ${adopted} instances of ${left} processes were adopted`);
  }

  /** What does not hold after a kill, the next command included. `keeps`: the release that had the traffic and has to keep it. */
  async aftermath(service: WalkedService, killed: Killed, next: RunRequest, carried: boolean, keeps?: string): Promise<void> {
    await this.ending(service, killed.label, { carried, warm: this.warm }, async (problems) => {
      const { live } = await service.status();
      if (keeps !== undefined && live !== keeps) problems.push(`what had the traffic was taken back to ${live ?? 'nothing'}`);
      const { result, messages: told } = await service.inAgent(next);
      if (mustBeTold(killed) && !mentions(told, killed.run)) problems.push('the next command did not tell what was found');
      return result;
    });
  }

  /** What does not hold once an agent has recovered by itself, and after the work that leads to what was wanted. `carried`: there is traffic in between. */
  async ending(service: WalkedService, label: string, { carried, warm }: { readonly carried: boolean; readonly warm: number }, finish: (problems: string[]) => Promise<ChangeResult>): Promise<void> {
    this.tally.kills += 1;
    const problems = [...await recovered(service)];
    if (carried && (await get((await service.status()).url)).status !== 200) problems.push('no traffic flows');
    const result = await finish(problems);
    if (result.outcome !== 'done' && result.outcome !== 'unchanged') this.tally.stuck.push(`${label}: ${reason(result)}`);
    problems.push(...await inConsistentFleet(this.world, service, result.release, 2, warm), ...this.violations());
    if (problems.length > 0) this.tally.failed.push(`${label}: ${problems.join(', ')}`);
  }

  private violations(): readonly string[] {
    const file = join(this.world.bench.home.folder, VIOLATIONS_FILE);
    try {
      return readFileSync(file, 'utf8').trim().split('\n').filter((line) => line !== '').map((what) => `stopped under traffic: ${what}`);
    } catch {
      return [];
    } finally {
      writeFileSync(file, '');
    }
  }
}

/** By the agent itself, without any command. */
function recovered(service: WalkedService): Promise<readonly string[]> {
  return settled(2 * SETTLE_LIMIT, async () => {
    const { lock, interrupted, releases } = await service.status();
    return [
      ...(lock === undefined ? [] : [`the lock is still held by ${lock.run}`]),
      ...(interrupted === undefined ? [] : ['the journal was left']),
      ...(releases.every(({ outcome }) => outcome !== 'unfinished') ? [] : ['the run has no end']),
    ];
  });
}

/** It had begun, and did not write its own end. With a moment that passed it may have, if that was the last write. */
function mustBeTold({ steps, when }: Killed): boolean {
  const written = when === 'before' ? steps.slice(0, -1) : steps;
  return written.some((line) => line.endsWith('ledger start')) && !written.some((line) => line.endsWith('ledger end'));
}

function mentions(told: readonly RunMessage[], run: string): boolean {
  return told.some((message) => message.type === 'event' && message.event.type === 'note' && message.event.text.includes(run));
}

function reason({ outcome, error }: ChangeResult): string {
  return `${outcome}, ${error?.code ?? ''} ${error?.what ?? ''} ${error?.why ?? ''}`;
}

/** A strategy that must hold. `unbroken`: no request fails but those in flight. */
export interface KilledStrategy {
  readonly name: string;
  readonly strategy: StrategyOptions;
  readonly unbroken: boolean;
  /** The fewest writes that a deploy of it can have. */
  readonly least: number;
  /** Releases that a change keeps beside the one that it wants. */
  readonly warm: number;
}
