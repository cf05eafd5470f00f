import { isAbsolute, relative, resolve } from 'node:path';

/** What executors know about the project that they run for. */
export interface ProjectPlace {
  /** Absolute folder of the workspace. */
  readonly root: string;
  readonly projectName: string;
  /** Relative to the workspace; `.` for the workspace itself. */
  readonly projectRoot: string;
}

/** Where manifests lie unless told otherwise. Not in the build's own output: its facts change with every commit, what is deployed does not. */
export function defaultManifest({ projectName, projectRoot }: ProjectPlace): string {
  return `dist/manifests/${projectRoot === '.' || projectRoot === '' ? projectName.replace(/[^A-Za-z0-9._@/-]+/g, '-') : projectRoot}/build-manifest.json`;
}

/**
 * An option's path. Nx replaces the tokens of options in project.json, but not those of the command line.
 * @returns absolute
 * @throws Error when it leaves the workspace
 */
export function pathInWorkspace(option: string, text: string, { root, projectRoot, projectName }: ProjectPlace): string {
  const path = resolve(root, text.replaceAll('{projectRoot}', projectRoot).replaceAll('{projectName}', projectName).replace(/^\{workspaceRoot\}\/?/, ''));
  const inside = relative(root, path);
  if (inside === '..' || inside.startsWith('../') || inside.startsWith('..\\') || isAbsolute(inside)) throw new Error(`${option} must lie in the workspace, got ${text}`);
  return path;
}

/** A path as manifests and messages show it: relative to the workspace, with `/`. */
export function shown(path: string, { root }: ProjectPlace): string {
  return relative(root, path).replaceAll('\\', '/') || '.';
}
