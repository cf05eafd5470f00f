import { relative, sep } from 'node:path';
import { printable } from '../problem.js';

/** A path as people read it: relative to the workspace, with `/`, plain ASCII. */
export function shownPath(path: string, workspaceRoot: string): string {
  const inside = relative(workspaceRoot, path).split(sep).join('/');
  return printable(inside === '' ? '.' : inside);
}
