import { createHmac } from 'node:crypto';

/** Bytes of a key for {@link fingerprint}. */
export const KEY_BYTES = 32;

/**
 * HMAC-SHA256 of name and value under a key: equal values of one name are equal, and without the key a guess cannot be tried.
 * The name counts, so that equal values of two names are not seen to be equal. 32 hexadecimal digits.
 */
export function fingerprint(key: Buffer, name: string, value: string): string {
  return createHmac('sha256', key).update(JSON.stringify([name, value])).digest('hex').slice(0, 32);
}
