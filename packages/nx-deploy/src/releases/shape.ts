/** Looks at what was read from a file before anything relies on it: a record of another shape is damage, not a bug. */
import type { Desired, Release } from '../model/index.js';

type Fields = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Are these keys there, with text? */
export function hasText(value: Fields, keys: readonly string[]): boolean {
  return keys.every((key) => typeof value[key] === 'string');
}

export function isWhole(value: unknown, least = 0): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= least;
}

export function isEachOf(value: unknown, valid: (each: unknown) => boolean): value is Fields {
  return isObject(value) && Object.values(value).every(valid);
}

export function isFleet(value: unknown): value is Desired {
  return isEachOf(value, (release) => isObject(release) && typeof release['weight'] === 'number' && isObject(release['processes']));
}

/** What the recovery and the start of an instance read of a release. */
export function isReleaseShape(value: unknown): value is Release {
  if (!isObject(value) || !hasText(value, ['id'])) return false;
  const { artifact, config, spec } = value;
  return isObject(artifact) && hasText(artifact, ['digest']) && isObject(config) && hasText(config, ['digest']) && isObject(config['keys'])
    && isObject(spec) && isObject(spec['processes']) && isObject(spec['health']) && isObject(spec['limits']);
}
