/** Where the agent of this user keeps everything. NX_DEPLOY_HOME moves it as a whole (tests, several agents). */
import { createHash } from 'node:crypto';
import { lstat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { DeployError } from '../errors.js';
import { homeFolder } from './home-folder.js';

export interface Home {
  readonly folder: string;
  /** Its folder is to be looked at with {@link assertPrivate} before it is used: it may lie where others can make folders too. */
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

const WRITABLE_BY_OTHERS = 0o022;

/** sun_path holds 108 bytes with its ending zero on Linux, 104 on macOS. */
const SOCKET_PATH_LIMIT = 103;

/** @throws DeployError ND-OPTION-INVALID for a relative NX_DEPLOY_HOME */
export function agentHome(environment: NodeJS.ProcessEnv = process.env): Home {
  const folder = homeFolder(environment);
  if (folder === undefined) throw notAbsolute(environment['NX_DEPLOY_HOME'] ?? '');
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

/** Nx runs in the folder of the workspace and the bin wherever it is called: the same words would name two agents. */
function notAbsolute(named: string): DeployError {
  return new DeployError('ND-OPTION-INVALID', {
    what: `NX_DEPLOY_HOME=${named} is no absolute path`, why: 'every folder that a command is run in would have an agent of its own', next: `set it to the whole path, such as NX_DEPLOY_HOME=${resolve(named)}`,
  });
}

/**
 * In the home, unless its path is too long for a socket: then in a folder of its own below the folder for temporary files, which has to be the same one
 * (TMPDIR) for agent and commands. Not below XDG_RUNTIME_DIR: the agent outlives the login whose end removes that.
 */
function socketPath(folder: string): string {
  const plain = join(folder, 'agent.sock');
  if (fits(plain)) return plain;
  const hash = createHash('sha256').update(folder).digest('hex').slice(0, 16);
  return join(tmpdir(), `nx-deploy-${process.getuid?.() ?? 'user'}-${hash}`, 'agent.sock');
}

function fits(path: string): boolean {
  return Buffer.byteLength(path) <= SOCKET_PATH_LIMIT;
}

/**
 * A command tells secrets to whoever listens on the socket, and an agent does what it is told there: nobody else may put a socket in its folder.
 * @throws DeployError ND-AGENT-FAILED when it is no folder, or not this user's own, or others may write in it; a system error (ENOENT) when there is none.
 */
export async function assertPrivate(folder: string): Promise<void> {
  const found = await lstat(folder);
  const { mode, uid } = found;
  if (!found.isDirectory()) throw unsafe(folder, 'it is a link or a file, not a folder', 'remove it; if it is your own link, set NX_DEPLOY_HOME to the folder that it leads to');
  if (uid !== process.getuid?.()) throw unsafe(folder, `it belongs to another user (${uid})`, 'remove it, or set NX_DEPLOY_HOME to a folder of your own');
  if ((mode & WRITABLE_BY_OTHERS) !== 0) throw unsafe(folder, `others may write in it (mode ${(mode & 0o777).toString(8)})`, 'take that right away (chmod go-w) and run the command again');
}

function unsafe(folder: string, why: string, next: string): DeployError {
  return new DeployError('ND-AGENT-FAILED', { what: 'the folder of the agent\'s socket cannot be trusted', where: folder, why, next });
}
