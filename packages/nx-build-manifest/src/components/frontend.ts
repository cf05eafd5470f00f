import { extname, posix } from 'node:path';
import type { Artifact } from '../artifacts.js';
import type { ComponentFinder } from './component.js';

export interface AssetFacts {
  readonly files: number;
  readonly bytes: number;
}

export interface FrontendFacts {
  /** The page that a browser loads first, relative to the workspace. */
  readonly index: string;
  readonly files: number;
  readonly bytes: number;
  /** By kind; only those that there are. */
  readonly assets: Readonly<Partial<Record<AssetKind, AssetFacts>>>;
}

export const ASSET_KINDS = ['scripts', 'styles', 'pages', 'images', 'fonts', 'maps', 'other'] as const;
export type AssetKind = (typeof ASSET_KINDS)[number];

const ENDINGS: Readonly<Partial<Record<AssetKind, readonly string[]>>> = {
  scripts: ['.js', '.mjs', '.wasm'],
  styles: ['.css'],
  pages: ['.html', '.htm'],
  images: ['.avif', '.gif', '.ico', '.jpeg', '.jpg', '.png', '.svg', '.webp'],
  fonts: ['.otf', '.ttf', '.woff', '.woff2'],
  maps: ['.map'],
};

function kindOf(path: string): AssetKind {
  const ending = extname(path).toLowerCase();
  return ASSET_KINDS.find((kind) => ENDINGS[kind]?.includes(ending) === true) ?? 'other';
}

/** The index.html that lies least deep, and everything beside and below it. */
function factsOf({ path, files = [] }: Artifact): FrontendFacts | undefined {
  const depth = (name: string): number => name.split('/').length;
  const [index] = files.map((file) => file.path).filter((name) => posix.basename(name) === 'index.html').sort((a, b) => depth(a) - depth(b) || (a < b ? -1 : 1));
  if (index === undefined) return undefined;
  const folder = index.slice(0, -'index.html'.length);
  const assets = new Map<AssetKind, AssetFacts>();
  const own = files.flatMap((file) => ('bytes' in file && file.path.startsWith(folder) ? [file] : []));
  for (const file of own) {
    const kind = kindOf(file.path);
    const { files: count, bytes } = assets.get(kind) ?? { files: 0, bytes: 0 };
    assets.set(kind, { files: count + 1, bytes: bytes + file.bytes });
  }
  return {
    index: posix.join(path, index),
    files: own.length,
    bytes: own.reduce((sum, file) => sum + file.bytes, 0),
    assets: Object.fromEntries(ASSET_KINDS.flatMap((kind) => (assets.has(kind) ? [[kind, assets.get(kind)]] : []))) as FrontendFacts['assets'],
  };
}

export const frontend: ComponentFinder<'frontend'> = {
  kind: 'frontend',
  async find({ artifacts }) {
    const facts = artifacts.map(factsOf).filter((one) => one !== undefined);
    return facts.length === 0 ? undefined : facts;
  },
};
