/** Registries that are no real ones: each answer is the test's, so that what real ones seldom do can be done. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Readable } from 'node:stream';
import { digestOf } from '../digest.js';
import { MEDIA_TYPES, type Descriptor } from '../oci.js';
import { client, collect, smallImage, type SmallImage } from './live.spec-support.js';
import type { Registries } from './client.js';
import { LARGEST_MANIFEST } from './manifest.js';
import type { PushOptions } from './push.js';
import { parseReference, parseRepository } from './reference.js';

type Handler = (request: IncomingMessage, response: ServerResponse, path: string) => void;

const closing: (() => void)[] = [];
afterEach(() => closing.splice(0).forEach((close) => close()));

/** `host`: of a server that answers by `handle`, and 404 where it does nothing. `asked`: method and path of each request. */
async function odd(handle: Handler): Promise<{ readonly host: string; readonly asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    asked.push(`${request.method ?? ''} ${path}`);
    request.on('error', () => undefined);
    handle(request, response, path);
    request.resume();
    if (!response.headersSent) response.writeHead(404).end();
  });
  await new Promise<void>((ready) => { server.listen(0, '127.0.0.1', ready); });
  closing.push(() => { server.close(); server.closeAllConnections(); });
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

function registries(attempts = 2): Registries {
  const opened = client({}, { quiet: 2_000, attempts });
  closing.push(() => opened.close());
  return opened;
}
const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.manifest, config: { mediaType: MEDIA_TYPES.config, digest: digestOf('{}'), size: 2 }, layers: [] }));
const described: Descriptor = { mediaType: MEDIA_TYPES.manifest, digest: digestOf(manifest), size: manifest.length };
/** One tag with this manifest, and the headers of the test. */
const serves = (headers: Record<string, string>, body: Buffer = manifest): Handler => (request, response, path) => {
  if (path.includes('/manifests/')) response.writeHead(200, { 'content-length': body.length, ...headers }).end(request.method === 'HEAD' ? undefined : body);
};
const full = { 'content-type': MEDIA_TYPES.manifest, 'docker-content-digest': described.digest };

describe('a manifest', () => {
  it.each<[string, Record<string, string>]>([
    ['has all headers', full], ['has a type with parameters', { ...full, 'content-type': `${MEDIA_TYPES.manifest}; charset=utf-8` }], ['is a static file', { 'content-type': 'application/octet-stream' }],
    ['has no type', { 'docker-content-digest': described.digest }], ['has a digest that is none', { ...full, 'docker-content-digest': 'md5:x' }],
  ])('is resolved when it %s', async (_, headers) => {
    const { host } = await odd(serves(headers));
    const signal = AbortSignal.timeout(20_000);
    expect(await registries().resolve(parseReference(`${host}/a:1`), { signal })).toEqual(described);
    expect(await registries().manifest(parseReference(`${host}/a`), described, { signal })).toMatchObject({ descriptor: described });
  });

  it.each<[string, Record<string, string>, Buffer, string]>([
    ['is another than the digest that was asked for', { ...full, 'docker-content-digest': digestOf('x') }, manifest, 'ND-REGISTRY-DAMAGED'],
    ['is of no known type', { ...full, 'content-type': 'application/vnd.helm.chart+json' }, manifest, 'ND-IMAGE-UNSUPPORTED'],
    ['is no JSON and says nothing of its type', {}, Buffer.from('<html>'), 'ND-REGISTRY-DAMAGED'],
    ['is null', {}, Buffer.from('null'), 'ND-REGISTRY-DAMAGED'],
    ['is larger than any', full, Buffer.alloc(LARGEST_MANIFEST + 1, ' '), 'ND-REGISTRY-DAMAGED'],
  ])('is refused when it %s', async (_, headers, body, code) => {
    const { host } = await odd(serves(headers, body));
    await expect(registries().resolve(parseReference(`${host}/a@${described.digest}`)).then((found) => registries().manifest(parseReference(`${host}/a`), found))).rejects.toMatchObject({ code });
  });

  it('must be of the size and type that its descriptor says', async () => {
    const { host } = await odd(serves(full));
    for (const wrong of [{ size: 5 }, { mediaType: MEDIA_TYPES.index }]) {
      await expect(registries().manifest(parseReference(`${host}/a`), { ...described, ...wrong })).rejects.toMatchObject({ code: 'ND-REGISTRY-DAMAGED', parts: { why: expect.stringContaining('its size or type is another') } });
    }
  });
});

