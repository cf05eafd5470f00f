export type { BaseBlob } from './base.js';
export { complete, contentOf, ensureBase, fileOf, type FetchBlob } from './complete.js';
export { imageFor, writeDockerArchive, type ArchiveOptions } from './docker-archive.js';
export { platformName } from './documents.js';
export { stableJson } from './json.js';
export { blobFile, readLayout, type Layout, type ReadImage } from './read.js';
export { writeLayout, type ImageToWrite, type LayerToWrite, type WriteOptions, type WrittenLayout } from './write.js';
