/** The agent's program. `launch` starts `run` so that it has no parent; `run` is the agent. */
import { agentHome } from '../agent/home.js';
import { startAgent } from '../control/agent.js';
import { shimBeside } from '../control/launch.js';
import { PROTOCOL } from '../control/protocol.js';
import { detach } from '../shell/detach.js';

async function main(role: string | undefined): Promise<void> {
  const home = agentHome();
  if (role === 'launch') {
    const env = Object.fromEntries(Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
    await detach(process.execPath, [__filename, 'run'], { env, output: 2 });
    return;
  }
  process.title = 'nx-deploy-agent';
  // A closed terminal or a reader that went away is no reason to end.
  process.on('SIGHUP', () => undefined);
  const agent = await startAgent({ home, shim: shimBeside(__filename), version: String(PROTOCOL) });
  if (agent === undefined) return;
  // A fault in one place must not end the traffic of every service: it is logged, and what it was part of has failed by itself.
  process.on('uncaughtException', (error) => agent.log.warn('uncaught exception', error));
  process.on('unhandledRejection', (error) => agent.log.warn('unhandled rejection', error));
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void agent.stop(false));
  await agent.left;
  process.exit(0);
}

main(process.argv[2]).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack ?? error.message : String(error)}\n`);
  process.exit(1);
});