describe('a blob', () => {
  const content = Buffer.alloc(2_000, 'text');
  const blob: Descriptor = { mediaType: MEDIA_TYPES.layer, digest: digestOf(content), size: content.length };
  const read = async (handle: Handler, wanted = blob, signal?: AbortSignal): Promise<Buffer> => registries(3).blob(parseRepository(`${(await odd(handle)).host}/a`), wanted, collect, signal === undefined ? {} : { signal });
  const isBlob = (path: string): boolean => path.includes('/blobs/');

  it('that breaks after each byte comes whole, but not after a hundred breaks', async () => {
    const perConnection = (bytes: number): Handler => ({ headers: { range = '' } }, response, path) => {
      if (!isBlob(path)) return;
      const from = Number(/\d+/.exec(range)?.[0] ?? 0);
      response.writeHead(range === '' ? 200 : 206, { 'content-length': content.length - from, ...(range === '' ? {} : { 'content-range': `bytes ${from}-1999/2000` }) });
      response.write(content.subarray(from, from + bytes), () => { if (from + bytes < content.length) response.socket?.end(); else response.end(); });
    };
    expect((await read(perConnection(100))).equals(content)).toBe(true);
    await expect(read(perConnection(1))).rejects.toMatchObject({ code: 'ND-REGISTRY-UNREACHABLE' });
  });

  it('that goes on with another part is refused', async () => {
    const handle: Handler = ({ headers: { range } }, response, path) => {
      if (!isBlob(path)) return;
      if (range === undefined) response.writeHead(200, { 'content-length': 2_000 }).write(content.subarray(0, 10), () => response.socket?.end());
      else response.writeHead(206, { 'content-range': 'bytes 0-9/2000' }).end(content.subarray(0, 10));
    };
    await expect(read(handle)).rejects.toMatchObject({ code: 'ND-REGISTRY-DAMAGED', parts: { why: expect.stringContaining('another part') } });
  });

  it('that has more than its size is refused', async () => {
    const handle: Handler = (_, response, path) => { if (isBlob(path)) response.writeHead(200).write(content.subarray(0, 1_000), () => setTimeout(() => response.end(content.subarray(1_000)), 20)); };
    await expect(read(handle, { ...blob, size: 1_500 })).rejects.toMatchObject({ code: 'ND-REGISTRY-DAMAGED', parts: { why: 'it has more than 1500 bytes' } });
    await expect(read(handle, { ...blob, size: 1_000 })).rejects.toMatchObject({ code: 'ND-REGISTRY-DAMAGED', parts: { why: 'it has more than 1000 bytes' } });
  });

  it('is not waited for any more when the command is cancelled, nor is its failure taken for another', async () => {
    const stop = new AbortController();
    const handle: Handler = (_, response, path) => { if (isBlob(path)) { response.writeHead(200, { 'content-length': 2_000 }).write('x'); setTimeout(() => stop.abort(), 20); } };
    await expect(read(handle, blob, stop.signal)).rejects.toMatchObject({ code: 'ND-CANCELLED' });
    const { host } = await odd((_, response, path) => { if (isBlob(path)) response.writeHead(200).end(content); });
    const own = new Error('the disk is full');
    await expect(registries().blob(parseRepository(`${host}/a`), blob, (stream: Readable) => { stream.resume(); return Promise.reject(own); })).rejects.toBe(own);
  });
});

