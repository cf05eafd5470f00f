/** A builder that is small and real: layers of the project's files on a base, by way of the store. For specs only. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DeployError } from '../../errors.js';
import type { OciImage } from '../../config/index.js';
import type { Build, BuildSite, BuiltImage, LayerReport } from '../../image/builder.js';
import type { Entry } from '../../image/layer/index.js';
import { storeLayer } from '../../image/layer/index.js';
import type { Digest } from '../../image/oci.js';
import type { Builders } from './builders.js';

export interface SmallBuilder {
  readonly builders: Builders;
  /** How often it was asked. */
  builds: number;
  /** Called in the middle of a build. */
  during: (site: BuildSite) => Promise<void>;
  /** What the layer of the base refers to; none: the base is a layer like the others. */
  from?: string;
}

const BASE = 'b'.repeat(50_000);

export function smallBuilder(): SmallBuilder {
  const small: SmallBuilder = {
    builds: 0,
    during: () => Promise.resolve(),
    builders: {
      oci: async (image, site) => {
        small.builds += 1;
        site.onEvent({ type: 'phase', phase: 'layers', state: 'start' });
        await small.during(site);
        const made: Digest[] = [];
        const images: BuiltImage[] = [];
        for (const name of image.platforms) images.push(await imageFor(name, image, site, small.from, made));
        site.onEvent({ type: 'phase', phase: 'layers', state: 'done' });
        return { images, base: { reference: image.base, digest: images[0]?.layers[0]?.digest ?? 'sha256:' }, warnings: ['a warning'], made } satisfies Build;
      },
      docker: () => Promise.reject(new Error('there is no engine here')),
    },
  };
  return small;
}

async function imageFor(platform: string, image: OciImage, { store }: BuildSite, from: string | undefined, made: Digest[]): Promise<BuiltImage> {
  const [os = '', architecture = '', variant] = platform.split('/');
  const files = (await readdir(image.path).catch(() => { throw new DeployError('ND-ARTIFACT-MISSING', { what: 'there is no build' }); })).sort();
  const entries: Entry[] = await Promise.all(files.map(async (name) => ({ path: `app/${name}`, type: 'file', mode: 0o644, source: await readFile(join(image.path, name)) })));
  const layer = async (kind: LayerReport['kind'], key: string, content: readonly Entry[], reason: string, packages?: LayerReport['packages']): Promise<LayerReport> => {
    const { made: anew, ...built } = await store.once(key, () => storeLayer(store, content));
    if (anew) made.push(built.digest);
    return { kind, digest: built.digest, diffId: built.diffId, size: built.size, uncompressed: built.uncompressed, reason, ...(packages === undefined ? {} : { packages }) };
  };
  const layers = [
    await layer('base', `base ${architecture}`, [{ path: 'usr/base', type: 'file', mode: 0o644, source: Buffer.from(BASE + architecture) }], 'the base image'),
    await layer('application', `app ${JSON.stringify(entries)}`, entries, `${files.length} files`, [{ name: 'left-pad', version: '1.0.0', size: 12_345 }, { name: 'typescript', size: 60_000_000 }]),
  ];
  const own = variant === undefined ? {} : { variant };
  return {
    platform: { os, architecture, ...own }, layers,
    image: {
      config: { os, architecture, ...own, created: '1970-01-01T00:00:01Z', config: { Entrypoint: ['node', image.entry], WorkingDir: '/app', User: image.user }, rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) } },
      layers: layers.map(({ digest, size, kind }) => ({ digest, size, ...(kind === 'base' && from !== undefined ? { from } : {}) })),
    },
  };
}
