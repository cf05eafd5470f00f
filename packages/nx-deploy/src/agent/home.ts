/** Where the agent of this user keeps everything. NX_DEPLOY_HOME moves it as a whole (tests, several agents). */
import { createHash } from 'node:crypto';
import { homedir, tmpdir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';

export interface Home {
  readonly folder: string;
  readonly socket: string;
  /** Names the one agent in charge: process id and identity. */
  readonly lockFile: string;
  readonly targetKey: string;
  readonly blobs: string;
  readonly services: string;
  /** The agent's own copy of its code. */
  readonly code: string;
  readonly logs: string;
  /** A folder per run whose walker is a process of its own. */
  readonly runs: string;
}

/** sun_path holds 108 bytes with its ending zero on Linux, 104 on macOS. */
const SOCKET_PATH_LIMIT = 103;

export function agentHome(environment: NodeJS.ProcessEnv = process.env): Home {
  const folder = resolve(environment['NX_DEPLOY_HOME'] ?? defaultFolder(environment));
  return {
    folder,
    socket: socketPath(folder),
    lockFile: join(folder, 'agent.json'),
    targetKey: join(folder, 'target.key'),
    blobs: join(folder, 'blobs'),
    services: join(folder, 'services'),
    code: join(folder, 'code'),
    logs: join(folder, 'logs'),
    runs: join(folder, 'runs'),
  };
}

/** XDG Base Directory Specification: state that should persist between restarts. */
function defaultFolder(environment: NodeJS.ProcessEnv): string {
  const state = environment['XDG_STATE_HOME'];
  return state !== undefined && state.startsWith('/') ? join(state, 'nx-deploy') : join(homedir(), '.local', 'state', 'nx-deploy');
}

function socketPath(folder: string): string {
  const plain = join(folder, 'agent.sock');
  if (Buffer.byteLength(plain) <= SOCKET_PATH_LIMIT) return plain;
  const hash = createHash('sha256').update(folder).digest('hex').slice(0, 16);
  return join(tmpdir(), `nx-deploy-${userInfo().uid}-${hash}`, 'agent.sock');
}
