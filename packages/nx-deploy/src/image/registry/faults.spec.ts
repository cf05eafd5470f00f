/** Each failure of a registry, injected by a proxy before a real one: recovered, or one clear error and no tag. */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { faults, startFaultProxy, type Fault, type FaultProxy } from '../../../../../tools/images/fault-proxy.js';
import type { Registries } from './client.js';
import type { RegistryEvent } from './progress.js';
import { parseReference, parseRepository } from './reference.js';
import { base64, client, collect, contentsOf, describeWith, dockerConfig, readBack, smallImage, startRegistry, startTokenServer, status, temporaryFolder, type RealRegistry, type SmallImage, type TokenServer } from './live.spec-support.js';

const UPLOAD = /\/blobs\/uploads\/[^?]/;
const BEGIN = /\/blobs\/uploads\/(?:\?|$)/;
const BLOB = /\/blobs\/sha256/;
const opened: Registries[] = [];
const open = (...parameters: Parameters<typeof client>): Registries => {
  const registries = client(...parameters);
  opened.push(registries);
  return registries;
};
afterEach(() => opened.splice(0).forEach((registries) => registries.close()));

describeWith(['docker-registry', 'openssl'], 'a registry that fails', () => {
  let registry: RealRegistry;
  let proxy: FaultProxy;
  let image: SmallImage;
  let number = 0;
  let name: string;
  beforeAll(async () => {
    registry = await startRegistry();
    proxy = await startFaultProxy(`http://${registry.host}`);
  });
  beforeEach(() => {
    number += 1;
    name = `faults/n${number}`;
    image = smallImage([1_000, 3_000_000]);
  });
  afterEach(() => proxy.reset());
  afterAll(async () => {
    await proxy.close();
    await registry.stop();
  });

  const push = (registries: Registries, events: RegistryEvent[] = []) => registries.push(parseRepository(`${proxy.host}/${name}`), image, { tags: ['x'], onEvent: (event) => events.push(event) });
  const expectWhole = async (): Promise<void> => {
    expect(await status(registry.host, `${name}:x`)).toBe(200);
    expect(await readBack(open(), `${registry.host}/${name}:x`)).toEqual(contentsOf(image.blobs));
  };
  const expectNoTag = async (): Promise<void> => { expect(await status(registry.host, `${name}:x`)).toBe(404); };
  const again = (events: readonly RegistryEvent[]): number => events.filter(({ state }) => state === 'again').length;

  describe('while it is pushed to', () => {
    it.each<[string, string, RegExp, Fault]>([
      ['500 to a HEAD', 'HEAD', BLOB, faults.answer(500)],
      ['503 to the beginning of an upload', 'POST', BEGIN, faults.answer(503, { 'content-type': 'text/html' }, '<html>bad gateway</html>')],
      ['500 to the upload, its body unread', 'PUT', UPLOAD, faults.answer(500)],
      ['429 to the upload', 'PUT', UPLOAD, faults.answer(429, { 'retry-after': '0' })],
      ['a reset in mid-upload', 'PUT', UPLOAD, faults.cutRequest(100_000)],
      ['a reset before the upload', 'PUT', UPLOAD, faults.cutRequest(0)],
      ['a reset after the registry has it all', 'PUT', UPLOAD, faults.cutAnswer(0)],
      ['a forgotten upload', 'PUT', UPLOAD, faults.answer(404, {}, '{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}')],
      ['a digest that is wrong there', 'PUT', UPLOAD, faults.answer(400, {}, '{"errors":[{"code":"DIGEST_INVALID"}]}')],
      ['500 to a manifest', 'PUT', /\/manifests\/sha256/, faults.answer(500)],
      ['500 to the tag', 'PUT', /\/manifests\/x$/, faults.answer(500)],
      ['a reset at the tag', 'PUT', /\/manifests\/x$/, faults.cutRequest(1)],
    ])('sends the rest again after %s', async (_, method, path, fault) => {
      const events: RegistryEvent[] = [];
      proxy.inject({ method, path, times: 2, fault });
      await push(open(), events);
      await expectWhole();
      expect(again(events)).toBeGreaterThan(0);
    });

    it.each<[string, string, RegExp, Fault, object]>([
      ['500 for ever', 'PUT', UPLOAD, faults.answer(500), { code: 'ND-REGISTRY-UNREACHABLE', message: expect.stringContaining('it answered 500') }],
      ['resets for ever', 'PUT', UPLOAD, faults.cutRequest(1_000), { code: 'ND-REGISTRY-UNREACHABLE' }],
      ['403', 'POST', BEGIN, faults.answer(403, {}, '{"errors":[{"code":"DENIED","message":"read only"}]}'), { code: 'ND-REGISTRY-DENIED', message: expect.stringContaining('it answered 403: DENIED read only') }],
      ['a refused manifest', 'PUT', /\/manifests\/sha256/, faults.answer(400, {}, '{"errors":[{"code":"MANIFEST_INVALID","message":"no \\u001b[31m thanks"}]}'), { code: 'ND-REGISTRY-REFUSED', message: expect.stringContaining('MANIFEST_INVALID no \\u001b[31m thanks') }],
      ['a fixed tag', 'PUT', /\/manifests\/x$/, faults.answer(409, {}, 'tag exists'), { code: 'ND-REGISTRY-REFUSED', message: expect.stringContaining('409: tag exists') }],
      ['201 for a manifest that it drops', 'PUT', /\/manifests\/sha256/, faults.answer(201), { code: 'ND-REGISTRY-REFUSED', message: expect.stringContaining('does not keep what was pushed') }],
      ['201 for a tag that it drops', 'PUT', /\/manifests\/x$/, faults.answer(201), { code: 'ND-REGISTRY-REFUSED', message: expect.stringContaining('does not keep what was pushed') }],
      ['202 for a tag that it drops', 'PUT', /\/manifests\/x$/, faults.answer(202), { code: 'ND-REGISTRY-REFUSED', message: expect.stringContaining('does not keep what was pushed') }],
      ['202 for blobs that it drops', 'PUT', UPLOAD, faults.answer(202), { code: 'ND-REGISTRY-REFUSED', message: expect.stringContaining('it answered 202 and does not have') }],
      ['a beginning without an address', 'POST', BEGIN, faults.answer(202), { code: 'ND-REGISTRY-REFUSED', message: expect.stringContaining('no Location') }],
      ['an address with another protocol', 'POST', BEGIN, faults.answer(202, { location: 'file:///etc/passwd' }), { code: 'ND-REGISTRY-INSECURE' }],
      ['a plain address on another host', 'POST', BEGIN, faults.answer(202, { location: 'http://198.51.100.1/upload' }), { code: 'ND-REGISTRY-INSECURE' }],
    ])('ends with one error and no tag after %s', async (_, method, path, fault, error) => {
      proxy.inject({ method, path, times: 1_000, fault });
      await expect(push(open())).rejects.toMatchObject(error);
      await expectNoTag();
    });

    it('heeds Retry-After, and does not wait beyond its deadline', async () => {
      proxy.inject({ method: 'POST', path: BEGIN, times: 1, fault: faults.answer(429, { 'retry-after': '1' }) });
      const begun = performance.now();
      await push(open());
      expect(performance.now() - begun).toBeGreaterThanOrEqual(990);
      proxy.inject({ method: 'HEAD', path: BLOB, times: 1, fault: faults.answer(503, { 'retry-after': '3600' }) });
      await expect(push(open())).rejects.toMatchObject({ code: 'ND-REGISTRY-UNREACHABLE', parts: { next: expect.stringContaining('wait 3600 s') } });
    });

    it('gives up a registry that is silent after the upload, and finds what it has', async () => {
      proxy.inject({ method: 'PUT', path: UPLOAD, times: 1, fault: faults.silence() });
      await push(open({}, { quiet: 400 }));
      await expectWhole();
    });

    it('asks for what was answered by 202 instead of 201', async () => {
      for (const method of ['PUT', 'POST', 'PATCH']) proxy.inject({ method, path: /./, times: 1_000, fault: faults.status(201, 202) });
      const events: RegistryEvent[] = [];
      await push(open(), events);
      await expectWhole();
      expect(again(events)).toBe(0);
    });

    it('sends chunks when one piece is refused, smaller ones when they are, and goes on after a break', async () => {
      proxy.inject({ method: 'PUT', path: UPLOAD, times: 1_000, fault: (request, response, pass) => {
        if (Number(request.headers['content-length']) > 500_000) faults.answer(413)(request, response, pass);
        else pass();
      } });
      proxy.inject({ method: 'PATCH', path: UPLOAD, times: 1, after: 2, fault: faults.answer(500) });
      proxy.inject({ method: 'PATCH', path: UPLOAD, times: 1_000, fault: (request, response, pass) => {
        if (Number(request.headers['content-length']) > 800_000) faults.answer(413)(request, response, pass);
        else pass();
      } });
      const events: RegistryEvent[] = [];
      await open().push(parseRepository(`${proxy.host}/${name}`), image, { tags: ['x'], chunk: 1_000_000, onEvent: (event) => events.push(event) });
      await expectWhole();
      const patches = proxy.seen.filter(({ method }) => method === 'PATCH').map(({ headers }) => headers['content-range']);
      expect(patches.slice(0, 3)).toEqual(['0-999999', '0-499999', '500000-999999']);
      expect(again(events)).toBe(0);
    });
  });

  describe('while it is pulled from', () => {
    beforeEach(async () => {
      await push(open());
      proxy.reset();
    });
    const pull = (registries = open()): Promise<string[]> => readBack(registries, `${proxy.host}/${name}:x`);

    it.each<[string, RegExp, Fault]>([
      ['500 to a manifest', /manifests/, faults.answer(500)],
      ['a manifest that is cut', /manifests/, faults.cutAnswer(50)],
      ['a manifest that is shorter', /manifests/, faults.truncate(50)],
      ['a manifest with another content', /manifests/, faults.garble()],
      ['500 to a blob', BLOB, faults.answer(500)],
      ['a blob that is cut', BLOB, faults.cutAnswer(700)],
      ['a blob that is shorter', BLOB, faults.truncate(100)],
    ])('gets the right content after %s', async (_, path, fault) => {
      proxy.inject({ method: 'GET', path, times: 2, fault });
      expect(await pull()).toEqual(contentsOf(image.blobs));
    });

    it('gets the right content after one that was wrong, once', async () => {
      proxy.inject({ method: 'GET', path: BLOB, times: 1, fault: faults.garble() });
      expect(await pull()).toEqual(contentsOf(image.blobs));
    });

    it('asks for the rest of a blob that broke, each time from where it was', async () => {
      const layer = image.layers[1]!;
      proxy.inject({ method: 'GET', path: BLOB, times: 8, fault: faults.cutAnswer(200_000) });
      const content = await open().blob(parseRepository(`${proxy.host}/${name}`), layer, collect);
      expect(content.equals(image.blobs.get(layer.digest)!)).toBe(true);
      const ranges = proxy.seen.filter(({ method, path }) => method === 'GET' && path !== '/v2/').map(({ headers }) => headers.range);
      expect(ranges).toHaveLength(9);
      expect(ranges[0]).toBeUndefined();
      const starts = ranges.slice(1).map((range) => Number(/^bytes=(\d+)-2999999$/.exec(range ?? '')?.[1]));
      starts.forEach((start, index) => expect(start).toBeGreaterThan(starts[index - 1] ?? 0));
    });

    it('gets the right content of one that sends everything again', async () => {
      const layer = image.layers[1]!;
      proxy.inject({ method: 'GET', path: BLOB, times: 1, fault: faults.cutAnswer(200_000) });
      proxy.inject({ method: 'GET', path: BLOB, times: 10, fault: (request, _, pass) => {
        delete request.headers.range;
        pass();
      } });
      expect((await open().blob(parseRepository(`${proxy.host}/${name}`), layer, collect)).equals(image.blobs.get(layer.digest)!)).toBe(true);
      expect(proxy.seen.map(({ method }) => method).slice(1)).toEqual(['GET', 'GET']);
    });

    it.each<[string, Fault]>([['stops in the middle', faults.stall(500_000)], ['says nothing', faults.silence()], ['sends one byte now and then', faults.drip(50)]])('gives up one that %s, and tries again', async (_, fault) => {
      const layer = image.layers[1]!;
      // What dripped in is the beginning of something else: that attempt is wrong as a whole.
      proxy.inject({ method: 'GET', path: BLOB, times: 1, fault });
      const begun = performance.now();
      const content = await open({}, { quiet: 400 }).blob(parseRepository(`${proxy.host}/${name}`), layer, collect);
      expect(content.equals(image.blobs.get(layer.digest)!)).toBe(true);
      expect(performance.now() - begun).toBeGreaterThanOrEqual(390);
      expect(performance.now() - begun).toBeLessThan(10_000);
    });

    it.each<[string, RegExp, Fault, string]>([
      ['a blob that is always wrong', BLOB, faults.garble(), 'ND-REGISTRY-DAMAGED'],
      ['a manifest that is always wrong', /manifests/, faults.garble(), 'ND-REGISTRY-DAMAGED'],
      ['a blob that always ends early', BLOB, faults.truncate(0), 'ND-REGISTRY-UNREACHABLE'],
      ['redirects in a circle', BLOB, faults.redirect(307, (path) => path), 'ND-REGISTRY-REFUSED'],
      ['a redirect to plain http elsewhere', BLOB, faults.redirect(307, () => 'http://198.51.100.1/blob'), 'ND-REGISTRY-INSECURE'],
      ['schema 1', /manifests/, faults.answer(200, { 'content-type': 'application/vnd.docker.distribution.manifest.v1+prettyjws' }, '{"schemaVersion":1}'), 'ND-IMAGE-UNSUPPORTED'],
    ])('ends with one error after %s', async (_, path, fault, code) => {
      proxy.inject({ method: 'GET', path, times: 1_000, fault });
      const expected = code === 'ND-IMAGE-UNSUPPORTED' ? open().manifest(parseReference(`${proxy.host}/${name}:x`)) : pull();
      await expect(expected).rejects.toMatchObject({ code });
    });

    it('never ends a stream whose content is wrong', async () => {
      proxy.inject({ method: 'GET', path: BLOB, times: 1_000, fault: faults.garble() });
      const content = open().openBlob(parseRepository(`${proxy.host}/${name}`), image.layers[1]!);
      let ended = false;
      content.on('end', () => { ended = true; });
      await expect(collect(content)).rejects.toMatchObject({ code: 'ND-REGISTRY-DAMAGED' });
      expect(ended).toBe(false);
    });

    it('does not believe a digest in a header that the body has not', async () => {
      const lie = `sha256:${'0'.repeat(64)}`;
      for (const method of ['HEAD', 'GET']) proxy.inject({ method, path: /manifests\/x/, times: 1_000, fault: (_request, _response, pass) => pass({ headers: (headers) => ({ ...headers, 'docker-content-digest': lie }) }) });
      await expect(open().manifest(parseReference(`${proxy.host}/${name}:x`))).rejects.toMatchObject({ code: 'ND-REGISTRY-DAMAGED' });
      await expect(pull()).rejects.toMatchObject({ code: 'ND-REGISTRY-NOT-FOUND' });
    });

    it('reads the manifest when the registry knows no HEAD', async () => {
      proxy.inject({ method: 'HEAD', path: /manifests/, times: 1_000, fault: faults.answer(405) });
      expect(await open().resolve(parseReference(`${proxy.host}/${name}:x`))).toEqual(image.root);
    });
  });
});

