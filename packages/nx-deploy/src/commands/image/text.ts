/** What the commands about images print. */
import { relative } from 'node:path';
import { isDevelopmentPackage } from '../../image/dependencies/index.js';
import type { Digest } from '../../image/oci.js';
import { formatDuration, type Ms } from '../../model/index.js';
import { formatBytes, table } from '../../terminal/index.js';
import type { ImageDocument } from './document.js';

type Platform = ImageDocument['platforms'][number];

export interface BuildFactsShown {
  readonly project: string;
  readonly document: ImageDocument;
  readonly made: readonly Digest[];
  readonly durationMs: Ms;
  /** Absolute. */
  readonly folder: string;
  readonly workspaceRoot: string;
}

/** One table for each platform, then what people copy. */
export function buildLines({ project, document, made, durationMs, folder, workspaceRoot }: BuildFactsShown): readonly string[] {
  const { sizes, digest } = document;
  return [
    ...document.platforms.flatMap((platform) => layerTable(platform, (layer) => (layer.kind === 'base' ? 'base image' : made.some((each) => each === layer.digest) ? 'made' : 'from the store'))),
    `built: the image of ${project} in ${formatDuration(durationMs)}`,
    `  digest    ${digest}`,
    `  size      ${formatBytes(sizes.total)}: ${formatBytes(sizes.own)} of its own on a base of ${formatBytes(sizes.base)}`,
    `  folder    ${relative(workspaceRoot, folder)}`,
  ];
}

const MOST_PACKAGES = 10;

/** Layers and the biggest packages of each platform, with a warning for packages of development. */
export function inspectLines(project: string, document: ImageDocument): readonly string[] {
  const { sizes, digest, base } = document;
  return [
    `image of ${project}`,
    `  digest    ${digest}`,
    ...(base === undefined ? [] : [`  base      ${base.reference} (${base.digest})`]),
    `  size      ${formatBytes(sizes.total)}: ${formatBytes(sizes.own)} of its own on a base of ${formatBytes(sizes.base)}`,
    ...document.platforms.flatMap((platform) => [
      ...layerTable(platform, ({ uncompressed }) => (uncompressed === undefined ? '' : formatBytes(uncompressed)), { title: 'unpacked', align: 'right' }),
      ...packageTable(platform),
    ]),
    ...developmentPackages(document).map((name) => `warning: ${name} is a package of development; an image of the service seldom needs it`),
  ];
}

/** Their names, each once. */
export function developmentPackages({ platforms }: ImageDocument): readonly string[] {
  const names = platforms.flatMap(({ layers }) => layers.flatMap(({ packages = [] }) => packages.map(({ name }) => name)));
  return [...new Set(names)].filter(isDevelopmentPackage).sort();
}

function layerTable({ platform, digest, layers }: Platform, last: (layer: Platform['layers'][number]) => string, column: { title: string; align?: 'right' } = { title: 'where from' }): readonly string[] {
  return [
    `${platform} ${digest}`,
    ...table(
      [{ title: 'layer' }, { title: 'size', align: 'right' }, { title: 'digest' }, column, { title: 'what' }],
      layers.map((layer) => [layer.kind, formatBytes(layer.size), short(layer.digest), last(layer), layer.reason]),
    ).map((line) => `  ${line}`),
  ];
}

function packageTable({ layers }: Platform): readonly string[] {
  const packages = layers.flatMap(({ packages: all = [] }) => all).sort((a, b) => b.size - a.size);
  if (packages.length === 0) return [];
  const shown = packages.slice(0, MOST_PACKAGES);
  const rest = packages.slice(MOST_PACKAGES);
  return [
    ...table([{ title: 'package' }, { title: 'version' }, { title: 'size', align: 'right' }], shown.map(({ name, version = '', size }) => [name, version, formatBytes(size)])).map((line) => `  ${line}`),
    ...(rest.length === 0 ? [] : [`  and ${rest.length} more with ${formatBytes(rest.reduce((sum, { size }) => sum + size, 0))}`]),
  ];
}

/** As engines show digests. */
function short(digest: string): string {
  return digest.replace('sha256:', '').slice(0, 12);
}
