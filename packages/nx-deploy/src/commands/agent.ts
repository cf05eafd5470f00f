/** The background agent itself: what it runs, how to end it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { agentHome } from '../agent/home.js';
import { connectAgent } from '../control/launch.js';
import { findAgent } from '../control/client.js';
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
    const running = await findAgent(home, { anyProtocol: true });
    const keep = action === 'restart' || options.keepInstances === true;
    const stopped = await running?.call('stop', { instances: !keep });
    if (running !== undefined) await gone(running.hello.pid);
    output.line(running === undefined ? 'no agent runs' : `agent stopped (process ${running.hello.pid}), ${stopped?.stopped ?? 0} instances ended`);
    if (action === 'stop') return done({ stopped: stopped?.stopped ?? 0 });
  }
  const agent = action === 'status' ? await findAgent(home) : await connectAgent(home);
  const services = await agent?.call('services', {}) ?? [];
  for (const line of agentLines(agent?.hello, services, home.folder)) output.line(line);
  return done({ running: agent !== undefined, ...agent?.hello, services });
}

function done(facts: object): CommandResult {
  return { exitCode: 0, document: { outcome: 'done', exitCode: 0, ...facts } };
}

/** A zombie counts as gone: whoever should have reaped it may take its time. */
async function gone(pid: number): Promise<void> {
  for (let tries = 0; tries < 600 && await identity(pid) !== undefined; tries += 1) await sleep(25);
}
