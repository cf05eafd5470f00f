import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startFaultProxy, type FaultProxy } from '../../../../../tools/images/fault-proxy.js';
import type { Registries } from './client.js';
import type { RegistryEvent } from './progress.js';
import { parseReference, parseRepository } from './reference.js';
import { base64, client, collect, contentsOf, describeWith, dockerConfig, errorText, readBack, smallImage, startRegistry, startTokenServer, status, temporaryFolder, type RealRegistry, type SmallImage, type TokenServer } from './live.spec-support.js';

const opened: Registries[] = [];
const open = (...parameters: Parameters<typeof client>): Registries => {
  const registries = client(...parameters);
  opened.push(registries);
  return registries;
};
afterEach(() => opened.splice(0).forEach((registries) => registries.close()));

describeWith(['docker-registry'], 'a registry without a login', () => {
  let registry: RealRegistry;
  let proxy: FaultProxy;
  beforeAll(async () => {
    registry = await startRegistry();
    proxy = await startFaultProxy(`http://${registry.host}`);
  });
  afterEach(() => proxy.reset());
  afterAll(async () => {
    await proxy.close();
    await registry.stop();
  });

  it('gives back byte by byte what was pushed under several tags', async () => {
    const registries = open();
    const image = smallImage([0, 1, 300_000, 3_000_000]);
    const events: RegistryEvent[] = [];
    const result = await registries.push(parseRepository(`${registry.host}/team/api`), image, { tags: ['1.2.0', 'latest', '1.2.0'], onEvent: (event) => events.push(event) });
    expect(result).toEqual({ digest: image.root.digest, tags: ['1.2.0', 'latest'], blobs: { present: 0, mounted: 0, uploaded: 5 }, bytes: [...image.layers].reduce((sum, { size }) => sum + size, 0) + image.blobs.get([...image.blobs.keys()][4]!)!.length });
    expect(await readBack(registries, `${registry.host}/team/api:1.2.0`)).toEqual(contentsOf(image.blobs));
    expect(await readBack(registries, `${registry.host}/team/api@${image.root.digest}`)).toEqual(contentsOf(image.blobs));
    expect(events.filter(({ state }) => state === 'tagged')).toEqual(['1.2.0', 'latest'].map((tag) => ({ type: 'push', state: 'tagged', digest: image.root.digest, tag })));
    const last = image.layers[3]!;
    const steps = events.flatMap((event) => (event.state === 'bytes' && event.digest === last.digest ? [event.bytes] : []));
    expect(steps.length).toBeGreaterThan(10);
    expect(steps).toEqual([...steps].sort((a, b) => a - b));
    expect(steps.at(-1)).toBe(last.size);
  });

  it('is asked one HEAD for each blob, manifest and tag that is there, and nothing else', async () => {
    const image = smallImage();
    const repository = parseRepository(`${proxy.host}/team/again`);
    await open().push(repository, image, { tags: ['one'] });
    proxy.reset();
    const result = await open().push(repository, image, { tags: ['one'] });
    expect(result.blobs).toEqual({ present: 3, mounted: 0, uploaded: 0 });
    // The first tells whether it speaks TLS.
    expect(proxy.seen.map(({ method }) => method)).toEqual(['GET', ...Array<string>(6).fill('HEAD')]);
  });

  it('is asked once for what it lacks, and again once it was sent', async () => {
    const image = smallImage();
    proxy.reset();
    await open().push(parseRepository(`${proxy.host}/team/new`), image, { tags: ['one'] });
    const manifests = proxy.seen.filter(({ path }) => path.includes('/manifests/')).map(({ method, path }) => `${method} ${path.split('/').at(-1)}`);
    // What has a tag is found by its digest, too.
    const inner = [...image.blobs.keys()].at(-2) ?? '';
    for (const [to, methods] of [[inner, 'HEAD PUT HEAD'], ['one', 'HEAD PUT HEAD'], [image.root.digest, 'HEAD HEAD']] as const) {
      expect(manifests.flatMap((line) => (line.endsWith(` ${to}`) ? [line.split(' ')[0]] : [])).join(' ')).toBe(methods);
    }
  });

  it('gets its tag although somebody else moves it while blobs are sent', async () => {
    const repository = parseRepository(`${registry.host}/team/moved`);
    const [other, image] = [smallImage([10]), smallImage([20])];
    for (const each of [other, image]) await open().push(repository, each, { tags: ['x'] });
    // The tag is right when the push begins, and one layer is gone.
    rmSync(join(registry.folder, 'storage/docker/registry/v2/repositories/team/moved/_layers/sha256', image.layers[0]!.digest.slice('sha256:'.length)), { recursive: true });
    const content: SmallImage['open'] = async function* (...parts) {
      await open().push(repository, other, { tags: ['x'] });
      yield* await image.open(...parts);
    };
    const result = await open().push(repository, { ...image, open: content }, { tags: ['x'] });
    expect(result.blobs).toEqual({ present: 1, mounted: 0, uploaded: 1 });
    expect(await readBack(open(), `${registry.host}/team/moved:x`)).toEqual(contentsOf(image.blobs));
  });

  it('mounts what another repository has, and sends what it has not', async () => {
    const base = smallImage([50_000]);
    await open().push(parseRepository(`${proxy.host}/base/node`), base, { tags: [] });
    const image = smallImage([1_000]);
    const both = { ...image, root: base.root, manifest: base.manifest, open: base.open };
    proxy.reset();
    const result = await open().push(parseRepository(`${proxy.host}/team/mounted`), both, { tags: ['x'], mountFrom: () => 'base/node' });
    expect(result.blobs).toEqual({ present: 0, mounted: 2, uploaded: 0 });
    expect(proxy.seen.filter(({ method }) => ['PUT', 'PATCH'].includes(method)).every(({ path }) => path.includes('/manifests/'))).toBe(true);
    const other = await open().push(parseRepository(`${proxy.host}/team/mounted`), image, { tags: ['y'], mountFrom: () => 'base/node' });
    expect(other.blobs).toEqual({ present: 0, mounted: 0, uploaded: 2 });
    expect(await readBack(open(), `${proxy.host}/team/mounted:y`)).toEqual(contentsOf(image.blobs));
  });

  it('resolves a tag by one HEAD to what the body is', async () => {
    const image = smallImage();
    await open().push(parseRepository(`${proxy.host}/team/resolve`), image, { tags: ['latest'] });
    proxy.reset();
    expect(await open().resolve(parseReference(`${proxy.host}/team/resolve`))).toEqual(image.root);
    expect(proxy.seen.map(({ method, path }) => `${method} ${path}`)).toEqual(['GET /v2/', 'HEAD /v2/team/resolve/manifests/latest']);
  });

  it('says what is not there', async () => {
    const registries = open();
    const error = { code: 'ND-REGISTRY-NOT-FOUND' };
    await expect(registries.resolve(parseReference(`${registry.host}/team/none:1`))).rejects.toMatchObject(error);
    const blob = { ...smallImage().root };
    await expect(registries.blob(parseRepository(`${registry.host}/team/none`), blob, collect)).rejects.toMatchObject(error);
  });

  it('takes the same image from several at once', async () => {
    const image = smallImage([2_000_000, 100]);
    await Promise.all(['a', 'b', 'c', 'd'].map((tag) => open().push(parseRepository(`${registry.host}/team/race`), image, { tags: [tag] })));
    for (const tag of ['a', 'b', 'c', 'd']) expect(await readBack(open(), `${registry.host}/team/race:${tag}`)).toEqual(contentsOf(image.blobs));
  });

  it('has no tag and no manifest of a push that was cancelled', async () => {
    const image = smallImage([500_000, 600_000]);
    const stop = new AbortController();
    const push = open().push(parseRepository(`${registry.host}/team/cancelled`), image, {
      tags: ['x'], parallel: 1, signal: stop.signal, onEvent: (event) => { if (event.state === 'bytes' && event.digest === image.layers[1]!.digest) stop.abort(); },
    });
    await expect(push).rejects.toMatchObject({ code: 'ND-CANCELLED' });
    expect(await status(registry.host, 'team/cancelled:x')).toBe(404);
    expect(await status(registry.host, `team/cancelled@${image.root.digest}`)).toBe(404);
    const again = await open().push(parseRepository(`${registry.host}/team/cancelled`), image, { tags: ['x'] });
    expect(again.blobs).toEqual({ present: 1, mounted: 0, uploaded: 2 });
  });

  it('never gets a blob that changed after the build', async () => {
    const image = smallImage([200_000]);
    const changed = { ...image, open: (descriptor: typeof image.root, start: number, end: number) => image.open({ ...descriptor, digest: image.root.digest }, start, end) };
    await expect(open().push(parseRepository(`${registry.host}/team/changed`), changed, { tags: ['x'] })).rejects.toMatchObject({ code: 'ND-REGISTRY-DAMAGED', parts: { next: 'build the image again' } });
    const other = { ...image, open: async function* (descriptor: typeof image.root) { yield Buffer.alloc(descriptor.size, 1); } };
    await expect(open().push(parseRepository(`${registry.host}/team/changed`), other, { tags: ['x'] })).rejects.toMatchObject({ code: 'ND-REGISTRY-DAMAGED', message: expect.stringContaining('is not that of sha256:') });
    expect(await status(registry.host, 'team/changed:x')).toBe(404);
  });

  it('refuses a wrong tag and a damaged manifest before anything is sent', async () => {
    const image = smallImage();
    proxy.reset();
    const repository = parseRepository(`${proxy.host}/team/refused`);
    await expect(open().push(repository, image, { tags: ['no tag'] })).rejects.toMatchObject({ code: 'ND-IMAGE-REFERENCE' });
    await expect(open().push(repository, { ...image, manifest: async () => Buffer.from('{}') }, { tags: [] })).rejects.toMatchObject({ code: 'ND-REGISTRY-DAMAGED' });
    expect(proxy.seen).toEqual([]);
  });

  describeWith(['skopeo'], 'with skopeo', () => {
    it('shows it the same digest', async () => {
      const image = smallImage();
      await open().push(parseRepository(`${registry.host}/team/skopeo`), image, { tags: ['x'] });
      const raw = execFileSync('skopeo', ['inspect', '--raw', '--tls-verify=false', `docker://${registry.host}/team/skopeo:x`]);
      expect(raw).toEqual(image.blobs.get(image.root.digest));
    });
  });
});

