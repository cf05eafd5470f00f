/** A small Node image made of this machine's own programs: reproducible, needs neither an engine nor a network. */
import { execFileSync } from 'node:child_process';
import { createReadStream, existsSync, readFileSync, realpathSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openBlobs, type BlobStore } from 'nx-deploy/dist/image/blobs/index.js';
import { END, header } from 'nx-deploy/dist/image/layer/header.js';
import { storeLayer, storeTar, type Entry } from 'nx-deploy/dist/image/layer/index.js';
import { blobFile, readLayout, writeDockerArchive, writeLayout, type Layout } from 'nx-deploy/dist/image/layout/index.js';
import type { Descriptor } from 'nx-deploy/dist/image/oci.js';
import { openRegistries, parseReference, type PushSource } from 'nx-deploy/dist/image/registry/index.js';
import { find } from '../bench/programs.js';

export interface BaseImage {
  /** Whole: every layer is in its folder. */
  readonly layout: Layout;
  readonly store: BlobStore;
}

const MTIME = 1;
/** busybox is one program with many names. */
const APPLETS = ['sh', 'cat', 'chmod', 'chown', 'cp', 'date', 'echo', 'env', 'false', 'grep', 'head', 'id', 'ls', 'mkdir', 'mv', 'printf', 'rm', 'sed', 'sleep', 'tail', 'test', 'touch', 'tr', 'true', 'wc', 'wget'];
const PASSWD = 'root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n';
const GROUP = 'root:x:0:\nnode:x:1000:\nnogroup:x:65534:\n';
const AUTHORITIES = '/etc/ssl/certs/ca-certificates.crt';
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/** This machine's, as images name it. */
export const OWN_PLATFORM = `linux/${ARCHITECTURES[process.arch] ?? process.arch}`;

/**
 * Writes `<folder>/layout`, or reads it where it was made before; nothing outside `folder` is kept.
 * `platforms`: images of other platforms have this machine's files all the same, enough for what only handles them.
 */
export function makeBaseImage(folder: string, platforms: readonly string[] = [OWN_PLATFORM]): Promise<BaseImage> {
  return makeImage(folder, platforms, entries, { Env: ['PATH=/usr/local/bin:/usr/bin:/bin', `NODE_VERSION=${process.versions.node}`], Cmd: ['node'] });
}

/** The same of any programs; `config` is the image's, as the specification has it. */
export async function makeImage(folder: string, platforms: readonly string[], files: () => Entry[], config: Readonly<Record<string, unknown>>): Promise<BaseImage> {
  const store = openBlobs(join(folder, 'blobs'));
  const target = join(folder, 'layout');
  if (!existsSync(join(target, 'index.json'))) {
    // Not compressed: the image is made often and sent nowhere far. Several processes with one folder make it once.
    const layers = [await storeTar(store, [writableFolders()]), await store.once('programs', () => storeLayer(store, files(), { mtime: MTIME, level: 0 }))];
    await writeLayout(target, platforms.map((platform) => {
      const [os = '', architecture = '', variant] = platform.split('/');
      return {
        config: {
          os, architecture, ...(variant === undefined ? {} : { variant }),
          config,
          rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
          // podman builds on no image without.
          history: layers.map(() => ({ created_by: 'programs of this machine' })),
        },
        layers,
      };
    }), { store });
  }
  return { layout: await readLayout(target), store };
}

/** @param name repository and tag: `library/node:22-slim` */
export async function pushBase({ layout }: BaseImage, host: string, name: string): Promise<string> {
  const reference = parseReference(`${host}/${name}`);
  const registries = openRegistries({ env: {} });
  try {
    const { digest } = await registries.push(reference, sourceOf(layout), { tags: [reference.tag ?? 'latest'] });
    return digest;
  } finally {
    registries.close();
  }
}

/** The archive that `docker load` takes on its standard input. */
export async function baseArchive({ layout, store }: BaseImage, tag: string): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  const [os = '', architecture = ''] = OWN_PLATFORM.split('/');
  await writeDockerArchive(layout, store, { platform: { os, architecture }, tags: [tag] }, (chunk) => void parts.push(Buffer.from(chunk)));
  return Buffer.concat(parts);
}

function sourceOf(layout: Layout): PushSource {
  const [root] = layout.roots;
  if (root === undefined) throw new Error(`no image in ${layout.folder}`);
  const file = ({ digest }: Descriptor): string => blobFile(layout.folder, digest);
  return { root, manifest: (descriptor) => readFile(file(descriptor)), open: (descriptor, start, end) => createReadStream(file(descriptor), { start, end: end - 1 }) };
}

/** The product gives every folder one mode; these two are for everybody. */
function writableFolders(): Buffer {
  const folders = ['home', 'home/node', 'tmp'].map((path) => header({ path, type: 'directory', mode: path === 'home' ? 0o755 : 0o1777, size: 0 }, MTIME));
  return Buffer.concat([...folders, END]);
}

function entries(): Entry[] {
  return programEntries([{ path: 'usr/local/bin/node', source: process.execPath }], APPLETS);
}

/** Programs of this machine with their libraries, a shell with `applets` where there is busybox, and what names users and authorities. */
export function programEntries(wanted: readonly { readonly path: string; readonly source: string }[], applets: readonly string[]): Entry[] {
  const busybox = find('busybox');
  const shell = busybox ?? find('dash');
  const programs = [...wanted, ...(shell === undefined ? [] : [{ path: busybox === undefined ? 'bin/sh' : 'bin/busybox', source: shell }])];
  const libraries = [...new Set(programs.flatMap(({ source }) => linked(source)))];
  const texts: [string, string | Uint8Array][] = [['etc/passwd', PASSWD], ['etc/group', GROUP], ...(existsSync(AUTHORITIES) ? [['etc/ssl/certs/ca-certificates.crt', readFileSync(AUTHORITIES)] as [string, Uint8Array]] : [])];
  return [
    ...programs.map(({ path, source }): Entry => ({ path, type: 'file', mode: 0o755, source: realpathSync(source) })),
    ...libraries.map((file): Entry => ({ path: file.slice(1), type: 'file', mode: 0o755, source: realpathSync(file) })),
    ...(busybox === undefined ? [] : applets.map((name): Entry => ({ path: `bin/${name}`, type: 'symlink', target: 'busybox' }))),
    ...texts.map(([path, text]): Entry => ({ path, type: 'file', mode: 0o644, source: typeof text === 'string' ? Buffer.from(text) : text })),
  ];
}

/** Absolute paths of the loader and the libraries of a program; none for a static one. */
function linked(program: string): string[] {
  try {
    return execFileSync('ldd', [realpathSync(program)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).split('\n').flatMap((line) => /(?:^|=>)\s*(\/\S+)\s+\(0x/.exec(line)?.[1] ?? []);
  } catch {
    return [];
  }
}
