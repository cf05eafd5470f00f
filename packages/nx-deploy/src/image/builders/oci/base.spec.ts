import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startFaultProxy, type FaultProxy } from '../../../../../../tools/images/fault-proxy.js';
import { temporaryFolder } from '../../../shell/programs.spec-support.js';
import type { DeployError } from '../../../errors.js';
import { ensureBase, readLayout, writeLayout } from '../../layout/index.js';
import { MEDIA_TYPES, type Digest } from '../../oci.js';
import { client, describeWith, startRegistry, type RealRegistry } from '../../registry/live.spec-support.js';
import { parseReference } from '../../registry/index.js';
import { resolveBase } from './base.js';
import { checkedConfig } from './base-config.js';
import { baseLayout, pushLayout, siteIn } from './oci.spec-support.js';

const root = temporaryFolder('oci-base');
let count = 0;
const fresh = (): string => join(root, String(count += 1));
const failure = (work: Promise<unknown>): Promise<DeployError> => work.then(() => { throw new Error('it was taken'); }, (error: unknown) => error as DeployError);
const AMD64 = { os: 'linux', architecture: 'amd64' };
const ARM64 = { os: 'linux', architecture: 'arm64' };

describeWith(['docker-registry'], 'a base in a registry', () => {
  let registry: RealRegistry;
  let proxy: FaultProxy;
  let digest: Digest;
  let layers: readonly Digest[];
  const registries = client({}, { attempts: 1 });
  const seen = (): string[] => proxy.seen.map(({ method, path }) => `${method} ${path.replace(/sha256:\w+/, '<digest>')}`);
  const site = (folder: string) => siteIn(folder, { registries });
  beforeAll(async () => {
    registry = await startRegistry();
    proxy = await startFaultProxy(`http://${registry.host}`);
    const base = await baseLayout(fresh(), [['amd64'], ['arm64', 'v8'], ['arm', 'v7']]);
    ({ layers } = base);
    digest = await pushLayout(registries, base.folder, `${registry.host}/library/node`, '22-slim');
  });
  beforeEach(() => proxy.reset());
  afterAll(async () => {
    registries.close();
    await proxy.close();
    await registry.stop();
  });

  it('gives documents alone, and the second time costs one HEAD', async () => {
    const folder = fresh();
    const text = `${proxy.host}/library/node:22-slim`;
    const base = await resolveBase(text, [ARM64, AMD64], site(folder));
    expect(base).toMatchObject({ reference: text, name: text, digest });
    expect(base.images.map(({ platform }) => platform)).toEqual([{ ...ARM64, variant: 'v8' }, AMD64]);
    expect(base.images.map((image) => image.layers.map((layer) => [layer.digest, layer.from]))).toEqual([[[layers[1], `${proxy.host}/library/node@${base.images[0]?.digest}`]], [[layers[0], `${proxy.host}/library/node@${base.images[1]?.digest}`]]]);
    expect(seen().filter((line) => line !== 'GET /v2/')).toEqual(['HEAD /v2/library/node/manifests/22-slim', 'GET /v2/library/node/manifests/<digest>', ...[0, 1].flatMap(() => ['GET /v2/library/node/manifests/<digest>', 'GET /v2/library/node/blobs/<digest>'])]);
    expect(proxy.seen.some(({ path }) => layers.some((layer) => path.includes(layer)))).toBe(false);
    proxy.reset();
    expect(await resolveBase(text, [ARM64, AMD64], site(folder))).toEqual(base);
    expect(seen()).toEqual(['HEAD /v2/library/node/manifests/22-slim']);
  });

  it('needs no registry the second time when it is pinned, and its layers come when they are wanted', async () => {
    const folder = fresh();
    const text = `${proxy.host}/library/node:22-slim@${digest}`;
    const first = await resolveBase(text, [AMD64], site(folder));
    proxy.reset();
    expect(await resolveBase(text, [AMD64], site(folder))).toEqual(first);
    expect(seen()).toEqual([]);
    const at = site(folder);
    const [image] = first.images;
    await writeLayout(join(folder, 'image'), [{ config: image!.config, layers: image!.layers }], { store: at.store });
    const fetched = await ensureBase(await readLayout(join(folder, 'image')), at.store, (blob, take) => registries.blob(parseReference(blob.from), blob, take));
    expect(fetched.map((blob) => blob.digest)).toEqual([layers[0]]);
    expect(seen()).toEqual(['GET /v2/library/node/blobs/<digest>']);
  });

  it('fetches a document again that is damaged in the store', async () => {
    const folder = fresh();
    const text = `${proxy.host}/library/node@${digest}`;
    await resolveBase(text, [AMD64], site(folder));
    const at = site(folder);
    rmSync(at.store.pathOf(digest));
    writeFileSync(at.store.pathOf(digest), 'damaged');
    expect((await resolveBase(text, [AMD64], at)).digest).toBe(digest);
  });

  it('is never an old image in the place of a tag that cannot be asked for', async () => {
    const folder = fresh();
    const gone = await startFaultProxy(`http://${registry.host}`);
    const text = `${gone.host}/library/node:22-slim`;
    await resolveBase(text, [AMD64], site(folder));
    await gone.close();
    const fresher = client({}, { attempts: 1 });
    const error = await failure(resolveBase(text, [AMD64], siteIn(folder, { registries: fresher })));
    fresher.close();
    expect(error.code).toBe('ND-REGISTRY-UNREACHABLE');
    expect(error.parts.next).toContain(`pinned by its digest (${text}@sha256:...`);
  });

  it('says which platforms there are', async () => {
    const error = await failure(resolveBase(`${proxy.host}/library/node:22-slim`, [{ os: 'linux', architecture: 's390x' }], site(fresh())));
    expect([error.code, error.parts.what, error.parts.why]).toEqual(['ND-IMAGE-UNSUPPORTED', 'the base image has no linux/s390x', 'it has linux/amd64, linux/arm/v7, linux/arm64/v8']);
  });

  it('may be one manifest without an index, which is for one platform', async () => {
    const single = await baseLayout(fresh());
    const one = await pushLayout(registries, single.folder, `${registry.host}/library/single`, 'latest');
    const text = `${proxy.host}/library/single`;
    expect(await resolveBase(text, [AMD64], site(fresh()))).toMatchObject({ digest: one, name: `${text}:latest`, images: [{ digest: one, platform: AMD64 }] });
    expect((await failure(resolveBase(text, [ARM64], site(fresh())))).parts.why).toBe('it has linux/amd64');
  });
});

