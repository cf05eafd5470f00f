/** Artifacts by digest: the list of an artifact's files beside the store that holds their contents. */
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { manifestDigest, type BlobStore, type CollectedFiles, type ManifestEntry } from '../archive/index.js';
import type { Home } from '../agent/home.js';
import { DeployError } from '../errors.js';
import type { ArtifactRef } from '../model/index.js';
import { damaged, isMissing, readState, STATE_SCHEMA, writeAtomically } from '../releases/index.js';

interface StoredManifest {
  readonly schema: typeof STATE_SCHEMA;
  readonly digest: string;
  readonly files: readonly ManifestEntry[];
}

export interface StoredArtifacts {
  /** Copies what is not stored yet; the artifact can be built again from here on, whatever happens to the workspace. */
  store(collected: CollectedFiles): Promise<ArtifactRef>;
  /** Rejects with ND-ARTIFACT-MISSING when the artifact is not stored here. */
  materialise(digest: string, target: string): Promise<void>;
  /** Removes artifacts that no release refers to, or counts them in a dry run; young ones stay, they may belong to a deploy under way. */
  prune(used: ReadonlySet<string>, dryRun?: boolean): Promise<{ readonly files: number; readonly bytes: number }>;
}

const YOUNG_MS = 60 * 60 * 1_000;

export function storedArtifacts(blobs: BlobStore, home: Pick<Home, 'blobs'>): StoredArtifacts {
  const folder = join(home.blobs, 'manifests');
  const fileOf = (digest: string): string => join(folder, `${digest.replace(/^sha256:/, '')}.json`);
  const read = (digest: string): Promise<StoredManifest | undefined> => readState(fileOf(digest), isManifest);
  return {
    async store(collected) {
      const { digest, files } = collected;
      await blobs.putAll(files);
      const manifest: StoredManifest = { schema: STATE_SCHEMA, digest, files: files.map(withoutSource) };
      await writeAtomically(fileOf(digest), JSON.stringify(manifest));
      return artifactRef(collected);
    },
    async materialise(digest, target) {
      const manifest = await read(digest);
      if (manifest === undefined) {
        throw new DeployError('ND-ARTIFACT-MISSING', { what: `the artifact ${digest} is not stored here`, next: 'build and deploy it again' });
      }
      if (manifestDigest(manifest.files) !== digest) throw damaged(fileOf(digest), 'the list of files does not match its digest');
      await blobs.materialise(manifest.files, target);
    },
    async prune(used, dryRun = false) {
      const keep = new Set<string>();
      for (const name of await names(folder)) {
        const digest = `sha256:${name.slice(0, -'.json'.length)}`;
        const old = (await stat(join(folder, name))).mtimeMs < Date.now() - YOUNG_MS;
        const needed = !old || used.has(digest);
        if (!needed && !dryRun) await rm(join(folder, name), { force: true });
        if (needed) for (const file of (await read(digest))?.files ?? []) if ('sha256' in file) keep.add(file.sha256);
      }
      const { removed, bytes } = await blobs.prune(keep, dryRun);
      return { files: removed, bytes };
    },
  };
}

export function artifactRef({ digest, count, bytes }: Pick<CollectedFiles, 'digest' | 'count' | 'bytes'>): ArtifactRef {
  return { type: 'files', digest, files: count, bytes };
}

/** Where a file came from stays out of the target's state. */
function withoutSource(entry: ManifestEntry & { readonly source?: string | Buffer }): ManifestEntry {
  const { source: _source, ...rest } = entry;
  return rest;
}

async function names(folder: string): Promise<readonly string[]> {
  return readdir(folder).then((list) => list.filter((name) => name.endsWith('.json')), (error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
}

function isManifest(value: object): value is StoredManifest {
  return 'digest' in value && 'files' in value && Array.isArray(value.files);
}
