/** TLS and proxies, in a process of their own where Node reads the trusted authorities only at its start. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, request as httpRequest, type Server } from 'node:http';
import { createServer } from 'node:https';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { bundle, node } from '../../shell/programs.spec-support.js';
import { parseReference } from './reference.js';
import { base64, client, describeWith, errorText, makeCertificate, startRegistry, temporaryFolder, type RealRegistry } from './live.spec-support.js';

interface Running { readonly port: number; close(): void }

async function listening(server: Server | ReturnType<typeof createServer>): Promise<Running> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket.on('close', () => sockets.delete(socket))));
  await new Promise<void>((ready) => { server.listen(0, '127.0.0.1', ready); });
  return { port: (server.address() as AddressInfo).port, close: () => { server.close(); sockets.forEach((socket) => socket.destroy()); } };
}

/** TLS before a real registry. */
function secured(folder: string, registry: RealRegistry): Promise<Running> {
  const { key, certificate } = makeCertificate(folder, 'registry.spec');
  return listening(createServer({ key: readFileSync(key), cert: readFileSync(certificate) }, (request, response) => {
    const onward = httpRequest(`http://${registry.host}${request.url ?? ''}`, { method: request.method, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    request.pipe(onward);
  }));
}

/** A proxy that knows every host as this machine. */
async function startProxy(target: number, credentials?: string): Promise<Running & { readonly asked: string[] }> {
  const asked: string[] = [];
  const server = createHttpServer((request, response) => { asked.push(request.url ?? ''); response.writeHead(403).end(); });
  server.on('connect', (request, socket: Socket) => {
    asked.push(request.url ?? '');
    if (credentials !== undefined && request.headers['proxy-authorization'] !== `Basic ${base64(credentials)}`) {
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n');
      return;
    }
    const onward = connect(target, '127.0.0.1', () => { socket.write('HTTP/1.1 200 OK\r\n\r\n'); onward.pipe(socket).pipe(onward); });
    for (const end of [socket, onward]) end.on('error', () => { socket.destroy(); onward.destroy(); });
  });
  return { ...(await listening(server)), asked };
}

const PROGRAM = `
import { openRegistries } from './image/registry/client.js';
import { parseReference, parseRepository } from './image/registry/reference.js';
import { digestOf } from './image/digest.js';
async function main(): Promise<void> {
  const registries = openRegistries({ env: process.env, quiet: 5000, retry: { attempts: 2, pause: 10 } });
  const config = Buffer.from('{}');
  const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json', config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf(config), size: config.length }, layers: [] }));
  const root = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: digestOf(manifest), size: manifest.length };
  const name = process.argv[2] ?? '';
  try {
    await registries.push(parseRepository(name), { root, manifest: async () => manifest, async *open() { yield config; } }, { tags: ['x'] });
    console.log((await registries.resolve(parseReference(name + ':x'))).digest === root.digest ? 'pushed and found' : 'found another');
  } catch (error) {
    console.log(JSON.stringify(error));
  }
}
void main();
`;

describeWith(['docker-registry', 'openssl'], 'a registry with TLS', () => {
  let registry: RealRegistry;
  let secure: Running;
  let program: string;
  const folder = temporaryFolder('tls');
  const run = async (name: string, env: Record<string, string> = {}): Promise<string> => (await node([program, name], { HOME: folder, ...env }).output).trim();
  const trusted = { NODE_EXTRA_CA_CERTS: join(folder, 'certificate.pem') };
  beforeAll(async () => {
    registry = await startRegistry();
    secure = await secured(folder, registry);
    program = bundle(PROGRAM, join(folder, 'program.cjs'));
  });
  afterAll(async () => {
    secure.close();
    await registry.stop();
  });

  it('is not trusted without its authority, and the way out is named', async () => {
    const registries = client();
    const error: unknown = await registries.resolve(parseReference(`127.0.0.1:${secure.port}/a:x`)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'ND-REGISTRY-UNREACHABLE', message: expect.stringContaining('its certificate is signed by itself'), parts: { next: expect.stringContaining('NODE_EXTRA_CA_CERTS') } });
    registries.close();
  });

  it('is spoken to by https on loopback, too', async () => {
    expect(await run(`127.0.0.1:${secure.port}/team/tls`, trusted)).toBe('pushed and found');
  });

  it('is told when its certificate is for another host', async () => {
    expect(await run(`localhost:${secure.port}/team/tls`, trusted)).toMatch(/ND-REGISTRY-UNREACHABLE.*another host name/);
  });

  it('is reached through a proxy that wants a password', async () => {
    const proxy = await startProxy(secure.port, 'me:p@ss');
    expect(await run('registry.spec/team/proxied', { ...trusted, HTTPS_PROXY: `http://me:p%40ss@127.0.0.1:${proxy.port}` })).toBe('pushed and found');
    expect(new Set(proxy.asked)).toEqual(new Set(['registry.spec:443']));
    const wrong = await run('registry.spec/team/proxied', { ...trusted, HTTPS_PROXY: `http://me:very-wrong@127.0.0.1:${proxy.port}` });
    expect(wrong).toMatch(/ND-REGISTRY-UNREACHABLE.*asks for a user and password/);
    expect(wrong).not.toContain('very-wrong');
    proxy.close();
  });

  it('is not looked for without the proxy that is not there', async () => {
    expect(await run('registry.spec/team/proxied', { ...trusted, HTTPS_PROXY: 'http://127.0.0.1:1' })).toMatch(/ND-REGISTRY-UNREACHABLE.*ECONNREFUSED/);
  });
});

describe('addresses where nothing is', () => {
  const failure = async (name: string, env: NodeJS.ProcessEnv = {}): Promise<unknown> => {
    const registries = client(env, { attempts: 2, plainHttp: ['plain.spec'] });
    return registries.resolve(parseReference(name)).then(() => undefined, (thrown: unknown) => thrown).finally(() => registries.close());
  };

  it.each([
    ['127.0.0.1:1/a', /ECONNREFUSED/, 'ND-REGISTRY-UNREACHABLE'],
    ['nowhere.invalid/a', /there is no such host|EAI_AGAIN/, 'ND-REGISTRY-UNREACHABLE'],
  ])('%s', async (name, why, code) => {
    const error = await failure(name);
    expect(error).toMatchObject({ code });
    expect(errorText(error)).toMatch(why);
  });

  it('never get a plain request, unless they are loopback or named', async () => {
    const asked: string[] = [];
    const proxy = await listening(createHttpServer((request, response) => { asked.push(request.url ?? ''); response.writeHead(404).end(); })
      .on('connect', (_, socket: Socket) => socket.end('HTTP/1.1 200 OK\r\n\r\nthis is not TLS')));
    const env = { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`, HTTP_PROXY: `http://127.0.0.1:${proxy.port}` };
    expect(await failure('unnamed.spec/a:x', env)).toMatchObject({ code: 'ND-REGISTRY-UNREACHABLE' });
    expect(asked).toEqual([]);
    expect(await failure('plain.spec/a:x', env)).toMatchObject({ code: 'ND-REGISTRY-NOT-FOUND' });
    expect(asked).toEqual(['http://plain.spec/v2/a/manifests/x']);
    proxy.close();
  });

  it('get no password of a damaged file in an error', async () => {
    const folder = temporaryFolder('docker');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'config.json'), 'very-secret');
    const server = await listening(createHttpServer((_, response) => response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()));
    const error = await failure(`127.0.0.1:${server.port}/a`, { DOCKER_CONFIG: folder });
    expect(error).toMatchObject({ code: 'ND-REGISTRY-CREDENTIALS' });
    expect(errorText(error)).not.toContain('very-secret');
    server.close();
  });
});
