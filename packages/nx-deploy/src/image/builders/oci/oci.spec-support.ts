/** Small bases, files and build sites for the specs of this builder. */
import { readFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { OciImage } from '../../../config/resolved.js';
import { openBlobs } from '../../blobs/index.js';
import type { BuildEvent, BuildSite, ImageFiles, LayerFiles } from '../../builder.js';
import { digestOf } from '../../digest.js';
import { storeLayer, type Entry } from '../../layer/index.js';
import { blobFile, readLayout, writeLayout } from '../../layout/index.js';
import type { Descriptor, Digest, ImageConfig } from '../../oci.js';
import { parseRepository, type PushSource, type Registries } from '../../registry/index.js';
import { client } from '../../registry/live.spec-support.js';
import type { CollectFiles } from './builder.js';

export interface TestSite extends BuildSite {
  readonly events: BuildEvent[];
}

/** @param root holds the store and, unless said otherwise, the workspace */
export function siteIn(root: string, more: Partial<BuildSite> = {}): TestSite {
  const events: BuildEvent[] = [];
  return {
    workspaceRoot: join(root, 'workspace'), projectRoot: 'apps/api', projectName: 'api', store: openBlobs(join(root, 'store')), registries: client(),
    variables: { PATH: process.env['PATH'], SECRET_OF_CI: 'hunter22', TMPDIR: root }, onEvent: (event) => events.push(event), ...more, events,
  };
}

export const notes = ({ events }: TestSite): string[] => events.flatMap((event) => (event.type === 'note' ? [event.text] : []));

export function options(base: string, more: Partial<OciImage> = {}): OciImage {
  return {
    type: 'image', builder: 'oci', platforms: ['linux/amd64'], labels: {}, push: [], plainHttp: [], path: '/nowhere', entry: 'main.js', dependencies: 'bundled', base, assets: [],
    user: '1000:1000', port: 3000, env: {}, ...more,
  };
}

/** One layer of random size for each platform. */
export async function baseLayout(root: string, platforms: readonly (readonly [architecture: string, variant?: string])[] = [['amd64']], more: Partial<ImageConfig> = {}): Promise<{ readonly folder: string; readonly root: Descriptor; readonly layers: readonly Digest[] }> {
  const store = openBlobs(join(root, 'base-store'));
  const folder = join(root, 'base');
  const layers: Digest[] = [];
  const images = [];
  for (const [architecture, variant] of platforms) {
    const { digest, size, diffId } = await storeLayer(store, [{ path: 'usr/bin/node', type: 'file', mode: 0o755, source: Buffer.alloc(100_000, architecture) }]);
    layers.push(digest);
    const config: ImageConfig = {
      os: 'linux', architecture, ...(variant === undefined ? {} : { variant }), created: '2026-01-01T00:00:00Z',
      config: { Env: ['PATH=/usr/bin', 'NODE_VERSION=20.0.0'], Cmd: ['node'], Entrypoint: ['docker-entrypoint.sh'] }, rootfs: { type: 'layers', diff_ids: [diffId] }, ...more,
    };
    images.push({ config, layers: [{ digest, size }] });
  }
  return { folder, layers, root: (await writeLayout(folder, images, { store })).root };
}

/** Puts a layout into a repository; resolves with its digest. */
export async function pushLayout(registries: Registries, folder: string, repository: string, tag: string): Promise<Digest> {
  const { roots: [root] } = await readLayout(folder);
  if (root === undefined) throw new Error('an empty layout');
  const content = ({ digest }: Descriptor): Buffer => readFileSync(blobFile(folder, digest));
  const source: PushSource = { root, manifest: async (descriptor) => content(descriptor), open: async function* (blob, start, end) { yield content(blob).subarray(start, end); } };
  return (await registries.push(parseRepository(repository), source, { tags: [tag] })).digest;
}

export type Texts = Readonly<Record<string, string>>;

/** Real files below `folder`, each set one layer; paths are those in the image. */
export function files(folder: string, layers: Readonly<Partial<Record<LayerFiles['kind'], Texts>>>, more: Partial<ImageFiles> = {}): CollectFiles {
  return async () => ({
    layers: Object.entries(layers).map(([kind, texts]): LayerFiles => ({
      kind: kind as LayerFiles['kind'], key: `${kind} ${digestOf(JSON.stringify(texts))}`, reason: `${Object.keys(texts).length} files`,
      entries: async () => Object.entries(texts).map(([path, text]): Entry => {
        const source = join(folder, path);
        mkdirSync(dirname(source), { recursive: true });
        writeFileSync(source, text);
        return { path, type: 'file', mode: 0o644, source };
      }),
    })),
    workingDirectory: '/app', entry: 'main.js', warnings: [], close: async () => undefined, ...more,
  });
}

/** A service that listens. */
export const LISTENS = 'require("node:http").createServer().listen(process.env.PORT);\n';
