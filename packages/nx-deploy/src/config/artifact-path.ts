/** Paths of deploy.json: relative to the project, or beginning with a token. */
import { isAbsolute, relative, resolve, sep } from 'node:path';
import type { Path } from './document.js';

export type Complain = (path: Path, text: string) => void;

export interface Place {
  /** Absolute, or relative to `workspaceRoot`. */
  readonly projectRoot: string;
  /** Absolute. */
  readonly workspaceRoot: string;
  /** deploy.json, for the message. */
  readonly file: string;
}

/** The absolute path; complains about one that leaves the workspace or holds an unknown token. */
export function workspacePath(place: Place, spelled: string, key: Path, complain: Complain): string {
  const absolute = anyPath(place, spelled);
  const inside = relative(place.workspaceRoot, absolute);
  if (/[{}]/.test(spelled.replace(/^\{(workspaceRoot|projectRoot)\}/, ''))) {
    complain(key, 'must have no token but {workspaceRoot} or {projectRoot} at its beginning');
  } else if (isAbsolute(inside) || inside === '..' || inside.startsWith(`..${sep}`)) {
    complain(key, `must lie in the workspace of ${place.file}`);
  }
  return absolute;
}

/** {@link workspacePath} that may lie anywhere. */
export function anyPath({ workspaceRoot, projectRoot }: Place, spelled: string): string {
  const project = resolve(workspaceRoot, projectRoot);
  return resolve(project, spelled.replace(/^\{workspaceRoot\}/, () => workspaceRoot).replace(/^\{projectRoot\}/, () => project));
}
