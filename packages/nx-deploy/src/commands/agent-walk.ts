import type { Home } from '../agent/home.js';
import { connectAgent } from '../control/launch.js';
import type { RunRequest } from '../control/protocol.js';
import type { Walk } from './change.js';

/** The agent walks by itself; it is started if need be. */
export async function agentWalk(home: Home, run: RunRequest): Promise<Walk> {
  const { key, owner, request } = run;
  const agent = await connectAgent(home);
  return {
    by: 'agent',
    messages: (signal) => agent.stream('run', run, signal),
    cancel: () => agent.call('cancel', { run: request.run }),
    status: () => agent.call('status', { key, owner }),
  };
}
