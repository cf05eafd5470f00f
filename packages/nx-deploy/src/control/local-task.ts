/** What a walker outside the agent needs to change a service of the local platform. */
import { agentHome } from '../agent/home.js';
import type { ChangeRequest } from '../engine/request.js';
import { findAgent } from './client.js';
import { connectAgent } from './launch.js';
import { openSession, type PlatformSession } from './platform-session.js';
import type { RunRequest } from './protocol.js';

/** The order of a walker. */
export interface LocalOrder {
  /** Folder of the agent's home. */
  readonly home: string;
  readonly run: RunRequest;
  /** Folder with the bundles that an agent is started from, should none run. */
  readonly bundles: string;
}

export interface LocalTask {
  readonly request: ChangeRequest;
  open(cancel: () => void): Promise<PlatformSession>;
}

export function localTask({ home: folder, run, bundles }: LocalOrder): LocalTask {
  const home = agentHome({ ...process.env, NX_DEPLOY_HOME: folder });
  return {
    request: run.request,
    // Whoever ordered the run has brought the agent up to date; it is started here only when it has ended since.
    open: async (cancel) => openSession(await findAgent(home) ?? await connectAgent(home, bundles), run, cancel),
  };
}