describe('a base in a layout', () => {
  it('has its layers in the store, and no path of this machine', async () => {
    const folder = fresh();
    const { folder: base, layers, root: { digest } } = await baseLayout(folder, [['amd64'], ['arm64', 'v8']]);
    const at = siteIn(folder, { workspaceRoot: folder });
    const found = await resolveBase(`oci:${base}`, [ARM64], at);
    expect(found).toMatchObject({ reference: 'oci:base', digest, images: [{ platform: { ...ARM64, variant: 'v8' }, layers: [{ digest: layers[1], mediaType: MEDIA_TYPES.layer }] }] });
    expect(found.name).toBeUndefined();
    expect(found.images[0]?.layers[0]?.from).toBeUndefined();
    expect(await at.store.has(layers[1]!)).toBe(true);
    expect((await failure(resolveBase(`oci:${base}`, [{ os: 'linux', architecture: 'arm', variant: 'v6' }], at))).parts.why).toBe('it has linux/amd64, linux/arm64/v8');
    expect((await failure(resolveBase(`oci:${folder}/gone`, [AMD64], at))).code).toBe('ND-IMAGE-INVALID');
  });
});

it('checks what it takes over of a configuration, and leaves out null as Docker writes it', () => {
  const rootfs = { type: 'layers', diff_ids: [] } as const;
  const config = (settings: unknown, history?: unknown) => checkedConfig({ ...AMD64, rootfs, config: settings, ...(history === undefined ? {} : { history }) } as never, 'base');
  expect(config({ Env: null, Labels: null, Volumes: null, OnBuild: ['RUN x'], Healthcheck: {} }, null)).toEqual({ ...AMD64, rootfs, config: {} });
  const wrong = (): unknown => config({ Env: ['A'], Labels: { a: 1 }, Volumes: ['/x'] }, [1]);
  expect(wrong).toThrow(expect.objectContaining({ code: 'ND-IMAGE-INVALID', parts: expect.objectContaining({ problems: expect.arrayContaining([expect.stringContaining('config.Env'), expect.stringContaining('history')]) }) }));
});
