/** The agent's program. `launch` starts `run` so that it has no parent; `run` is the agent; `standby` becomes it when that is gone. */
import { join } from 'node:path';
import { agentHome, type Home } from '../agent/home.js';
import { startAgent, type AgentOptions } from '../control/agent.js';
import { inheritedListeners, waitForTurn } from '../control/heir.js';
import { codeOf, shimBeside } from '../control/launch.js';
import { PROTOCOL } from '../control/protocol.js';
import { detach } from '../shell/detach.js';

/** What is started: in a copy this file is loaded by that one. */
const PROGRAM = join(__dirname, 'agent.js');

async function main(role: string | undefined): Promise<void> {
  const home = agentHome();
  if (role === 'launch') {
    const env = Object.fromEntries(Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
    await detach(process.execPath, [PROGRAM, 'run'], { env, output: 2 });
    return;
  }
  // A closed terminal or a reader that went away is no reason to end.
  process.on('SIGHUP', () => undefined);
  const inheritance = role === 'standby' ? await standBy(home) : undefined;
  process.title = 'nx-deploy-agent';
  const agent = await startAgent({
    home, shim: shimBeside(PROGRAM), version: String(PROTOCOL), code: codeOf(PROGRAM), standby: { node: process.execPath, program: PROGRAM },
    ...(inheritance === undefined ? {} : { inheritance }),
  });
  if (agent === undefined) return;
  // A fault in one place must not end the traffic of every service: it is logged, and what it was part of has failed by itself.
  process.on('uncaughtException', (error) => agent.log.warn('uncaught exception', error));
  process.on('unhandledRejection', (error) => agent.log.warn('unhandled rejection', error));
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void agent.stop(false));
  await agent.left;
  process.exit(0);
}

/** Resolves when it is this process's turn. */
async function standBy(home: Home): Promise<NonNullable<AgentOptions['inheritance']>> {
  process.title = 'nx-deploy-standby';
  const former = process.ppid;
  const listeners = inheritedListeners(process.argv[3]);
  if (!await waitForTurn(home)) process.exit(0);
  return { former, listeners };
}

main(process.argv[2]).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack ?? error.message : String(error)}\n`);
  process.exit(1);
});
