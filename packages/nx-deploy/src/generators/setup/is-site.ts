/** Tells a site of files from a service. */
import { joinPathFragments } from '@nx/devkit';
import type { ProjectConfiguration, Tree } from '@nx/devkit';
import { readSource } from './infer-source.js';

/** It has a page of its own, and neither listens nor reads PORT. */
export function isSite(tree: Tree, project: ProjectConfiguration): boolean {
  if (!tree.exists(joinPathFragments(project.root, 'index.html'))) return false;
  const { readsPort, fixedPort } = readSource(tree, project);
  return !readsPort && fixedPort === undefined;
}
