/** `environments/stores.json`: stores beside the files, by name. Those of the project win over those of the workspace. */
import { join, resolve } from 'node:path';
import { getNodeValue, parseTree, type Node, type ParseError } from 'jsonc-parser';
import { ENVIRONMENTS_FOLDER } from '../environment-name.js';
import { EnvSyncError } from '../errors.js';
import { shownPath } from '../files/paths.js';
import { printable } from '../problem.js';
import { readTextFile } from '../read-file.js';
import { suggest } from '../suggest.js';
import type { Place } from './store.js';

export type StoreFormat = 'env' | 'json';

export type StoreDefinition =
  | { readonly type: 'command'; readonly read: readonly string[]; readonly write?: readonly string[]; readonly format: StoreFormat; readonly secret: boolean; readonly timeout: number }
  | { readonly type: 'module'; readonly module: string }
  | { readonly type: 'sops' | 'dotenvx'; readonly file: string };

const FILE = 'stores.json';
/** Seconds. */
const TIMEOUT = 60;
const LONGEST_TIMEOUT = 3_600;
/** What begins a name in another sense. */
export const TAKEN_NAMES = ['backup', 'git'];

type Kind = 'argv' | 'text' | 'flag' | 'seconds' | 'format';
const KEYS: Readonly<Record<StoreDefinition['type'], Readonly<Record<string, Kind>>>> = {
  command: { read: 'argv', write: 'argv', format: 'format', secret: 'flag', timeout: 'seconds' },
  module: { module: 'text' },
  sops: { file: 'text' },
  dotenvx: { file: 'text' },
};
const NEEDED: Readonly<Record<StoreDefinition['type'], readonly string[]>> = { command: ['read'], module: ['module'], sops: ['file'], dotenvx: ['file'] };
const RIGHT: Readonly<Record<Kind, string>> = {
  argv: 'must be a list of texts: program and arguments', text: 'must be a text', flag: 'must be true or false',
  seconds: `must be a whole number of seconds from 1 to ${LONGEST_TIMEOUT}`, format: 'must be "env" or "json"',
};

/** All stores by name. @throws EnvSyncError with all that is wrong with a file at once. */
export async function readStores({ workspaceRoot, projectRoot }: Place): Promise<ReadonlyMap<string, StoreDefinition>> {
  const roots = [...new Set([workspaceRoot, resolve(workspaceRoot, projectRoot)])];
  const found = await Promise.all(roots.map(async (root) => {
    const path = join(root, ENVIRONMENTS_FOLDER, FILE);
    const [file, shown] = [await readTextFile(path), shownPath(path, workspaceRoot)];
    if (file.state === 'missing') return [];
    if (file.state === 'unreadable') throw new EnvSyncError('refused', { what: `the file ${file.what}`, where: shown, next: 'correct it; nothing was changed' });
    return definitionsIn(file.text, shown);
  }));
  return new Map(found.flat());
}

function definitionsIn(text: string, where: string): [string, StoreDefinition][] {
  const errors: ParseError[] = [];
  const root = parseTree(text.replace(/^\ufeff/, ''), errors, { allowTrailingComma: true, disallowComments: false });
  const problems: string[] = [];
  if (root?.type !== 'object' || errors.length > 0) throw invalid(where, ['it must hold a JSON object']);
  const stores = members(root).flatMap(([name, node]) => {
    if (name === 'stores' && node.type === 'object') return members(node);
    if (name === 'stores') problems.push('stores: must be an object');
    else if (name !== '$schema') problems.push(unknownKey('', name, ['stores']));
    return [];
  });
  const definitions = stores.flatMap(([name, node]): [string, StoreDefinition][] => {
    const definition = definitionOf(`stores.${printable(name, 64)}`, name, node, problems);
    return definition === undefined ? [] : [[name, definition]];
  });
  if (problems.length > 0) throw invalid(where, problems);
  return definitions;
}

function invalid(where: string, problems: readonly string[]): EnvSyncError {
  return new EnvSyncError('refused', { what: 'the description of the stores is not valid', where, problems, next: 'correct it; nothing was changed' });
}

function members(node: Node): [string, Node][] {
  return (node.children ?? []).flatMap(({ children: [name, value] = [] }) => (name === undefined || value === undefined ? [] : [[String(name.value), value]]));
}

function unknownKey(path: string, name: string, known: readonly string[]): string {
  const near = suggest(name, known);
  return `${path === '' ? '' : `${path}.`}${printable(name, 64)}: is not known${near === undefined ? `; known: ${known.join(', ')}` : `; did you mean ${near}?`}`;
}

function definitionOf(path: string, name: string, node: Node, problems: string[]): StoreDefinition | undefined {
  const before = problems.length;
  if (!/^[A-Za-z][A-Za-z0-9_-]{0,62}$/.test(name)) problems.push(`${path}: a name of a store begins with a letter and holds letters, digits, - and _ only`);
  if (TAKEN_NAMES.includes(name)) problems.push(`${path}: the name is taken: ${name}:<environment> means something else already`);
  const given = node.type === 'object' ? new Map(members(node).map(([key, value]): [string, unknown] => [key, getNodeValue(value)])) : new Map<string, unknown>();
  const type = given.get('type');
  if (!isType(type)) {
    problems.push(`${path}.type: must be one of ${Object.keys(KEYS).join(', ')}`);
    return undefined;
  }
  const keys = KEYS[type];
  for (const [key, value] of given) {
    const kind = keys[key];
    if (key === 'type') continue;
    if (kind === undefined) problems.push(unknownKey(path, key, ['type', ...Object.keys(keys)]));
    else if (!fits(kind, value)) problems.push(`${path}.${key}: ${RIGHT[kind]}`);
  }
  for (const key of NEEDED[type]) if (!given.has(key)) problems.push(`${path}.${key}: is missing`);
  if (problems.length > before) return undefined;
  const preset = type === 'command' ? { format: 'env', secret: true, timeout: TIMEOUT } : {};
  return { ...preset, ...Object.fromEntries(given) } as unknown as StoreDefinition;
}

function isType(value: unknown): value is StoreDefinition['type'] {
  return typeof value === 'string' && Object.hasOwn(KEYS, value);
}

function fits(kind: Kind, value: unknown): boolean {
  switch (kind) {
    case 'argv': return Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === 'string' && !each.includes('\0')) && value[0] !== '';
    case 'text': return typeof value === 'string' && value !== '' && !value.includes('\0');
    case 'flag': return typeof value === 'boolean';
    case 'seconds': return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= LONGEST_TIMEOUT;
    case 'format': return value === 'env' || value === 'json';
  }
}
