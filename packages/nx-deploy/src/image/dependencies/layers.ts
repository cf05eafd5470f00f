/** From files and their places to the layers of an image. */
import type { CollectedFile } from '../../archive/index.js';
import { manifestDigest, type ManifestEntry, type ManifestLink } from '../../archive/manifest.js';
import type { LayerFiles } from '../builder.js';
import type { Entry } from '../layer/index.js';
import { packagesIn } from './packages.js';

export type FileKind = LayerFiles['kind'];

/** A file or link, its path relative to the service's folder in the image. */
export interface Placed {
  readonly kind: FileKind;
  readonly file: CollectedFile | ManifestLink;
}

/** Where everything of the service lies, relative to the root of the image. */
export const SERVICE_FOLDER = 'app';

const ORDER = ['modules', 'libraries', 'assets', 'application'] as const satisfies readonly FileKind[];

/** One layer per kind that has files; layers with the same files have the same key, whatever they are called. */
export function layersOf(placed: readonly Placed[], reasons: Readonly<Record<FileKind, string>>): LayerFiles[] {
  return ORDER.flatMap((kind) => {
    const files = placed.filter((one) => one.kind === kind).map(({ file }) => inService(file));
    return files.length === 0 ? [] : [layerOf(kind, files, reasons[kind])];
  });
}

/** The file at its place in the image. */
export function inService<File extends CollectedFile | ManifestLink>(file: File): File {
  return { ...file, path: `${SERVICE_FOLDER}/${file.path}` };
}

function layerOf(kind: FileKind, files: readonly (CollectedFile | ManifestLink)[], reason: string): LayerFiles {
  const real = files.filter((file): file is CollectedFile => 'source' in file);
  return {
    kind, reason,
    key: filesKey(files),
    entries: () => Promise.resolve(files.map(entryOf)),
    ...(kind === 'modules' ? { packages: () => packagesIn(real) } : {}),
  };
}

/** Depends on paths, modes, content and link targets alone. */
export function filesKey(files: readonly ManifestEntry[]): string {
  return `files:${manifestDigest(files)}`;
}

export function entryOf(file: CollectedFile | ManifestLink): Entry {
  if ('link' in file) return { path: file.path, type: 'symlink', target: file.link };
  return { path: file.path, type: 'file', mode: file.mode, source: file.source, size: file.size, sha256: file.sha256, ...(file.content === undefined ? {} : { content: file.content }) };
}
