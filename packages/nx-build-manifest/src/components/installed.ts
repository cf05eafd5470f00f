import { realpath } from 'node:fs/promises';
import { dirname, join, relative, isAbsolute } from 'node:path';
import { readPackage } from '../versions.js';
import { isPackageName } from '../package-name.js';
import { isMissing, isRecord } from '../reading.js';

/** A package as it lies in node_modules. */
export interface Installed {
  /** Absolute, links resolved. */
  readonly folder: string;
  readonly name: string;
  readonly version: string;
  /** As its package.json states it: an SPDX expression, where the author kept to that. */
  readonly license?: string;
  readonly wants: Wants;
}

/** What a package.json asks for at run time, by the names under which it loads them. */
export interface Wants {
  readonly required: readonly string[];
  /** Optional and peer dependencies: those that are installed are used. */
  readonly optional: readonly string[];
}

const names = (value: unknown): string[] => (isRecord(value) ? Object.keys(value).filter(isPackageName) : []);

export function wantsOf(content: Readonly<Record<string, unknown>>): Wants {
  const optional = [...new Set([...names(content['optionalDependencies']), ...names(content['peerDependencies'])])];
  return { required: names(content['dependencies']).filter((name) => !optional.includes(name)), optional };
}

/** `license` as text, or in the forms of old: `{ type }`, and `licenses` as a list of these, any of which may be chosen. */
export function licenseOf({ license, licenses }: Readonly<Record<string, unknown>>): string | undefined {
  const one = (value: unknown): string | undefined => {
    const text = isRecord(value) ? value['type'] : value;
    return typeof text === 'string' && text.trim() !== '' && text.length <= 500 ? text.trim() : undefined;
  };
  if (one(license) !== undefined) return one(license);
  const listed = Array.isArray(licenses) ? licenses.map(one).filter((text) => text !== undefined) : [];
  return listed.length > 1 ? `(${listed.join(' OR ')})` : listed[0];
}

/** Looks packages up as Node does, from folder to folder upwards; from a folder of the workspace not out of it. A store that is linked to may lie anywhere. */
export class InstalledPackages {
  readonly #workspaceRoot: string;
  readonly #read = new Map<string, Promise<Installed | undefined>>();

  /** @param workspaceRoot absolute, links resolved */
  constructor(workspaceRoot: string) {
    this.#workspaceRoot = workspaceRoot;
  }

  /**
   * What `name` means in a file in `folder`; undefined when it is not installed. A package of the workspace itself that is linked into node_modules is found too.
   * @throws Error that names a package.json that cannot be read
   */
  async find(folder: string, name: string): Promise<Installed | undefined> {
    const last = this.#within(folder) ? this.#workspaceRoot : undefined;
    for (let at = folder; ; at = dirname(at)) {
      const found = await this.#at(join(at, 'node_modules', name));
      if (found !== undefined || at === last || dirname(at) === at) return found;
    }
  }

  #within(folder: string): boolean {
    const path = relative(this.#workspaceRoot, folder);
    return !path.startsWith('..') && !isAbsolute(path);
  }

  async #at(folder: string): Promise<Installed | undefined> {
    const known = this.#read.get(folder);
    if (known !== undefined) return known;
    const reading = read(folder);
    this.#read.set(folder, reading);
    return reading;
  }
}

async function read(folder: string): Promise<Installed | undefined> {
  const content = await readPackage(join(folder, 'package.json'));
  if (content === undefined) return undefined;
  const { name, version } = content;
  const license = licenseOf(content);
  return {
    folder: await realpath(folder),
    name: typeof name === 'string' ? name : folder.slice(folder.lastIndexOf('node_modules') + 'node_modules/'.length),
    version: typeof version === 'string' ? version : '0.0.0',
    ...(license === undefined ? {} : { license }),
    wants: wantsOf(content),
  };
}

/** Links resolved where the folder exists. */
export async function realFolder(folder: string): Promise<string> {
  return realpath(folder).catch((error: unknown) => {
    if (isMissing(error)) return folder;
    throw error;
  });
}