describeWith(['docker-registry', 'htpasswd'], 'a registry with user and password', () => {
  let registry: RealRegistry;
  const secret = 'p:ss w0rd-of-the-spec';
  beforeAll(async () => {
    const folder = temporaryFolder('htpasswd');
    const file = join(folder, 'htpasswd');
    writeFileSync(file, execFileSync('htpasswd', ['-Bbn', 'user', secret]));
    registry = await startRegistry(`  htpasswd:\n    realm: spec\n    path: ${file}`);
  });
  afterAll(() => registry.stop());

  it('is used with the stored ones', async () => {
    const registries = open(dockerConfig(temporaryFolder('docker'), { auths: { [registry.host]: { auth: base64(`user:${secret}`) } } }));
    const image = smallImage();
    await registries.push(parseRepository(`${registry.host}/team/api`), image, { tags: ['x'] });
    expect(await readBack(registries, `${registry.host}/team/api:x`)).toEqual(contentsOf(image.blobs));
  });

  it.each([
    ['wrong', { auth: base64('user:another-secret') }, /wrong/],
    ['missing', {}, /wants a user and password, and there are none/],
    ['of another kind', { identitytoken: 'another-secret' }, /only an identity token/],
  ])('denies when they are %s, without a word of them', async (_, entry, why) => {
    const registries = open(dockerConfig(temporaryFolder('docker'), { auths: { [registry.host]: entry } }));
    const error: unknown = await registries.resolve(parseReference(`${registry.host}/team/api:x`)).then(() => undefined, (thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'ND-REGISTRY-DENIED', message: expect.stringMatching(why) });
    expect(errorText(error)).not.toContain('another-secret');
    expect(errorText(error)).not.toContain(base64('user:another-secret'));
  });
});