describe('an answer that leads elsewhere', () => {
  it.each<[string, string, number, string, RegExp]>([
    ['by a redirect that changes the method', 'POST', 303, '/elsewhere', /status 303 changes the method/],
    ['by a redirect without an end', 'HEAD', 302, '/again', /it led on more than 5 times/],
    ['by a redirect to no address', 'HEAD', 307, 'http://[', /its Location is no address/],
  ])('is not followed %s', async (_, method, status, location, why) => {
    const { host } = await odd((request, response, path) => { if (path !== '/v2/' && (request.method === method || path === location)) response.writeHead(status, { location }).end(); });
    await expect(registries().push(parseRepository(`${host}/a`), smallImage([10]), { tags: ['x'] })).rejects.toMatchObject({ code: 'ND-REGISTRY-REFUSED', parts: { why: expect.stringMatching(why) } });
  });

  it('of a token server is followed, without the password on another host', async () => {
    const seen: [string, boolean][] = [];
    const third = await odd((request, response, path) => { seen.push([path.split('?')[0] ?? '', request.headers.authorization !== undefined]); response.writeHead(200).end('{"access_token":"abc"}'); });
    const second = await odd((request, response, path) => { seen.push([path.split('?')[0] ?? '', request.headers.authorization !== undefined]); response.writeHead(302, { location: path.startsWith('/token') ? '/moved' : `http://${third.host}/far` }).end(); });
    const first = await odd((request, response, path) => {
      if (request.headers.authorization === 'Bearer abc') serves(full)(request, response, path);
      else if (path !== '/v2/') response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${second.host}/token",service="s",scope="repository:other:pull repository:a:pull"` }).end('x'.repeat(100_000));
    });
    expect(await registries().resolve(parseReference(`${first.host}/a:1`))).toEqual(described);
    expect(seen).toEqual([['/token', false], ['/moved', false], ['/far', false]]);
  });
});

