/** Client libraries that are there only where somebody asks for them: optional peers. */
import { createRequire } from 'node:module';
import { join } from 'node:path';

/**
 * Loads the first of them that is installed, beside this package or in the folder that the command runs in. It is not imported: a bundler would put it
 * into every bundle, or fail where it is not installed.
 * @throws Error that says what to install
 */
export function loadPeer<Name extends string>(kind: string, names: readonly Name[]): { readonly name: Name; readonly library: unknown } {
  for (const from of [__filename, join(process.cwd(), 'package.json')]) {
    const load = createRequire(from);
    for (const name of names) if (resolves(load, name)) return { name, library: load(name) as unknown };
  }
  throw new Error(`a check of kind ${kind} needs the package ${names.join(' or ')}, which is not installed; run: npm install --save-dev ${names[0] ?? ''}`);
}

function resolves(load: NodeJS.Require, name: string): boolean {
  try {
    load.resolve(name);
    return true;
  } catch {
    return false;
  }
}
