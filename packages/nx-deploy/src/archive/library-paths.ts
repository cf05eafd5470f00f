import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** As @nx/esbuild writes it into the file that starts a service whose libraries are not bundled ("bundle": false), before or after esbuild has formatted it. */
const MANIFEST = /^const manifest = (\[.*\]);$/m;

interface Library {
  readonly module: string;
  readonly exactMatch?: string;
  readonly pattern?: string;
}

/**
 * Where an entry that resolves packages of the workspace by itself finds each: files by name, and folders by the beginning of a name, both with "/" at the end.
 * Empty for any other entry.
 */
export async function libraryPaths(entry: string): Promise<Readonly<Record<string, string>>> {
  const text = await readFile(entry, 'utf8').catch(() => '');
  const folder = dirname(entry);
  return Object.fromEntries(librariesIn(text).flatMap(({ module, exactMatch, pattern }) => {
    // One that is not in the output is looked for in node_modules, as by the entry itself.
    if (exactMatch !== undefined) return existsSync(join(folder, exactMatch)) ? [[module, join(folder, exactMatch)] as const] : [];
    return module.endsWith('/*') && pattern?.endsWith('/*') === true ? [[module.slice(0, -1), `${join(folder, pattern.slice(0, -2))}/`] as const] : [];
  }));
}

function librariesIn(text: string): readonly Library[] {
  const [, manifest] = MANIFEST.exec(text) ?? [];
  if (manifest === undefined || !text.includes('_resolveFilename')) return [];
  try {
    const found: unknown = JSON.parse(manifest);
    return Array.isArray(found) ? found.filter(isLibrary) : [];
  } catch {
    return [];
  }
}

function isLibrary(value: unknown): value is Library {
  if (typeof value !== 'object' || value === null || !('module' in value) || typeof value.module !== 'string') return false;
  return (!('exactMatch' in value) || typeof value.exactMatch === 'string') && (!('pattern' in value) || typeof value.pattern === 'string');
}
