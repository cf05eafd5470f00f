/** A real registry for specs, images to push to it, and a token server. */
import { execFileSync } from 'node:child_process';
import { createPrivateKey, randomBytes, sign, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { startRegistry as start, type LocalRegistry } from '../../../../../tools/images/registry.js';
import { temporaryFolder as forWholeFile } from '../../shell/programs.spec-support.js';
import { digestOf } from '../digest.js';
import { MEDIA_TYPES, type Descriptor, type Digest } from '../oci.js';
import { openRegistries, type Registries } from './client.js';
import { parseReference } from './reference.js';
import type { PushSource } from './push.js';

export { describeWith } from '../../../../../tools/images/needs.spec-support.js';
export type { LocalRegistry as RealRegistry };

const everything = forWholeFile('registries');

/** May be called anywhere; removed after the specs of the file. */
export function temporaryFolder(name: string): string {
  return mkdtempSync(join(everything, `${name}-`));
}

/** @param auth lines of its configuration file below `auth:` */
export function startRegistry(auth?: string, folder: string = temporaryFolder('registry')): Promise<LocalRegistry> {
  return start(folder, auth);
}

export interface SmallImage extends PushSource {
  readonly blobs: ReadonlyMap<Digest, Buffer>;
  readonly layers: readonly Descriptor[];
}

/** An index of one manifest with layers of random bytes of these sizes. */
export function smallImage(sizes: readonly number[] = [1_000, 300_000]): SmallImage {
  const blobs = new Map<Digest, Buffer>();
  const add = (body: Buffer, mediaType: string): Descriptor => {
    const digest = digestOf(body);
    blobs.set(digest, body);
    return { mediaType, digest, size: body.length };
  };
  const json = (value: unknown, mediaType: string): Descriptor => add(Buffer.from(JSON.stringify(value)), mediaType);
  const layers = sizes.map((size) => add(randomBytes(size), MEDIA_TYPES.layer));
  const config = json({ os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) } }, MEDIA_TYPES.config);
  const manifest = json({ schemaVersion: 2, mediaType: MEDIA_TYPES.manifest, config, layers }, MEDIA_TYPES.manifest);
  const root = json({ schemaVersion: 2, mediaType: MEDIA_TYPES.index, manifests: [{ ...manifest, platform: { os: 'linux', architecture: 'amd64' } }] }, MEDIA_TYPES.index);
  const bytes = ({ digest }: Descriptor): Buffer => blobs.get(digest)!;
  return {
    root, layers, blobs,
    manifest: async (descriptor) => bytes(descriptor),
    async *open(descriptor, start, end) {
      for (let at = start; at < end; at += 65_536) yield bytes(descriptor).subarray(at, Math.min(end, at + 65_536));
    },
  };
}

/** With short pauses, and no credentials but those in `env`. */
export function client(env: NodeJS.ProcessEnv = {}, options: { quiet?: number; attempts?: number; plainHttp?: string[] } = {}): Registries {
  const { quiet = 5_000, attempts = 4, plainHttp = [] } = options;
  const registries = openRegistries({ env, quiet, plainHttp, retry: { pause: 20, longestPause: 100, attempts } });
  return registries;
}

/** What {@link readBack} gives for the same content: digests of the bytes themselves. jest takes seconds to compare long buffers. */
export function contentsOf(blobs: ReadonlyMap<Digest, Buffer>): string[] {
  return [...blobs].map(([name, body]) => `${name} has ${body.length} bytes with ${digestOf(body)}`).sort();
}

/** The whole content of a reference, read through the client. */
export async function readBack(registries: Registries, text: string): Promise<string[]> {
  const reference = parseReference(text);
  const found = new Map<Digest, Buffer>();
  const visit = async (expected: Descriptor): Promise<void> => {
    const pulled = await registries.manifest(reference, expected);
    found.set(pulled.descriptor.digest, pulled.body);
    if (pulled.kind === 'index') for (const child of pulled.index.manifests) await visit(child);
    else for (const blob of [pulled.manifest.config, ...pulled.manifest.layers]) found.set(blob.digest, await registries.blob(reference, blob, collect));
  };
  await visit(await registries.resolve(reference));
  return contentsOf(found);
}

