/** Which folder is the home: asked before anything else is loaded. */
import { homedir, userInfo } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';

/** NX_DEPLOY_HOME or the folder of the user; undefined when that is no absolute path. */
export function homeFolder(environment: NodeJS.ProcessEnv): string | undefined {
  const named = environment['NX_DEPLOY_HOME'];
  // A variable that is set to nothing (by a CI system, say) would name the folder that a command happens to run in.
  if (named === undefined || named === '') return resolve(defaultFolder(environment));
  return isAbsolute(named) ? resolve(named) : undefined;
}

/** XDG Base Directory Specification: state that should persist between restarts. */
function defaultFolder(environment: NodeJS.ProcessEnv): string {
  const state = environment['XDG_STATE_HOME'];
  return state !== undefined && state.startsWith('/') ? join(state, 'nx-deploy') : join(homeOfUser(), '.local', 'state', 'nx-deploy');
}

/** HOME, or where that is empty what the system knows of the user. */
function homeOfUser(): string {
  const home = homedir();
  return home === '' ? userInfo().homedir : home;
}
