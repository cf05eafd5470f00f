export type { Hold } from './hold.js';
export type { Once } from './once.js';
export { blobsFolder } from './places.js';
export type { Pruned, PruneOptions } from './prune.js';
export { openBlobs, type BlobStore, type Stored, type Take } from './store.js';
export type { BlobWriter } from './writer.js';
