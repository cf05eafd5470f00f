export { isModuleScope } from './module-scope.js';
export { openBlobStore, type BlobStore } from './blob-store.js';
export { collectFiles, type CollectedFile, type CollectedFiles } from './collect.js';
export { openKnownDigests, type KnownDigests } from './known-digests.js';
export { assertSafe, manifestDigest, type ManifestEntry, type ManifestFile, type ManifestLink } from './manifest.js';
