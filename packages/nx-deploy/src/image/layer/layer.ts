/** Layers: tar and gzip in one pass, with both digests. */
import { arrange, type Entry } from './entry.js';
import { ParallelGzip, type Compressed } from './gzip.js';
import { CHUNK, Chunks, fillTar, type Sink } from './tar.js';
import { layerTime } from './time.js';

export interface LayerProgress {
  readonly type: 'layer';
  /** Bytes of file content that were read. */
  readonly bytes: number;
  /** Of them all; undefined unless every file entry tells its size. */
  readonly total: number | undefined;
}

export interface LayerOptions {
  /** Modification time of everything, in s since 1970; SOURCE_DATE_EPOCH by default, else 1. */
  readonly mtime?: number;
  /** 1 (fast) to 9 (small), 6 by default. */
  readonly level?: number;
  readonly onProgress?: (event: LayerProgress) => void;
  /** Sees the tar too, piece by piece, each of which is only valid until this returns. The next one comes when it has resolved. */
  readonly onTar?: (chunk: Uint8Array) => Promise<void>;
}

/** `diffId`: digest of the tar. `digest` and `size`: of the gzip. `uncompressed`: bytes of the tar. */
export type BuiltLayer = Compressed;

const DEFAULT_LEVEL = 6;
/** Bytes between two events. */
const PROGRESS_STEP = 4 * 1024 * 1024;

/**
 * Writes a layer of type `tar+gzip`. The diffID depends on the entries and the time alone, not on their order, their place or the umask; the digest also on the zlib in Node.
 * @throws DeployError ND-ARTIFACT-UNSAFE for entries that no image can hold; ND-ARTIFACT-CHANGED when a file changes or vanishes; and what `sink` throws.
 */
export async function writeLayer(entries: AsyncIterable<Entry> | Iterable<Entry>, sink: Sink, options: LayerOptions = {}): Promise<BuiltLayer> {
  const ordered = await arrange(entries);
  const { mtime = layerTime(), level = DEFAULT_LEVEL, onProgress, onTar } = options;
  return packed(sink, { level, onTar }, async (chunks) => {
    await fillTar(ordered, chunks, mtime, onProgress === undefined ? undefined : progress(ordered, onProgress));
  });
}

/** Compresses a tar that somebody else wrote, as it is: its bytes, and so its diffID, stay the same. */
export async function compressLayer(tar: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, sink: Sink, options: Pick<LayerOptions, 'level'> = {}): Promise<BuiltLayer> {
  return packed(sink, { level: options.level ?? DEFAULT_LEVEL }, async (chunks) => {
    for await (const bytes of tar) await chunks.write(bytes);
  });
}

interface Packing {
  readonly level: number;
  readonly onTar?: LayerOptions['onTar'];
}

async function packed(sink: Sink, { level, onTar }: Packing, fill: (chunks: Chunks) => Promise<void>): Promise<BuiltLayer> {
  const gzip = new ParallelGzip(sink, level);
  const chunks = new Chunks(async (chunk) => {
    await Promise.all([gzip.push(chunk), onTar?.(chunk)]);
    return gzip.take();
  }, Buffer.allocUnsafeSlow(CHUNK));
  try {
    await fill(chunks);
    const [layer] = await Promise.all([gzip.end(chunks.rest()), onTar?.(chunks.rest())]);
    return layer;
  } catch (error) {
    await gzip.abandon();
    throw error;
  }
}

function progress(entries: readonly Entry[], tell: (event: LayerProgress) => void): (count: number) => void {
  const sizes = entries.map((entry) => (entry.type !== 'file' ? 0 : typeof entry.source === 'string' ? entry.size : entry.source.length));
  const total = sizes.reduce((sum, size) => (sum === undefined || size === undefined ? undefined : sum + size), 0);
  let bytes = 0;
  let told = 0;
  return (count) => {
    bytes += count;
    if (bytes - told < PROGRESS_STEP && bytes !== total) return;
    told = bytes;
    tell({ type: 'layer', bytes, total });
  };
}
