import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { OciImage } from '../../config/resolved.js';
import { DeployError } from '../../errors.js';
import { openBlobs, type BlobStore } from '../blobs/index.js';
import type { BuildEvent, BuildSite, ImageFiles, LayerFiles } from '../builder.js';
import { storeLayer, type BuiltLayer } from '../layer/index.js';
import type { Platform } from '../oci.js';
import { collectImageFiles } from './collect.js';

export const HERE: Platform = { os: 'linux', architecture: process.arch === 'arm64' ? 'arm64' : 'amd64' };
export const ELSEWHERE: Platform = { os: 'linux', architecture: HERE.architecture === 'amd64' ? 'arm64' : 'amd64' };

/** A workspace with one project, `apps/api`, in a temporary folder. */
export interface Fixture {
  readonly root: string;
  readonly events: BuildEvent[];
  readonly store: BlobStore;
  write(files: Readonly<Record<string, string | Uint8Array>>): void;
  options(change?: Partial<OciImage>): OciImage;
  site(change?: Partial<BuildSite>): BuildSite;
  collect(change?: Partial<OciImage>, platform?: Platform, site?: Partial<BuildSite>): Promise<ImageFiles>;
  /** The error that it rejects with. */
  refusal(change?: Partial<OciImage>, platform?: Platform, site?: Partial<BuildSite>): Promise<DeployError>;
}

const folders: string[] = [];
afterEach(() => { folders.splice(0).forEach((folder) => { rmSync(folder, { recursive: true, force: true, maxRetries: 3 }); }); });

export function workspace(): Fixture {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'nd dependencies ')));
  folders.push(folder);
  const root = join(folder, 'workspace');
  mkdirSync(root);
  const store = openBlobs(join(folder, 'blobs'));
  const events: BuildEvent[] = [];
  const options = (change: Partial<OciImage> = {}): OciImage => ({
    type: 'image', builder: 'oci', path: join(root, 'apps/api/dist'), entry: 'main.js', dependencies: 'bundled', base: 'node:22-slim', platforms: ['linux/amd64'],
    assets: [], user: '1000:1000', port: 3000, env: {}, labels: {}, push: [], plainHttp: [], ...change,
  });
  const site = (change: Partial<BuildSite> = {}): BuildSite => ({
    workspaceRoot: root, projectRoot: 'apps/api', projectName: 'api', store, variables: process.env, onEvent: (event) => void events.push(event),
    // Nothing here asks a registry of images.
    registries: undefined as never, ...change,
  });
  const collect: Fixture['collect'] = (change, platform = HERE, where) => collectImageFiles(options(change), platform, site(where));
  return {
    root, events, store, options, site, collect,
    write: (files) => {
      for (const [path, content] of Object.entries(files)) {
        mkdirSync(dirname(join(root, path)), { recursive: true });
        writeFileSync(join(root, path), content);
      }
    },
    refusal: async (...parts) => {
      const error: unknown = await collect(...parts).then(() => undefined, (thrown: unknown) => thrown);
      if (error instanceof DeployError) return error;
      throw error ?? new Error('it was not refused');
    },
  };
}

/** Paths by layer; links with their targets. */
export async function listing(files: ImageFiles): Promise<Record<string, string[]>> {
  const lists = await Promise.all(files.layers.map(async (layer) => [layer.kind, await pathsOf(layer)] as const));
  return Object.fromEntries(lists);
}

export async function pathsOf(layer: LayerFiles | undefined): Promise<string[]> {
  const entries = await layer?.entries() ?? [];
  return entries.map((entry) => (entry.type === 'symlink' ? `${entry.path} -> ${entry.target}` : entry.path)).sort();
}

/** As the builder does it: a layer is made when its key is new. */
export async function makeLayers(files: ImageFiles, store: BlobStore): Promise<readonly (BuiltLayer & { readonly made: boolean; readonly kind: string })[]> {
  const layers = [];
  for (const { key, kind, entries } of files.layers) layers.push({ ...await store.once(key, async () => storeLayer(store, await entries())), kind });
  return layers;
}
