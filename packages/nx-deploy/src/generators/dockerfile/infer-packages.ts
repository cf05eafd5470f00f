/** Where the packages of a Node service come from in its image, as its targets tell. */
import { detectPackageManager, joinPathFragments, readJson } from '@nx/devkit';
import type { ProjectConfiguration, TargetConfiguration, Tree } from '@nx/devkit';
import type { Build } from '../setup/infer-build.js';
import { child, text } from '../setup/loose-json.js';
import type { Install, Manager } from './contents.js';

export type Packages = 'bundled' | 'installed';

export interface Origin {
  /** Undefined: nothing puts a package.json and a lock file into the output. */
  readonly install?: Install;
  /** Target that has to run after the build, for it completes the output. */
  readonly completedBy?: string;
}

const LOCK_FILES: readonly (readonly [string, Manager])[] = [['pnpm-lock.yaml', 'pnpm'], ['yarn.lock', 'yarn'], ['bun.lock', 'bun'], ['bun.lockb', 'bun'], ['package-lock.json', 'npm']];

/** Bundled where the build bundles all, else installed. */
export function usualPackages(build: Build | undefined): Packages {
  return build?.dependencies === 'bundled' ? 'bundled' : 'installed';
}

export function originOf(tree: Tree, project: ProjectConfiguration, buildTarget: string): Origin {
  const targets = Object.entries(project.targets ?? {});
  const named = (executor: string): string | undefined => targets.find(([, target]) => target.executor === executor)?.[0];
  const pruning = named('@nx/js:prune-lockfile');
  const copying = named('@nx/js:copy-workspace-modules');
  const build = project.targets?.[buildTarget];
  const writes = option(build, 'generatePackageJson') && (option(build, 'generateLockfile') || build?.executor === '@nx/webpack:webpack');
  if (pruning === undefined && !writes) return {};
  const last = targets.find(([, target]) => target.executor === 'nx:noop' && depends(target, pruning) && (copying === undefined || depends(target, copying)))?.[0] ?? pruning;
  return { install: { ...managerOf(tree), workspaceModules: copying !== undefined }, ...(last === undefined ? {} : { completedBy: last }) };
}

/** Set for the build as it runs for production. */
function option(target: TargetConfiguration | undefined, name: string): boolean {
  const configuration = target?.configurations?.['production'] as unknown;
  return (child(configuration, name) ?? child(target?.options as unknown, name)) === true;
}

function depends({ dependsOn = [] }: TargetConfiguration, on: string | undefined): boolean {
  return on !== undefined && dependsOn.some((each) => (typeof each === 'string' ? each : each.target) === on);
}

/** Of the lock file of the workspace, and in the version that "packageManager" of package.json names. */
function managerOf(tree: Tree): Pick<Install, 'manager' | 'version'> {
  const manager = LOCK_FILES.find(([file]) => tree.exists(file))?.[1] ?? detectPackageManager(tree.root);
  const manifest: unknown = tree.exists('package.json') ? readJson(tree, joinPathFragments('package.json')) : undefined;
  const [name, version] = (text(child(manifest, 'packageManager')) ?? '').split('+', 1)[0]?.split('@') ?? [];
  return { manager, ...(name === manager && version !== undefined && /^[\w.-]+$/.test(version) ? { version } : {}) };
}
