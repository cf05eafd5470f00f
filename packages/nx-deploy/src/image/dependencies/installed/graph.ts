/** What is asked of Nx, in the version that the workspace has. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { DeployError } from '../../../errors.js';

export interface Graph {
  readonly nodes: Readonly<Record<string, { readonly data: { readonly root: string } }>>;
  readonly externalNodes?: Readonly<Record<string, { readonly data: { readonly packageName: string; readonly version: string } }>>;
  readonly dependencies: Readonly<Record<string, readonly { readonly target: string }[]>>;
}

export type DeployManifest = Record<string, unknown> & { dependencies?: Record<string, string>; optionalDependencies?: Record<string, string>; peerDependencies?: Record<string, string> };

/** The part of `@nx/js` and `@nx/devkit` that is used. */
export interface Nx {
  readonly createPackageJson: (project: string, graph: Graph, options: { readonly root: string; readonly isProduction: boolean }) => DeployManifest;
  readonly generatePrunedDeployOutput: (manifest: DeployManifest, graph: Graph, projectRoot: string, options: {
    readonly emit: (path: string, content: string | Buffer) => void; readonly packageManager: string; readonly workspaceRoot: string;
  }) => void;
  readonly graph: () => Promise<Graph>;
}

interface Devkit {
  readonly createProjectGraphAsync: (options: { readonly exitOnError: boolean }) => Promise<Graph>;
  readonly readCachedProjectGraph: () => Graph;
}

/** @throws DeployError ND-TOOL-MISSING when `@nx/js` is not installed, or too old to prune. */
export function loadNx(workspaceRoot: string, variables: NodeJS.ProcessEnv): Nx {
  const load = createRequire(join(workspaceRoot, 'package.json'));
  const js = attempt(workspaceRoot, () => load('@nx/js') as Partial<Nx>);
  const devkit = attempt(workspaceRoot, () => load('@nx/devkit') as Devkit);
  const { createPackageJson, generatePrunedDeployOutput } = js;
  if (createPackageJson === undefined || generatePrunedDeployOutput === undefined) throw missing(workspaceRoot, 'it is too old: it has no generatePrunedDeployOutput');
  return {
    createPackageJson, generatePrunedDeployOutput,
    // Within a task Nx has just computed the graph; elsewhere a kept one may be of yesterday.
    graph: async () => (variables['NX_TASK_TARGET_PROJECT'] === undefined ? devkit.createProjectGraphAsync({ exitOnError: false }) : devkit.readCachedProjectGraph()),
  };
}

function attempt<T>(workspaceRoot: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw missing(workspaceRoot, error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'it cannot be loaded');
  }
}

function missing(workspaceRoot: string, why: string): DeployError {
  return new DeployError('ND-TOOL-MISSING', {
    what: '@nx/js cannot be used, which prunes the lock file for dependencies "installed"', where: workspaceRoot, why,
    next: 'run: npx nx add @nx/js; or let the build write package.json and lock file into its output, or use dependencies "traced"',
  });
}