export async function collect(content: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Is there such a tag, or digest? Asked without our client. */
export async function status(host: string, text: string, kind: 'manifests' | 'blobs' = 'manifests'): Promise<number> {
  const { name, tag, digest } = parseReference(`${host}/${text}`);
  const answer = await fetch(`http://${host}/v2/${name}/${kind}/${digest ?? tag ?? 'latest'}`, { method: 'HEAD', headers: { accept: Object.values(MEDIA_TYPES).join(', ') } });
  return answer.status;
}

export function errorText(error: unknown): string {
  return error instanceof Error ? `${JSON.stringify(error)} ${error.message} ${String((error as { cause?: unknown }).cause)}` : String(error);
}

/** An unencrypted key and a certificate signed by itself. */
export function makeCertificate(folder: string, host = 'localhost'): { key: string; certificate: string } {
  const key = join(folder, 'key.pem');
  const certificate = join(folder, 'certificate.pem');
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', `/CN=${host}`,
    '-addext', `subjectAltName=DNS:${host},IP:127.0.0.1`, '-keyout', key, '-out', certificate], { stdio: 'ignore' });
  return { key, certificate };
}

export interface TokenServer {
  /** For {@link startRegistry}. */
  readonly auth: string;
  readonly asked: { readonly url: string; readonly method: string; readonly authorization: string | undefined; readonly body: string; readonly scopes: readonly string[] }[];
  /** Seconds that its tokens live, as they say themselves and as the answer says. */
  life: { real: number; said: number };
  allows: (ask: TokenServer['asked'][number]) => boolean;
  stop(): Promise<void>;
}

async function read(request: IncomingMessage): Promise<string> {
  return (await collect(request as AsyncIterable<Buffer>)).toString();
}

/** Signs what the registry's `token` authentication wants: a JWT with the certificate in its header. */
export async function startTokenServer(folder: string): Promise<TokenServer> {
  const { key, certificate } = makeCertificate(folder);
  const privateKey = createPrivateKey(readFileSync(key));
  const x5c = [new X509Certificate(readFileSync(certificate)).raw.toString('base64')];
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const jwt = (scopes: readonly string[]): string => {
    const now = Math.floor(Date.now() / 1_000);
    const access = scopes.map((scope) => scope.split(':')).map(([type, name, actions]) => ({ type, name, actions: actions?.split(',') }));
    const text = `${encode({ typ: 'JWT', alg: 'ES256', x5c })}.${encode({ iss: 'spec', sub: 'user', aud: 'registry', exp: now + server.life.real, nbf: now - 5, iat: now, jti: randomBytes(8).toString('hex'), access })}`;
    return `${text}.${sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
  };
  const http = createServer((request, response) => {
    void (async () => {
      const { url = '', method = '', headers: { authorization } } = request;
      const body = await read(request);
      const parameters = method === 'POST' ? new URLSearchParams(body) : new URL(url, 'http://x').searchParams;
      const ask = { url, method, authorization, body, scopes: parameters.getAll('scope').flatMap((scope) => scope.split(' ')) };
      server.asked.push(ask);
      const allowed = server.allows(ask);
      response.writeHead(allowed ? 200 : 401, { 'content-type': 'application/json' });
      response.end(JSON.stringify(allowed ? { token: jwt(ask.scopes), expires_in: server.life.said } : { details: 'incorrect username or password' }));
    })();
  });
  await new Promise<void>((ready) => { http.listen(0, '127.0.0.1', ready); });
  const { port } = http.address() as AddressInfo;
  const server: TokenServer = {
    auth: ['  token:', `    realm: http://127.0.0.1:${port}/token`, '    service: registry', '    issuer: spec', `    rootcertbundle: ${certificate}`].join('\n'),
    asked: [], life: { real: 300, said: 300 }, allows: () => true,
    stop: () => new Promise((done) => { http.close(() => done()); http.closeAllConnections(); }),
  };
  return server;
}

/** A folder for DOCKER_CONFIG. */
export function dockerConfig(folder: string, value: unknown): NodeJS.ProcessEnv {
  writeFileSync(join(folder, 'config.json'), JSON.stringify(value));
  return { DOCKER_CONFIG: folder, PATH: process.env['PATH'] };
}

export const base64 = (text: string): string => Buffer.from(text).toString('base64');

