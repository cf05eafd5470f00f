/** Starts the agent so that it outlives this command, Nx and the terminal. */
import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Home } from '../agent/home.js';
import { DeployError } from '../errors.js';
import { baseEnvironment } from '../shell/environment.js';
import { detach } from '../shell/detach.js';
import { findAgent, wrongProtocol, type AgentClient } from './client.js';
import { ownCopy, pruneCopies } from './code-copies.js';
import { PROTOCOL, type Hello } from './protocol.js';
import { isNewer, packageVersion } from './version.js';

const START_TIMEOUT = 15_000;
const LOG_LINES = 8;
const POLL = 20;

/** Folder with the agent's single-file programs, in the built package. */
export const BUNDLE_FOLDER = join(__dirname, '..', 'bundles');

/**
 * The agent of this home, started if need be. Two commands at once get the same one. One that runs other code than this package has is taken over
 * from, unless it is of a newer version or a change is under way: then it serves this command too, or ND-AGENT-VERSION says that it cannot.
 */
export async function connectAgent(home: Home, bundles = BUNDLE_FOLDER): Promise<AgentClient> {
  const running = await findAgent(home, { anyProtocol: true });
  if (running !== undefined && isNewer(running.hello.version, packageVersion(bundles))) return speaking(running);
  if (running !== undefined && (!existsSync(bundles) || running.hello.code === codeOf(ownCopy(home, bundles)))) return speaking(running);
  if (running !== undefined) return await takeOver(home, running, bundles) ?? speaking(running);
  mkdirSync(home.logs, { recursive: true, mode: 0o700 });
  const log = join(home.logs, 'agent-start.log');
  const program = ownCopy(home, bundles);
  const output = openSync(log, 'a', 0o600);
  const launch = { failed: false };
  try {
    // `launch` starts the agent and ends at once: with its parent gone, ending this command's process tree does not reach the agent.
    const launcher = await detach(process.execPath, [program, 'launch'], {
      env: { ...baseEnvironment(process.env), NX_DEPLOY_HOME: home.folder }, output,
    });
    void launcher.ended.then(({ code }) => { launch.failed = code !== 0; });
  } finally {
    closeSync(output);
  }
  const agent = await waitForAgent(home, log, launch);
  await tidy(home, agent);
  return agent;
}

/**
 * A new agent in place of the running one, without a moment in which nobody answers. Undefined when that is not possible now; rejects with
 * ND-AGENT-VERSION when the running one is of a newer version.
 */
export async function takeOver(home: Home, running: AgentClient, bundles = BUNDLE_FOLDER): Promise<AgentClient | undefined> {
  if (isNewer(running.hello.version, packageVersion(bundles))) throw newer(running.hello, packageVersion(bundles));
  const answer = await running.call('takeover', { from: running.hello.pid, code: codeOf(ownCopy(home, bundles)), node: process.execPath }).catch(asIs);
  if (answer?.outcome !== 'taken') return undefined;
  const end = performance.now() + START_TIMEOUT;
  while (performance.now() < end) {
    const agent = await findAgent(home, { anyProtocol: true });
    // Not only the one that was asked for: it may have been replaced in turn.
    if (agent !== undefined && agent.hello.pid !== running.hello.pid) {
      await tidy(home, agent);
      return speaking(agent);
    }
    await sleep(POLL);
  }
  return undefined;
}

/** An agent that cannot be taken over from goes on. */
function asIs(error: unknown): undefined {
  if (error instanceof DeployError) return undefined;
  throw error;
}

/** What it fails with is no concern of the command: the next start tries again. */
async function tidy(home: Home, { hello: { code } }: AgentClient): Promise<void> {
  if (code !== undefined) await pruneCopies(home, code).catch(() => undefined);
}

function newer({ version, pid }: Hello, own = 'an unknown version'): DeployError {
  return new DeployError('ND-AGENT-VERSION', {
    what: `the running agent (process ${pid}) is of nx-deploy ${version}, this command of ${own}: an older version does not replace a newer one`,
    next: 'update nx-deploy in this workspace, restart the agent from the one that has the newer version, or give this one a home of its own (NX_DEPLOY_HOME)',
  });
}

function speaking(agent: AgentClient): AgentClient {
  if (agent.hello.protocol !== PROTOCOL) throw wrongProtocol(agent.hello);
  return agent;
}

async function waitForAgent(home: Home, log: string, launch: { readonly failed: boolean }): Promise<AgentClient> {
  const end = performance.now() + START_TIMEOUT;
  while (performance.now() < end && !launch.failed) {
    const agent = await findAgent(home);
    if (agent !== undefined) return agent;
    await sleep(POLL);
  }
  // The frames of a stack would push out the message above them.
  const lines = (await readFile(log, 'utf8').catch(() => '')).split('\n').filter((line) => line.trim() !== '' && !/^\s+at /.test(line));
  const tail = lines.slice(-LOG_LINES);
  throw new DeployError('ND-AGENT-FAILED', {
    what: 'the agent did not start', where: log, problems: tail, next: 'remove the cause that the log names and run the command again',
  });
}

/** The name of a copy tells its content. */
export function codeOf(agentProgram: string): string {
  return basename(dirname(agentProgram));
}

/** The shim lies beside the agent's program. */
export function shimBeside(agentProgram: string): string {
  return join(dirname(agentProgram), 'shim.js');
}

/** So does the program of a walker that is no part of the agent. */
export function walkerBeside(agentProgram: string): string {
  return join(dirname(agentProgram), 'walker.js');
}
