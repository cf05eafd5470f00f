const RESERVED = /^(?:PORT|HOST|NX_DEPLOY_.*)$/;

/** True for a name that the platform sets for every instance, so that no file may. */
export function isReservedName(key: string): boolean {
  return RESERVED.test(key);
}
