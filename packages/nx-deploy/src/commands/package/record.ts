/** package-info.json beside the archive: what is in it, the same for the same input. */
import { SIGNATURE_FILES, type BuildFacts } from 'nx-build-manifest';
import type { PackedFile } from '../../package/application.js';
import type { VersionCompatibility } from '../../package/documents.js';
import type { WrittenArchive } from '../../package/store.js';
import { basename } from 'node:path';

export interface PackageRecord {
  readonly schema: 1;
  readonly service: string;
  readonly version: string;
  readonly buildId?: string;
  /** Name of the archive, which lies beside this file. */
  readonly archive: string;
  /** Of the archive. */
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
  readonly uncompressed: number;
  /** How many. */
  readonly files: number;
  /** Names of the files with signatures and provenance. */
  readonly signed: readonly string[];
  /** What a client of the release before may miss, one line each. */
  readonly breaking: readonly string[];
}

export function recordOf(archive: WrittenArchive, files: readonly PackedFile[], { service, version, buildId }: Pick<BuildFacts, 'service' | 'version' | 'buildId'>, { api }: VersionCompatibility): PackageRecord {
  return {
    schema: 1, service, version, ...(buildId === undefined ? {} : { buildId }), archive: basename(archive.file), sha256: archive.sha256, size: archive.size, uncompressed: archive.uncompressed,
    files: files.length, signed: files.map(({ path }) => path).filter((path) => SIGNATURE_FILES.includes(path) && path !== 'checksums.txt').sort(), breaking: api?.breaking ?? [],
  };
}
