/** Clients that are not installed everywhere, as programs that say what those say: buildx with a builder of its own, podman. What they build comes from this source. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DockerfileImage } from '../../../config/resolved.js';
import { temporaryFolder } from '../../../shell/programs.spec-support.js';
import { openBlobs } from '../../blobs/index.js';
import type { Build, BuildEvent } from '../../builder.js';
import { storeTar, writeTar, type Entry } from '../../layer/index.js';
import { blobFile, stableJson, writeLayout } from '../../layout/index.js';
import { openRegistries } from '../../registry/index.js';
import { buildDockerfile } from './build.js';

const ROOT = temporaryFolder('builders');
const SERVER = { Version: '28.0.0', ApiVersion: '1.48', Os: 'linux', Arch: 'amd64' };
const answer = (client: object, server: object | null): string => JSON.stringify({ Client: client, Server: server });

/** A script: `case` patterns over all arguments, and what is done then. Each call is written down. */
function standIn(program: string, cases: Readonly<Record<string, string>>): { readonly path: string; readonly calls: () => string } {
  const folder = mkdtempSync(join(ROOT, 'bin-'));
  const log = join(folder, 'calls');
  writeFileSync(join(folder, program), [
    '#!/bin/sh', `echo "$*" >> '${log}'`, 'for a; do case "$a" in --iidfile=*) id="${a#*=}";; --output=type=oci,dest=*) out="${a#*dest=}";; --output=*) out="${a#*=}";; esac; done', 'case "$*" in',
    ...Object.entries(cases).map(([pattern, action]) => `${pattern}) ${action};;`), '*) echo "unknown: $*" >&2; exit 9;;', 'esac', '',
  ].join('\n'));
  chmodSync(join(folder, program), 0o755);
  return { path: `${folder}:/usr/bin:/bin`, calls: () => readFileSync(log, 'utf8') };
}

function image(changes: Partial<DockerfileImage> = {}): DockerfileImage {
  const context = mkdtempSync(join(ROOT, 'context-'));
  writeFileSync(join(context, 'Dockerfile'), 'FROM scratch\n');
  return {
    type: 'image', builder: 'docker', engine: 'docker', platforms: ['linux/amd64'], labels: {}, push: [], plainHttp: [], dockerfile: join(context, 'Dockerfile'), context, args: {}, secrets: [], cacheFrom: [], cacheTo: [],
    ...changes,
  };
}

async function build(options: DockerfileImage, path: string, events: BuildEvent[] = []): Promise<Build> {
  const registries = openRegistries({ env: {} });
  return buildDockerfile(options, {
    workspaceRoot: ROOT, projectRoot: '.', projectName: 'a', registries, store: openBlobs(mkdtempSync(join(ROOT, 'store-'))), variables: { PATH: path, HOME: ROOT }, onEvent: (event) => void events.push(event),
  }).finally(() => registries.close());
}
const failure = (options: DockerfileImage, path: string): Promise<string> => build(options, path).then(() => 'no error', (error: unknown) => JSON.stringify(error));

/** An archive in the form of podman and docker, and one in that of buildx, whose layer is compressed. */
async function archives(): Promise<{ readonly docker: string; readonly oci: string; readonly diffId: string }> {
  const folder = mkdtempSync(join(ROOT, 'image-'));
  const store = openBlobs(join(folder, 'store'));
  const tar = async (entries: readonly Entry[]): Promise<Buffer> => {
    const parts: Buffer[] = [];
    await writeTar(entries, (chunk) => void parts.push(Buffer.from(chunk)), 1);
    return Buffer.concat(parts);
  };
  const file = (path: string, source: Uint8Array): Entry => ({ path, type: 'file', mode: 0o644, source });
  const content = await tar([file('a', Buffer.from('content'))]);
  const layer = await storeTar(store, [content]);
  const config = { os: 'linux', architecture: 'amd64', rootfs: { type: 'layers' as const, diff_ids: [layer.diffId] }, created: '2026-01-01T00:00:00Z', history: [{ created_by: 'COPY a /' }] };
  const layout = join(folder, 'layout');
  const { manifests: [manifest] } = await writeLayout(layout, [{ config, layers: [layer] }], { store });
  const blobs = [manifest!.digest, layer.digest, JSON.parse(readFileSync(blobFile(layout, manifest!.digest), 'utf8')).config.digest as typeof layer.digest];
  const index = readFileSync(join(layout, 'index.json'));
  mkdirSync(join(folder, 'out'));
  writeFileSync(join(folder, 'out/oci.tar'), await tar([file('index.json', index), ...blobs.map((digest) => file(`blobs/sha256/${digest.slice(7)}`, readFileSync(blobFile(layout, digest))))]));
  writeFileSync(join(folder, 'out/docker.tar'), await tar([
    file('manifest.json', Buffer.from('[{"Config":"c.json","RepoTags":null,"Layers":["l/layer.tar"]}]')), file('c.json', stableJson(config)), file('m/layer.tar', content), { path: 'l/layer.tar', type: 'symlink', target: '../m/layer.tar' },
  ]));
  return { docker: join(folder, 'out/docker.tar'), oci: join(folder, 'out/oci.tar'), diffId: layer.diffId };
}

