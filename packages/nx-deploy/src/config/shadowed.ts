/** Scripts of a package.json that stand in the way of inferred targets. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { targetNames } from './plugin-options.js';
import type { PluginOptions } from './plugin-options.js';

/**
 * Names of inferred targets that a script in the project's package.json replaces: Nx runs the script instead and says nothing.
 * `projectRoot` is absolute. A package.json that cannot be read shadows nothing.
 */
export function shadowedTargets(projectRoot: string, options: PluginOptions = {}): readonly string[] {
  return shadowing(readPackage(join(projectRoot, 'package.json')), options);
}

/** The same for a package.json that has been read. */
export function shadowing(manifest: unknown, options: PluginOptions = {}): readonly string[] {
  const scripts = Object.keys(child(manifest, 'scripts') ?? {});
  const included = child(child(manifest, 'nx'), 'includedScripts');
  const visible = Array.isArray(included) ? scripts.filter((name) => included.includes(name)) : scripts;
  return Object.values(targetNames(options)).filter((name) => visible.includes(name));
}

function readPackage(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

function child(value: unknown, key: string): object | undefined {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  const inner = (value as Readonly<Record<string, unknown>>)[key];
  return typeof inner === 'object' && inner !== null ? inner : undefined;
}
