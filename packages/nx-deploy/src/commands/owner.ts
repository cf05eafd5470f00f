/** Tells two clones of one repository (the same owner) from two workspaces that happen to bear the same name. */
import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { readLine } from '../shell/run.js';

const GIT_TIMEOUT = 5_000;

/** A workspace that is named on purpose (`workspaceId`) needs no further proof. Else the remote of the repository, else the folder. */
export async function workspaceOwner(workspaceRoot: string, workspaceId: string | undefined): Promise<string> {
  if (workspaceId !== undefined) return `id:${workspaceId}`;
  const remote = await readLine(['git', 'config', '--get', 'remote.origin.url'], workspaceRoot, GIT_TIMEOUT);
  return remote === undefined || remote.trim() === '' ? `path:${real(workspaceRoot)}` : remoteOwner(remote.trim(), workspaceRoot);
}

/** `git@host:a/b.git`, `ssh://git@host/a/b` and `https://token@host/a/b.git` are one repository; credentials never become part of the owner. */
export function remoteOwner(remote: string, workspaceRoot: string): string {
  const url = /^[a-z][a-z0-9+.-]*:\/\/(?:[^/]*@)?(\[[^\]/]*\]|[^/:]*)(?::\d*)?(?:\/([^?#]*).*)?$/i.exec(remote);
  const [, urlHost = '', urlPath = ''] = url ?? [];
  if (url !== null && urlHost !== '') return `git:${urlHost.toLowerCase()}/${trimmed(urlPath)}`;
  // What looks like a URL and is none may hold a password anywhere.
  if (url === null && remote.includes('://')) return `git:${createHash('sha256').update(remote).digest('hex')}`;
  const scp = url === null && !isAbsolute(remote) ? /^(?:[^@/]*@)?([^/:]+):(.*)$/.exec(remote) : null;
  const [, scpHost = '', scpPath = ''] = scp ?? [];
  if (scp !== null) return `git:${scpHost.toLowerCase()}/${trimmed(scpPath)}`;
  const folder = url === null ? remote : `/${urlPath}`;
  return `path:${real(resolve(workspaceRoot, folder))}`;
}

function trimmed(path: string): string {
  return path.replace(/^\/+|\/+$/g, '').replace(/\.git$/, '');
}

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
