export type { Entry, FileEntry, FolderEntry, LinkEntry } from './entry.js';
export { compressLayer, writeLayer, type BuiltLayer, type LayerOptions, type LayerProgress } from './layer.js';
export { storeLayer, storeTar } from './stored.js';
export { writeTar, type Sink } from './tar.js';
export { layerTime } from './time.js';
