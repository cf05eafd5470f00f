/** What the agent needs too. collect.ts is imported by its own path: it brings the module tracer, which must not enter the agent's bundle. */
export { openBlobStore, type BlobStore } from './blob-store.js';
export type { CollectedFile, CollectedFiles } from './collect.js';
export { assertSafe, manifestDigest, type ManifestEntry, type ManifestFile, type ManifestLink } from './manifest.js';
