export { isModuleScope } from './module-scope.js';
export { openBlobStore, type BlobStore } from './blob-store.js';
export { collectFiles, hashFiles, layFiles, type CollectedFile, type CollectedFiles, type LaidFiles } from './collect.js';
export { openKnownDigests, type KnownDigests } from './known-digests.js';
export { assertSafe, manifestDigest, type ManifestEntry, type ManifestFile, type ManifestLink } from './manifest.js';
