/** The background agent itself: what it runs, how to end it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { agentHome, type Home } from '../agent/home.js';
import { connectAgent, takeOver } from '../control/launch.js';
import { findAgent, type AgentClient } from '../control/client.js';
import { leftRunning } from '../control/registry.js';
import { identity } from '../shell/process-table.js';
import { agentLines } from './text.js';
import type { Output } from './output.js';
import type { CommandResult } from './result.js';

export const AGENT_ACTIONS = ['status', 'start', 'stop', 'restart'] as const;
export type AgentAction = (typeof AGENT_ACTIONS)[number];

export interface AgentCommandOptions {
  /** With `stop`: leave the instances running; the next command finds them again. */
  readonly keepInstances?: boolean;
}

export async function agentCommand(action: AgentAction, options: AgentCommandOptions, output: Output, variables: NodeJS.ProcessEnv): Promise<CommandResult> {
  const home = agentHome(variables);
  if (action === 'stop' || action === 'restart') {
    const instances = action === 'stop' && options.keepInstances !== true;
    const running = await findAgent(home, { anyProtocol: true }) ?? (instances ? await heirOfTheDead(home, output) : undefined);
    const replaced = action === 'restart' && running !== undefined && await replace(home, running, output);
    const stopped = replaced ? 0 : await stop(running, instances, output);
    if (action === 'stop') return done({ stopped });
  }
  const agent = action === 'status' ? await findAgent(home) : await connectAgent(home);
  const services = await agent?.call('services', {}) ?? [];
  for (const line of agentLines(agent?.hello, services, home.folder)) output.line(line);
  return done({ running: agent !== undefined, ...agent?.hello, services });
}

/** A new agent takes over at once where the running one can be taken over from: no address is closed. */
async function replace(home: Home, running: AgentClient, output: Output): Promise<boolean> {
  if (await takeOver(home, running) === undefined) return false;
  await gone(running.hello.pid);
  output.line(`agent restarted (process ${running.hello.pid} handed over), 0 instances ended`);
  return true;
}

/** Instances outlive an agent that was killed. Only an agent can end them in order. */
async function heirOfTheDead(home: Home, output: Output): Promise<AgentClient | undefined> {
  if (!await leftRunning(home)) return undefined;
  output.line('no agent runs, but instances that one has left; an agent is started to end them');
  return connectAgent(home);
}

async function stop(running: AgentClient | undefined, instances: boolean, output: Output): Promise<number> {
  const stopped = (await running?.call('stop', { instances }))?.stopped ?? 0;
  if (running !== undefined) await gone(running.hello.pid);
  output.line(running === undefined ? 'no agent runs' : `agent stopped (process ${running.hello.pid}), ${stopped} instances ended`);
  return stopped;
}

function done(facts: object): CommandResult {
  return { exitCode: 0, document: { outcome: 'done', exitCode: 0, ...facts } };
}

/** A zombie counts as gone: whoever should have reaped it may take its time. */
async function gone(pid: number): Promise<void> {
  for (let tries = 0; tries < 600 && await identity(pid) !== undefined; tries += 1) await sleep(25);
}