describeWith(['docker-registry', 'openssl'], 'credentials at a registry that fails', () => {
  let registry: RealRegistry;
  let proxy: FaultProxy;
  let tokens: TokenServer;
  let other: { readonly host: string; readonly seen: IncomingHttpHeaders[]; close(): void };
  beforeAll(async () => {
    tokens = await startTokenServer(temporaryFolder('tokens'));
    registry = await startRegistry(tokens.auth);
    proxy = await startFaultProxy(`http://${registry.host}`);
    other = await startOther();
  });
  afterEach(() => proxy.reset());
  afterAll(async () => {
    other.close();
    await proxy.close();
    await registry.stop();
    await tokens.stop();
  });
  const loggedIn = (): Registries => open(dockerConfig(temporaryFolder('docker'), { auths: { [proxy.host]: { auth: base64('user:secret') }, [registry.host]: { auth: base64('user:secret') } } }));

  it('are renewed when a 401 comes in mid-push, and the body is sent anew', async () => {
    const image = smallImage([1_000, 3_000_000]);
    const realm = /realm: (\S+)/.exec(tokens.auth)?.[1] ?? '';
    let refused = 0;
    proxy.inject({ method: 'PUT', path: UPLOAD, times: 1_000, fault: (request, response, pass) => {
      if (request.headers['content-length'] !== '3000000' || refused === 2) {
        pass();
        return;
      }
      refused += 1;
      request.once('data', () => faults.answer(401, { 'www-authenticate': `Bearer realm="${realm}",service="registry",scope="repository:team/mid:pull,push"`, connection: 'close' })(request, response, pass));
    } });
    tokens.asked.length = 0;
    await loggedIn().push(parseRepository(`${proxy.host}/team/mid`), image, { tags: ['x'] });
    expect(refused).toBe(2);
    expect(tokens.asked.length).toBe(3);
    expect(await readBack(loggedIn(), `${proxy.host}/team/mid:x`)).toEqual(contentsOf(image.blobs));
  });

  it('do not go along when a blob lies on another host', async () => {
    const image = smallImage([1_000]);
    await loggedIn().push(parseRepository(`${proxy.host}/team/away`), image, { tags: ['x'] });
    proxy.reset();
    proxy.inject({ method: 'GET', path: BLOB, times: 1_000, fault: (request, response, pass) => {
      if (request.headers.authorization === undefined) pass();
      else faults.redirect(307, () => `http://${other.host}/blob?signature=1`)(request, response, pass);
    } });
    const layer = image.layers[0]!;
    other.seen.length = 0;
    await expect(loggedIn().blob(parseRepository(`${proxy.host}/team/away`), layer, collect)).rejects.toMatchObject({ code: 'ND-REGISTRY-UNREACHABLE' });
    expect(other.seen.length).toBeGreaterThan(0);
    expect(other.seen.filter((headers) => headers.authorization !== undefined)).toEqual([]);
    expect(proxy.seen.some(({ headers }) => headers.authorization?.startsWith('Bearer ') === true)).toBe(true);
  });

  it('do not go along when an upload is sent to another host', async () => {
    proxy.inject({ method: 'POST', path: BEGIN, times: 1_000, fault: (_request, _response, pass) => pass({ headers: (headers) => ({ ...headers, location: `http://${other.host}/upload` }) }) });
    other.seen.length = 0;
    await expect(loggedIn().push(parseRepository(`${proxy.host}/team/other`), smallImage([1_000]), { tags: ['x'] })).rejects.toMatchObject({ code: 'ND-REGISTRY-UNREACHABLE' });
    expect(other.seen.length).toBeGreaterThan(0);
    expect(other.seen.filter((headers) => headers.authorization !== undefined)).toEqual([]);
  });

  it('do not go to a token server over plain http on another host', async () => {
    proxy.inject({ method: 'HEAD', path: /./, times: 1_000, fault: faults.answer(401, { 'www-authenticate': 'Bearer realm="http://198.51.100.1/token",service="x"' }) });
    await expect(loggedIn().resolve(parseReference(`${proxy.host}/team/away:x`))).rejects.toMatchObject({ code: 'ND-REGISTRY-INSECURE' });
  });

  it('are not asked for without end', async () => {
    proxy.inject({ method: 'HEAD', path: /./, times: 1_000, fault: faults.answer(401) });
    await expect(loggedIn().resolve(parseReference(`${proxy.host}/team/away:x`))).rejects.toMatchObject({ code: 'ND-REGISTRY-DENIED' });
    expect(proxy.seen.length).toBeLessThan(6);
  });
});

/** Another host that writes down what comes to it and knows nothing. */
async function startOther(): Promise<{ host: string; seen: IncomingHttpHeaders[]; close(): void }> {
  const seen: IncomingHttpHeaders[] = [];
  const server = createServer((request, response) => {
    seen.push(request.headers);
    request.resume();
    response.writeHead(503).end();
  });
  await new Promise<void>((ready) => { server.listen(0, '127.0.0.1', ready); });
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, seen, close: () => { server.close(); server.closeAllConnections(); } };
}
