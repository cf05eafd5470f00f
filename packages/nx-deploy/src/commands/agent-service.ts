import type { AgentClient } from '../control/client.js';
import type { ServiceTarget, WantedListen } from '../control/protocol.js';
import type { Service } from './service.js';

/** `listen`: of deploy.json, for a repair that finds no record of the address. */
export function agentService(agent: AgentClient, target: ServiceTarget, listen: WantedListen): Service {
  return {
    status: () => agent.call('status', target),
    configuration: () => agent.call('configuration', target),
    logs: (wanted, signal) => agent.stream('logs', { ...target, ...wanted }, signal),
    closure: (by, closure) => agent.call('closure', { ...target, by, ...(closure === undefined ? {} : { closure }) }),
    task: (request) => agent.stream('task', { ...target, listen, node: process.execPath, request }),
    unlock: (run, wait) => agent.stream('unlock', { ...target, run, wait }),
    watch: (signal) => agent.stream('watch', target, signal),
  };
}
