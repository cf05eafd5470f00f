/** A registry on loopback with a handful of packages, and a workspace that needs them: enough to see which of them an install takes. */
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { writeLayer } from '../../layer/index.js';

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly libc?: readonly string[];
}

export interface TestRegistry {
  readonly url: string;
  /** Paths of the tarballs that were asked for. */
  readonly served: string[];
  close(): Promise<void>;
}

/** Stands for the registry's address in lock files that are kept. */
export const PLACEHOLDER = 'http://registry.test/';
const CPUS = ['x64', 'arm64'] as const;

/** Of `inner` two versions, of `native` a part for each machine, and a development tool with a package of its own. */
const PACKAGES: readonly Manifest[] = [
  { name: 'plain', version: '1.2.0', dependencies: { inner: '^1.0.0' }, optionalDependencies: Object.fromEntries(CPUS.map((cpu) => [`native-${cpu}`, '1.0.0'])) },
  { name: 'inner', version: '1.0.5' },
  { name: 'inner', version: '2.0.1' },
  ...CPUS.map((cpu) => ({ name: `native-${cpu}`, version: '1.0.0', os: ['linux'], cpu: [cpu] })),
  { name: '@scope/util', version: '3.0.0', dependencies: { inner: '^2.0.0' } },
  { name: 'plugin', version: '1.0.0', peerDependencies: { plain: '^1.0.0' } },
  { name: 'only-web', version: '1.0.0', dependencies: { 'below-web': '*' } },
  { name: 'below-web', version: '1.0.0' },
  { name: 'tool', version: '1.0.0', dependencies: { 'below-tool': '1.0.0' } },
  { name: 'below-tool', version: '1.0.0' },
];

/** How a manager writes a workspace: the range of a package of its own, and whether Nx can prune a package under another name (of pnpm it cannot). */
export interface Dialect {
  readonly own: '*' | 'workspace:*';
  readonly alias: boolean;
}

/** The manifests of a workspace with two services and a library. */
export function manifests({ own, alias }: Dialect): Record<string, string> {
  const all = {
    'package.json': { name: 'shop', version: '0.0.0', private: true, workspaces: ['apps/*', 'libs/*'], devDependencies: { tool: '1.0.0' } },
    'apps/api/package.json': { name: 'api', version: '7.0.0', dependencies: { '@ws/lib': own, plain: '^1.0.0', plugin: '1.0.0', ...(alias ? { second: 'npm:inner@2.0.1' } : {}) }, devDependencies: { tool: '1.0.0' } },
    'apps/web/package.json': { name: 'web', version: '1.0.0', dependencies: { '@ws/lib': own, 'only-web': '1.0.0', inner: '^2.0.0' } },
    'libs/lib/package.json': { name: '@ws/lib', version: '1.0.0', main: 'index.js', dependencies: { '@scope/util': '^3.0.0' } },
  };
  return Object.fromEntries(Object.entries(all).map(([path, manifest]) => [path, `${JSON.stringify(manifest, undefined, 2)}\n`]));
}

/** Of the service `api`: what production needs, and nothing else. The library is none of the registry's. */
export const CLOSURE = ['@scope/util@3.0.0', 'inner@1.0.5', 'inner@2.0.1', 'native-<cpu>@1.0.0', 'plain@1.2.0', 'plugin@1.0.0'] as const;

export async function startTestRegistry(): Promise<TestRegistry> {
  const tarballs = new Map<string, Buffer>();
  for (const manifest of PACKAGES) tarballs.set(tarballPath(manifest), await tarballOf(manifest));
  const served: string[] = [];
  const server = createServer((request, answer) => {
    const path = decodeURIComponent((request.url ?? '/').slice(1).replace(/\?.*/, ''));
    const tarball = tarballs.get(path);
    if (tarball !== undefined) served.push(path);
    const body = tarball ?? packument(path, `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, tarballs);
    answer.writeHead(body === undefined ? 404 : 200).end(body);
  });
  await new Promise<void>((done) => { server.listen(0, '127.0.0.1', done); });
  return {
    served, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

function tarballPath({ name, version }: Manifest): string {
  return `${name}/-/${name.replace(/^.*\//, '')}-${version}.tgz`;
}

/** The same bytes on every machine, as the lock files that are kept hold their digests: nothing is compressed. */
async function tarballOf(manifest: Manifest): Promise<Buffer> {
  const files = { 'package.json': JSON.stringify(manifest), 'index.js': `module.exports = ${JSON.stringify(`${manifest.name}@${manifest.version}`)};\n` };
  const chunks: Uint8Array[] = [];
  const entries = Object.entries(files).map(([path, text]) => ({ path: `package/${path}`, type: 'file' as const, mode: 0o644, source: Buffer.from(text) }));
  await writeLayer(entries, (chunk) => void chunks.push(Buffer.from(chunk)), { mtime: 1, level: 0 });
  return Buffer.concat(chunks);
}

/** What a registry says about a package (npm registry API, "Package Metadata"); undefined for one that it does not have. */
function packument(name: string, url: string, tarballs: ReadonlyMap<string, Buffer>): string | undefined {
  const found = PACKAGES.filter((one) => one.name === name);
  const last = found.at(-1);
  if (last === undefined) return undefined;
  const versions = found.map((one) => {
    const tarball = tarballs.get(tarballPath(one)) ?? Buffer.alloc(0);
    const dist = { tarball: `${url}${tarballPath(one)}`, integrity: `sha512-${createHash('sha512').update(tarball).digest('base64')}`, shasum: createHash('sha1').update(tarball).digest('hex') };
    return [one.version, { ...one, dist }] as const;
  });
  const time = Object.fromEntries(['created', 'modified', ...found.map(({ version }) => version)].map((key) => [key, '2020-01-01T00:00:00.000Z']));
  return JSON.stringify({ name, 'dist-tags': { latest: last.version }, versions: Object.fromEntries(versions), time });
}
