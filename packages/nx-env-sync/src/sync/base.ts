/** What the source of a sync had: fingerprints under a key, encrypted as a whole. It stands beside the environments, so that all who have them know. */
import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import { KEY_BYTES } from '../compare/fingerprint.js';
import { ENVIRONMENTS_FOLDER } from '../environment-name.js';
import { EnvSyncError } from '../errors.js';
import { shownPath } from '../files/paths.js';
import { PRIVATE_FILE, replaceFile } from '../files/replace-file.js';
import { LARGEST_FILE, readWholeFile } from '../read-file.js';
import { encryptArmored } from '../secrets/age.js';
import { readersOf } from '../secrets/recipients.js';
import { decryptText, identitiesOnce } from '../secrets/secrets-file.js';
import type { Place } from '../stores/store.js';
import type { Prints } from './plan.js';

export interface SyncBase {
  /** Of the fingerprints. */
  readonly key: Buffer;
  readonly prints: Prints;
}

const FORMAT = 'nx-env-sync base 1';

function fileOf(from: string, to: string, { workspaceRoot, projectRoot }: Place): string {
  return join(resolve(workspaceRoot, projectRoot), ENVIRONMENTS_FOLDER, '.sync', `${encodeURIComponent(from)}..${encodeURIComponent(to)}.age`);
}

/** Of the last sync between the two in this direction; an empty one with a new key when there was none. */
export async function readBase(from: string, to: string, place: Place): Promise<SyncBase> {
  const path = fileOf(from, to, place);
  const file = await readWholeFile(path, LARGEST_FILE);
  if (file.state === 'missing') return { key: randomBytes(KEY_BYTES), prints: new Map() };
  const refused = (what: string): EnvSyncError => new EnvSyncError('refused', {
    what: `what the last sync left ${what}`, where: shownPath(path, place.workspaceRoot),
    next: 'use the secret key of one of its recipients; or remove the file, and every difference is one that no earlier sync explains',
  });
  if (file.state === 'unreadable') throw refused(file.what);
  const opened = await decryptText(file.bytes, identitiesOnce({}, place));
  if (opened.state !== 'read') throw refused(opened.state === 'missing' ? 'is gone' : opened.what);
  const base = parse(opened.text);
  if (base === undefined) throw refused('is of another program or version');
  return base;
}

function parse(text: string): SyncBase | undefined {
  try {
    const { format, key, prints } = JSON.parse(text) as Partial<Record<'format' | 'key' | 'prints', unknown>>;
    if (format !== FORMAT || typeof key !== 'string' || !/^[0-9a-f]{64}$/.test(key) || typeof prints !== 'object' || prints === null) return undefined;
    const entries = Object.entries(prints);
    return entries.every((entry): entry is [string, string] => typeof entry[1] === 'string') ? { key: Buffer.from(key, 'hex'), prints: new Map(entries) } : undefined;
  } catch {
    return undefined;
  }
}

/** @returns the file of a key that was made for it, where nobody had one. */
export async function writeBase(from: string, to: string, { key, prints }: SyncBase, place: Place): Promise<{ readonly madeKey?: string }> {
  const { keys, made } = await readersOf(resolve(place.workspaceRoot, place.projectRoot), place);
  const text = JSON.stringify({ format: FORMAT, key: key.toString('hex'), prints: Object.fromEntries([...prints].sort(([a], [b]) => (a < b ? -1 : 1))) });
  await replaceFile({ path: fileOf(from, to, place), content: await encryptArmored(text, keys), mode: PRIVATE_FILE });
  return made === undefined ? {} : { madeKey: made };
}

export function sameBase(a: Prints, b: Prints): boolean {
  return a.size === b.size && [...a].every(([key, print]) => b.get(key) === print);
}
