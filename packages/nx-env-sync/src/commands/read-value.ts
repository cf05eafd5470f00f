/** A value from the standard input: it is in no argument, where every user of the machine could read it. */
import { buffer } from 'node:stream/consumers';
import type { Readable } from 'node:stream';
import { EnvSyncError } from '../errors.js';
import { decodeText, LARGEST_FILE } from '../read-file.js';

/** All of it, without one line end at its end. @throws EnvSyncError when it is no text, or comes from a keyboard. */
export async function readValue(input: Readable & { readonly isTTY?: boolean }): Promise<string> {
  if (input.isTTY === true) throw new EnvSyncError('refused', { what: 'the value is read from the standard input, and that is a keyboard here', next: 'write it to a pipe: read -rs V; printf %s "$V" | nx-env-sync secrets set KEY -c staging' });
  const bytes = await buffer(input);
  if (bytes.length > LARGEST_FILE) throw new EnvSyncError('refused', { what: `the value is ${bytes.length} bytes long; at most ${LARGEST_FILE} are accepted`, next: 'nothing was changed' });
  const text = decodeText(bytes);
  if (text.state !== 'read') throw new EnvSyncError('refused', { what: 'the value is not UTF-8 text', next: 'encode it (base64, say); nothing was changed' });
  return text.text.replace(/\r?\n$/, '');
}
