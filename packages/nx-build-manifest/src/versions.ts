import { readFile, realpath } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { isMissing, isRecord } from './reading.js';

const VERSION = /^[0-9A-Za-z][0-9A-Za-z.+-]{0,127}$/;

type PackageContent = Readonly<Record<string, unknown>>;

/**
 * A package.json's content; undefined when the file does not exist.
 * @throws Error that names the file when it cannot be read or is no JSON object
 */
export async function readPackage(file: string): Promise<PackageContent | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  let content: unknown;
  try {
    content = JSON.parse(text.replace(/^\ufeff/, ''));
  } catch (cause) {
    throw new Error(`${file} is not valid JSON`, { cause });
  }
  if (!isRecord(content)) throw new Error(`${file} must hold a JSON object`);
  return content;
}

function versionOf(content: PackageContent | undefined): string | undefined {
  const version = content?.['version'];
  return typeof version === 'string' && VERSION.test(version) ? version : undefined;
}

/**
 * The version that a folder's package.json states.
 * @throws Error when the file cannot be read
 */
export async function statedVersionOf(folder: string): Promise<string | undefined> {
  return versionOf(await readPackage(join(folder, 'package.json')));
}

/** The first version that one of the folders' package.json states, else 0.0.0 as npm itself assumes. */
export async function statedVersion(folders: readonly string[]): Promise<string> {
  for (const folder of folders) {
    const version = await statedVersionOf(folder);
    if (version !== undefined) return version;
  }
  return '0.0.0';
}

/** Version of the nx that the workspace has installed. */
export async function nxVersion(workspaceRoot: string): Promise<string | undefined> {
  try {
    return versionOf(await readPackage(createRequire(join(workspaceRoot, 'package.json')).resolve('nx/package.json')));
  } catch {
    return undefined;
  }
}

/** Version of the npm that a shell would start, read from its files, since starting it takes a quarter of a second. */
export async function npmVersion(path = process.env['PATH'] ?? ''): Promise<string | undefined> {
  for (const folder of path.split(delimiter).filter((part) => part !== '')) {
    const program = await realpath(join(folder, 'npm')).catch(() => undefined);
    if (program === undefined) continue;
    const homes = [dirname(dirname(program)), join(folder, 'node_modules', 'npm')];
    for (const home of homes) {
      const content = await readPackage(join(home, 'package.json')).catch(() => undefined);
      if (content?.['name'] === 'npm') return versionOf(content);
    }
  }
  return undefined;
}