describe('ways of building', () => {
  const id = `sha256:${'ab'.repeat(32)}`;

  it('takes the archive that a builder of buildx writes by itself', async () => {
    const { oci, diffId } = await archives();
    const { path, calls } = standIn('docker', {
      'version*': `echo '${answer({ Version: '28.0.0' }, SERVER)}'`, "'buildx version'": 'echo v0.24', "'buildx inspect'": 'echo "Name: ci"; echo "Driver:  docker-container"', "'buildx build'*": `cp '${oci}' "$out"`,
    });
    const { images } = await build(image({ cacheTo: ['type=local,dest=/c'] }), path);
    expect(images[0]).toMatchObject({ platform: { os: 'linux', architecture: 'amd64' }, layers: [{ kind: 'dockerfile', diffId, reason: 'COPY a /' }] });
    expect(calls()).not.toContain('save');
  });

  it('asks the engine for what buildx or podman left there, and follows the links in it', async () => {
    const { docker, diffId } = await archives();
    const clients: [DockerfileImage['engine'], Record<string, string>][] = [
      ['docker', { 'version*': `echo '${answer({ Version: '28.0.0' }, SERVER)}'`, "'buildx version'": 'echo v0.24', "'buildx inspect'": 'echo "Driver: docker"', "'buildx build'*": `echo ${id} > "$id"`, 'save*': `cp '${docker}' "$out"` }],
      ['podman', { 'version*': 'printf \'{\\n"Client": {\\n"Version": "4.9.3",\\n"OsArch": "linux/amd64"\\n}\\n}\\n\'', 'build*': `echo ${id} > "$id"`, 'save*': `cp '${docker}' "$out"` }],
    ];
    const built = await Promise.all(clients.map(async ([engine, cases]) => (await build(image({ engine }), standIn(engine, cases).path)).images));
    expect(built[0]).toMatchObject([{ layers: [{ diffId }] }]);
    expect(built[1]).toEqual(built[0]);
  });

  it('says that a newer client without buildx leaves the classic builder', async () => {
    const { docker } = await archives();
    const { path } = standIn('docker', { 'version*': `echo '${answer({ Version: '28.0.0' }, SERVER)}'`, 'build\\ *': `echo ${id} > "$id"`, 'save*': `cp '${docker}' "$out"` });
    const events: BuildEvent[] = [];
    expect((await build(image(), path, events)).warnings).toEqual([expect.stringContaining('no buildx')]);
    expect(await failure(image({ platforms: ['linux/arm64'] }), path)).toContain('ND-ENGINE-UNSUPPORTED');
  });

  it.each([
    ['an engine that is too old', 'docker', `echo '${answer({ Version: '20.10.0' }, { ...SERVER, Version: '18.06.1', ApiVersion: '1.38' })}'`, 'ND-ENGINE-UNSUPPORTED.*older than 18.09'],
    ['an engine for Windows', 'docker', `echo '${answer({ Version: '20.10.0' }, { ...SERVER, Os: 'windows' })}'`, 'ND-ENGINE-UNSUPPORTED.*windows'],
    ['an engine that does not let this user', 'docker', `echo '${answer({ Version: '20.10.0' }, null)}'; echo 'Got permission denied while trying to connect' >&2; exit 1`, 'ND-ENGINE-UNREACHABLE.*group'],
    ['an old podman', 'podman', 'echo \'{"Client":{"Version":"3.4.4","OsArch":"linux/amd64"}}\'', 'ND-ENGINE-UNSUPPORTED.*older than 4'],
    ['a podman that fails', 'podman', 'echo "cannot re-exec" >&2; exit 125', 'ND-ENGINE-UNREACHABLE.*re-exec'],
    ['an answer that is none', 'docker', 'echo hello', 'ND-ENGINE-UNREACHABLE'],
  ] as const)('refuses %s', async (_, engine, version, expected) => {
    expect(await failure(image({ engine }), standIn(engine, { 'version*': version }).path)).toMatch(new RegExp(expected));
  });
});
