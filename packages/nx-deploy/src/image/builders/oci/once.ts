import type { BlobStore } from '../../blobs/store.js';
import type { Once } from '../../blobs/once.js';
import type { BuiltLayer } from '../../layer/layer.js';
import { assertGoesOn, cancelled } from './cancelled.js';

/**
 * `store.once`, and ND-CANCELLED at once while another process makes it, which may take minutes. What this process makes itself has to heed the signal, and cleans up before
 * this rejects.
 */
export async function onceUnlessCancelled(store: BlobStore, key: string, signal: AbortSignal | undefined, make: () => Promise<BuiltLayer>): Promise<Once> {
  assertGoesOn(signal);
  let making = false;
  const work = store.once(key, () => {
    making = true;
    assertGoesOn(signal);
    return make();
  });
  if (signal === undefined) return work;
  return new Promise<Once>((resolve, reject) => {
    const abort = (): void => { if (!making) reject(cancelled()); };
    signal.addEventListener('abort', abort, { once: true });
    work.finally(() => signal.removeEventListener('abort', abort)).then(resolve, reject);
  });
}