describe('an upload', () => {
  /** Takes manifests and blobs; `own` answers first. */
  function taking(own: Handler): Promise<{ readonly host: string; readonly asked: string[] }> {
    const kept = new Map<string, string>();
    return odd((request, response, path) => {
      own(request, response, path);
      if (response.headersSent) return;
      const name = /(?:manifests\/|digest=)(.+)$/.exec(decodeURIComponent(path))?.[1] ?? /blobs\/(sha256:.+)$/.exec(path)?.[1] ?? '';
      if (request.method === 'HEAD') response.writeHead(kept.has(name) ? 200 : 404, path.includes('/manifests/') && kept.has(name) ? { 'docker-content-digest': kept.get(name) } : {}).end();
      else if (request.method === 'POST') response.writeHead(202, { location: '/upload?state=a%2Fb' }).end();
      else if (request.method === 'PUT') {
        response.writeContinue();
        const parts: Buffer[] = [];
        request.on('data', (part: Buffer) => parts.push(part)).on('end', () => {
          kept.set(name, digestOf(Buffer.concat(parts)));
          response.writeHead(201).end();
        });
        response.flushHeaders = () => undefined;
        Object.defineProperty(response, 'headersSent', { get: () => true });
      }
    });
  }
  const push = async (host: string, image: SmallImage, options: Partial<PushOptions> = {}): Promise<Readonly<Record<string, number>>> => (await registries(2).push(parseRepository(`${host}/a`), image, { tags: ['x'], ...options })).blobs;
  const begins = (path: string): boolean => path.includes('/blobs/uploads/');

  it('keeps what the registry wrote into the address, and adds the digest', async () => {
    const image = smallImage([10]);
    const { host, asked } = await taking(() => undefined);
    expect(await push(host, image)).toEqual({ present: 0, mounted: 0, uploaded: 2 });
    expect(asked).toContain(`PUT /upload?state=a%2Fb&digest=${encodeURIComponent(image.layers[0]!.digest)}`);
    expect(await push(host, image)).toEqual({ present: 2, mounted: 0, uploaded: 0 });
  });

  it.each<[string, Handler, RegExp]>([
    ['a blob of another size', (request, response, path) => { if (request.method === 'HEAD' && path.includes('/blobs/')) response.writeHead(200, { 'content-length': 99 }).end(); }, /instead of 10 bytes|instead of \d+ bytes/],
    ['a blob that was begun and is there at once, and is not', (request, response, path) => { if (request.method === 'POST' && begins(path)) response.writeHead(201).end(); }, /answered 201 to the beginning/],
    ['chunks of no size', (request, response, path) => { if (request.method === 'PUT' && path.startsWith('/upload') || request.method === 'PATCH') response.writeHead(413).end(); }, /refuses chunks of/],
  ])('ends for %s', async (_, own, why) => {
    const { host } = await taking(own);
    await expect(push(host, smallImage([10]))).rejects.toMatchObject({ code: 'ND-REGISTRY-REFUSED', parts: { why: expect.stringMatching(why) } });
  });

  it('is sent when the repository to mount from does not have it, and when it says that it has', async () => {
    const { host } = await taking((request, response, path) => {
      if (request.method !== 'POST' || !path.includes('mount=')) return;
      if (path.includes('from=gone')) response.writeHead(404).end('{"errors":[{"code":"NAME_UNKNOWN"}]}');
      else response.writeHead(201).end();
    });
    expect(await push(host, smallImage([10]), { mountFrom: () => 'gone' })).toEqual({ present: 0, mounted: 0, uploaded: 2 });
    expect(await push(host, smallImage([11]), { mountFrom: () => 'says/so' })).toEqual({ present: 0, mounted: 0, uploaded: 2 });
  });

  it('is not begun anywhere else when the registry fails to mount', async () => {
    const { host } = await taking((request, response, path) => { if (request.method === 'POST' && path.includes('mount=')) response.writeHead(500).end(); });
    await expect(push(host, smallImage([10]), { mountFrom: () => 'base' })).rejects.toMatchObject({ code: 'ND-REGISTRY-UNREACHABLE' });
  });

  it('is finished later when the registry does not see its blobs at once, and ends when it never does', async () => {
    let refusals = 1;
    const { host } = await taking((request, response, path) => {
      if (request.method !== 'PUT' || !path.includes('/manifests/') || (refusals -= 1) < 0) return;
      response.writeHead(400).end('{"errors":[{"code":"DIGEST_INVALID","message":"x"},{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown to registry"}]}');
    });
    expect(await push(host, smallImage([10]))).toMatchObject({ uploaded: 2 });
    refusals = 100;
    await expect(push(host, smallImage([11]))).rejects.toMatchObject({ code: 'ND-REGISTRY-REFUSED', parts: { why: expect.stringContaining('MANIFEST_BLOB_UNKNOWN') } });
  });

  it('is compared by its content where the registry tells no digest of a manifest, or knows no HEAD', async () => {
    for (const status of [200, 405]) {
      const image = smallImage([10]);
      const bodies = [...image.blobs.values()];
      let lie = false;
      const { host, asked } = await taking((request, response, path) => {
        if (!path.includes('/manifests/') || request.method === 'PUT') return;
        const name = path.split('/').at(-1) ?? '';
        const body = lie ? Buffer.from('{}') : bodies.find((each) => digestOf(each) === (name === 'x' ? image.root.digest : name)) ?? Buffer.alloc(0);
        response.writeHead(request.method === 'HEAD' ? status : 200).end(request.method === 'HEAD' ? undefined : body);
      });
      await push(host, image);
      // All of it is there by what the bodies are.
      expect(asked.filter((line) => /^PUT .*manifests/.test(line))).toEqual([]);
      lie = true;
      await expect(push(host, image)).rejects.toMatchObject({ code: 'ND-REGISTRY-REFUSED', parts: { what: 'the registry does not keep what was pushed' } });
    }
  });
});