describeWith(['docker-registry', 'openssl'], 'a registry with a token server', () => {
  let registry: RealRegistry;
  let proxy: FaultProxy;
  let tokens: TokenServer;
  beforeAll(async () => {
    tokens = await startTokenServer(temporaryFolder('tokens'));
    registry = await startRegistry(tokens.auth);
    proxy = await startFaultProxy(`http://${registry.host}`);
  });
  beforeEach(() => {
    tokens.asked.length = 0;
    tokens.life = { real: 300, said: 300 };
    tokens.allows = () => true;
    proxy.reset();
  });
  afterAll(async () => {
    await proxy.close();
    await registry.stop();
    await tokens.stop();
  });
  const login = (entry: object): NodeJS.ProcessEnv => dockerConfig(temporaryFolder('docker'), { auths: { [proxy.host]: entry } });

  it('gives one token for a whole push, and one for a pull', async () => {
    const image = smallImage();
    tokens.allows = ({ authorization }) => authorization === `Basic ${base64('user:secret')}`;
    const registries = open(login({ auth: base64('user:secret') }));
    await registries.push(parseRepository(`${proxy.host}/team/api`), image, { tags: ['x'] });
    expect(tokens.asked.map(({ scopes }) => scopes)).toEqual([['repository:team/api:pull,push']]);
    expect(await readBack(registries, `${proxy.host}/team/api:x`)).toEqual(contentsOf(image.blobs));
    expect(tokens.asked.map(({ scopes }) => scopes)).toEqual([['repository:team/api:pull,push'], ['repository:team/api:pull']]);
    expect(tokens.asked[0]?.url).toContain('service=registry');
  });

  it('gives another one when the first ends in the middle of a push', async () => {
    const image = smallImage([400_000, 500_000, 600_000]);
    // The registry allows a minute for clocks that differ.
    tokens.life = { real: -58, said: 300 };
    const registries = open(login({ auth: base64('user:secret') }));
    await registries.push(parseRepository(`${proxy.host}/team/short`), image, {
      tags: ['x'], parallel: 1, onEvent: ({ state }) => { if (state === 'done') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_100); },
    });
    expect(tokens.asked.length).toBeGreaterThan(1);
    tokens.life = { real: 300, said: 300 };
    expect(await readBack(registries, `${proxy.host}/team/short:x`)).toEqual(contentsOf(image.blobs));
  });

  it('is asked again when its tokens say that they end', async () => {
    tokens.life = { real: 300, said: 0.2 };
    const registries = open(login({ auth: base64('user:secret') }));
    await registries.push(parseRepository(`${proxy.host}/team/aged`), smallImage([10]), { tags: ['x'] });
    await new Promise((wake) => setTimeout(wake, 150));
    proxy.reset();
    await registries.resolve(parseReference(`${proxy.host}/team/aged:x`));
    await new Promise((wake) => setTimeout(wake, 150));
    await registries.resolve(parseReference(`${proxy.host}/team/aged:x`));
    expect(tokens.asked.length).toBeGreaterThanOrEqual(3);
    expect(proxy.seen).toHaveLength(2);
  });

  it('takes an identity token in a form, not in an address', async () => {
    tokens.allows = ({ method, body }) => method === 'POST' && new URLSearchParams(body).get('refresh_token') === 'identity-secret';
    const registries = open(login({ identitytoken: 'identity-secret' }));
    await registries.push(parseRepository(`${proxy.host}/team/identity`), smallImage(), { tags: ['x'] });
    expect(tokens.asked.map(({ url }) => url)).toEqual(['/token']);
  });

  it('asks for both repositories to mount, and goes without when the other may not be read', async () => {
    const base = smallImage([50_000]);
    const registries = open(login({ auth: base64('user:secret') }));
    await registries.push(parseRepository(`${proxy.host}/base/node`), base, { tags: [] });
    const mounted = await registries.push(parseRepository(`${proxy.host}/team/m1`), base, { tags: ['x'], mountFrom: () => 'base/node' });
    expect(mounted.blobs.mounted).toBe(2);
    tokens.allows = ({ scopes }) => !scopes.includes('repository:base/node:pull');
    const sent = await open(login({ auth: base64('user:secret') })).push(parseRepository(`${proxy.host}/team/m2`), base, { tags: ['x'], mountFrom: () => 'base/node' });
    expect(sent.blobs.uploaded).toBe(2);
  });

  it('denies in its own words, without the secret', async () => {
    tokens.allows = () => false;
    const error: unknown = await open(login({ auth: base64('user:very-secret') })).resolve(parseReference(`${proxy.host}/team/api:x`)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'ND-REGISTRY-DENIED', message: expect.stringContaining('incorrect username or password') });
    expect(errorText(error)).not.toMatch(/very-secret|dXNlcjp/);
  });

  it('is not believed for ever: a token that the registry refuses ends as one clear error', async () => {
    tokens.life = { real: -1_000, said: 300 };
    const error: unknown = await open(login({ auth: base64('user:secret') })).resolve(parseReference(`${proxy.host}/team/api:x`)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'ND-REGISTRY-DENIED' });
    expect(tokens.asked.length).toBeLessThanOrEqual(3);
  });
});
