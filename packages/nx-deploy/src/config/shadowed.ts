/** What stands in the way of inferred targets: scripts of a package.json, and targets that a person or a generator wrote. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'jsonc-parser';
import { targetNames } from './plugin-options.js';
import type { PluginOptions, TargetKey } from './plugin-options.js';

export interface Shadow {
  /** Of the target. */
  readonly name: string;
  readonly by: 'script' | 'target';
  /** Where that is written. */
  readonly file: 'package.json' | 'project.json';
}

/** Contents of the project's files; undefined where there is none that can be read. */
export interface ProjectFiles {
  readonly manifest?: unknown;
  readonly project?: unknown;
}

const OWN = /^nx-(?:deploy|env-sync|build-manifest):/;

/** Targets that only a project with such an artifact has. */
const ONLY: Readonly<Record<string, readonly TargetKey[]>> = {
  image: ['buildImage', 'pushImage', 'loadImage', 'inspectImage'],
  package: ['package', 'stage', 'compile', 'phases'],
};

/**
 * Inferred targets that Nx replaces, and says nothing. `projectRoot` is absolute. A file that cannot be read shadows nothing.
 * `artifact`: its type in deploy.json; undefined: whatever it is.
 */
export function shadowedTargets(projectRoot: string, options: PluginOptions = {}, artifact?: string): readonly Shadow[] {
  return shadowing({ manifest: read(join(projectRoot, 'package.json')), project: read(join(projectRoot, 'project.json')) }, options, artifact);
}

/** The same for files that have been read. */
export function shadowing({ manifest, project }: ProjectFiles, options: PluginOptions = {}, artifact?: string): readonly Shadow[] {
  const scripts = Object.keys(child(manifest, 'scripts') ?? {});
  const included = child(child(manifest, 'nx'), 'includedScripts');
  const visible = Array.isArray(included) ? scripts.filter((name) => included.includes(name)) : scripts;
  const names = targetNames(options);
  const absent = artifact === undefined ? [] : Object.keys(ONLY).flatMap((type) => (type === artifact ? [] : ONLY[type] ?? []));
  const inferred = (Object.keys(names) as TargetKey[]).filter((key) => !absent.includes(key)).map((key) => names[key]);
  return inferred.flatMap((name): readonly Shadow[] => {
    // The one that compiles is a name for the build, which may as well do something of its own.
    const expected = name === names.compile;
    if (replaces(child(child(project, 'targets'), name), expected)) return [{ name, by: 'target', file: 'project.json' }];
    if (replaces(child(child(child(manifest, 'nx'), 'targets'), name), expected)) return [{ name, by: 'target', file: 'package.json' }];
    return visible.includes(name) ? [{ name, by: 'script', file: 'package.json' }] : [];
  });
}

/** Options and dependencies alone are added to the inferred target. */
function replaces(target: object | undefined, any: boolean): boolean {
  if (target === undefined || any) return false;
  const { executor, command } = target as Readonly<Record<string, unknown>>;
  return command !== undefined || (typeof executor === 'string' && !OWN.test(executor));
}

function read(file: string): unknown {
  try {
    return parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

function child(value: unknown, key: string): object | undefined {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  const inner = (value as Readonly<Record<string, unknown>>)[key];
  return typeof inner === 'object' && inner !== null ? inner : undefined;
}
