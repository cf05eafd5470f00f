/** A smoke import that went well is not done again for the same layers: an image that is built anew without a change costs nothing. */
import type { BuildSite } from '../../builder.js';
import { onceUnlessCancelled } from './once.js';
import { smokeImport, type SmokeImport } from './smoke.js';

/** To be raised when the smoke import looks for more. */
const FORMAT = 1;
const LONGEST = 1_048_576;

/** {@link smokeImport}, or what it found the last time with this Node. */
export async function smokedOnce(smoke: SmokeImport, site: BuildSite): Promise<readonly string[]> {
  const { platform, layers, workingDirectory, entry, env, node, otherCommand = false } = smoke;
  const key = JSON.stringify(['smoke import', FORMAT, platform, layers, workingDirectory, entry, Object.entries(env).sort(), node ?? '', otherCommand, process.version, process.arch]);
  let found: readonly string[] | undefined;
  const { digest } = await onceUnlessCancelled(site.store, key, site.signal, async () => {
    found = await smokeImport(smoke, site);
    const stored = await site.store.put([Buffer.from(JSON.stringify(found))]);
    return { ...stored, diffId: stored.digest, uncompressed: stored.size };
  });
  return found ?? JSON.parse((await site.store.read(digest, LONGEST)).toString('utf8')) as readonly string[];
}
