import { randomBytes } from 'node:crypto';
import type { StoreContent } from '../stores/store.js';
import { fingerprint, KEY_BYTES } from './fingerprint.js';

/** From the first side to the second: the same value, another one, gone, or new. */
export type KeyState = 'kept' | 'changed' | 'missing' | 'added';

/** One side's value, without telling it. */
export interface ValueMark {
  /** Equal for equal values of this key within one comparison; worth nothing outside of it. 12 hexadecimal digits. */
  readonly fingerprint: string;
  readonly source?: string;
}

export interface KeyDifference {
  readonly key: string;
  readonly state: KeyState;
  readonly secret: boolean;
  readonly from?: ValueMark;
  readonly to?: ValueMark;
}

const SHOWN_DIGITS = 12;

/** All keys of both sides, sorted. Values are compared by their fingerprints under a key that is made for this comparison and forgotten. */
export function compareContents(from: StoreContent, to: StoreContent): KeyDifference[] {
  const secret = randomBytes(KEY_BYTES);
  const markOf = (content: StoreContent, key: string): ValueMark | undefined => {
    const [value, source] = [content.values.get(key), content.sources.get(key)];
    // Made when it is shown: of the keys that are the same it mostly is not.
    return value === undefined ? undefined : { get fingerprint() { return fingerprint(secret, key, value).slice(0, SHOWN_DIGITS); }, ...(source === undefined ? {} : { source }) };
  };
  return [...new Set([...from.values.keys(), ...to.values.keys()])].sort().map((key) => {
    const [before, after] = [markOf(from, key), markOf(to, key)];
    return {
      key, state: stateOf(from.values.get(key), to.values.get(key)), secret: from.secrets.has(key) || to.secrets.has(key),
      ...(before === undefined ? {} : { from: before }), ...(after === undefined ? {} : { to: after }),
    };
  });
}

function stateOf(before: string | undefined, after: string | undefined): KeyState {
  if (before === after) return 'kept';
  if (before === undefined) return 'added';
  return after === undefined ? 'missing' : 'changed';
}

export function countsOf(differences: readonly KeyDifference[]): Readonly<Record<KeyState, number>> {
  const counts = { kept: 0, changed: 0, missing: 0, added: 0 };
  for (const { state } of differences) counts[state] += 1;
  return counts;
}
