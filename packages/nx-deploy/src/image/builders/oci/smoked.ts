/** A smoke import that went well is not done again for the same layers: an image that is built anew without a change costs nothing. */
import type { BuildSite } from '../../builder.js';
import { assertGoesOn } from './cancelled.js';
import { smokeImport, type SmokeImport } from './smoke.js';

/** To be raised when the smoke import looks for more. */
const FORMAT = 2;

/** {@link smokeImport}, or what it found the last time with this Node. */
export async function smokedOnce(smoke: SmokeImport, site: BuildSite): Promise<readonly string[]> {
  const { platform, layers, workingDirectory, entry, env, node, otherCommand = false } = smoke;
  const note = site.store.note(JSON.stringify(['smoke import', FORMAT, platform, layers, workingDirectory, entry, Object.entries(env).sort(), node ?? '', otherCommand, process.version, process.arch]));
  const before = await note.read();
  assertGoesOn(site.signal);
  if (isFound(before)) return before.found;
  const found = await smokeImport(smoke, site);
  await note.write({ found });
  return found;
}

function isFound(value: unknown): value is { readonly found: readonly string[] } {
  return typeof value === 'object' && value !== null && 'found' in value && Array.isArray(value.found) && value.found.every((line) => typeof line === 'string');
}
