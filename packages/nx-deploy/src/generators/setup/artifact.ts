/** What of a project is deployed, as it stands in deploy.json. */
import { joinPathFragments } from '@nx/devkit';
import type { Tree } from '@nx/devkit';
import { posix } from 'node:path';
import { copiesFrom } from './dockerfile-sources.js';
import type { Build } from './infer-build.js';

export const ARTIFACTS = ['files', 'package', 'image'] as const;
export type ArtifactChoice = (typeof ARTIFACTS)[number];

export interface Artifact {
  readonly type: ArtifactChoice;
  /** Only of an image. */
  readonly builder?: 'docker';
  /** Undefined: the project's folder. */
  readonly context?: '{workspaceRoot}';
  readonly path?: string;
  readonly entry?: string;
  readonly dependencies?: 'bundled' | 'traced';
}

/** A project with a Dockerfile of whose build nothing is known is built by that, and so is a site, which has nothing that Node could start. */
export function artifactOf(tree: Tree, { root, site }: { /** Relative to the workspace. */ readonly root: string; readonly site: boolean }, build: Build, choice: ArtifactChoice | undefined): Artifact {
  const dockerfile = joinPathFragments(root, 'Dockerfile');
  if ((build.from === '' || site) && (choice === undefined || choice === 'image') && tree.exists(dockerfile)) {
    return { type: 'image', builder: 'docker', ...(root !== '.' && copiesFrom(tree.read(dockerfile, 'utf8') ?? '', [root, build.output]) ? { context: '{workspaceRoot}' } : {}) };
  }
  const { entry, dependencies } = build;
  return { type: choice ?? 'files', path: artifactPath(root, build.output), entry, dependencies };
}

/** `dist` below the project, `{workspaceRoot}/dist/apps/api` elsewhere. */
function artifactPath(root: string, output: string): string {
  const inside = posix.relative(root, output);
  return inside === '..' || inside.startsWith('../') ? `{workspaceRoot}/${output}` : inside === '' ? '.' : inside;
}
