/** Files become layers in the store; what is there already is not made again. */
import type { BuildSite, ImageFiles, LayerFiles, LayerReport } from '../../builder.js';
import { END } from '../../layer/header.js';
import { storeLayer } from '../../layer/stored.js';
import type { BuiltLayer } from '../../layer/layer.js';
import type { LayerToWrite } from '../../layout/write.js';
import { assertGoesOn } from './cancelled.js';
import { LayerCopy } from './layer-copy.js';
import { onceUnlessCancelled } from './once.js';

export interface MadeLayer {
  readonly write: LayerToWrite;
  readonly report: LayerReport;
  /** In this run. */
  readonly made: boolean;
}

/** To be raised when the writer of layers gives other bytes for the same files. */
const FORMAT = 1;
const LEVEL = 6;

/**
 * In the order of the files; a layer without any is left out.
 * @param time modification time of everything, in s since 1970
 * @param loaded are they laid out for a smoke import next?
 * @throws DeployError what reading the files throws; ND-DISK-FULL, ND-IMAGE-STORE; ND-CANCELLED
 */
export async function makeLayers({ layers }: ImageFiles, time: number, site: BuildSite, loaded = false): Promise<readonly MadeLayer[]> {
  const made: MadeLayer[] = [];
  // One after the other: each is compressed on all processors, and what several need is made by whoever comes first.
  for (const files of layers) {
    const layer = await onceUnlessCancelled(site.store, keyOf(files.key, time), site.signal, () => make(files, time, site, loaded));
    if (layer.uncompressed <= END.length) continue;
    if (layer.made) site.onEvent({ type: 'note', text: `made the ${files.kind} layer: ${files.reason}` });
    made.push({ made: layer.made, write: { digest: layer.digest, size: layer.size }, report: await reportOf(files, layer) });
  }
  return made;
}

async function make({ kind, entries }: LayerFiles, mtime: number, { store, signal }: BuildSite, loaded: boolean): Promise<BuiltLayer> {
  const found = await entries();
  assertGoesOn(signal);
  const copy = loaded && kind === 'modules' ? await LayerCopy.begin(store, found, signal) : undefined;
  try {
    const layer = await storeLayer(store, found, { mtime, level: LEVEL, onProgress: () => assertGoesOn(signal), ...(copy === undefined ? {} : { onTar: (chunk) => copy.take(chunk) }) });
    await copy?.keep(layer.digest);
    return layer;
  } finally {
    await copy?.close();
  }
}

/** Everything that decides about the bytes: what is in it, when, and who compresses. */
function keyOf(key: string, time: number): string {
  return JSON.stringify(['oci layer', FORMAT, key, time, LEVEL, process.versions.zlib, process.arch]);
}

async function reportOf({ kind, reason, packages }: LayerFiles, { digest, diffId, size, uncompressed }: BuiltLayer): Promise<LayerReport> {
  const sizes = await packages?.(digest);
  return { kind, digest, diffId, size, uncompressed, reason, ...(sizes === undefined ? {} : { packages: sizes }) };
}
