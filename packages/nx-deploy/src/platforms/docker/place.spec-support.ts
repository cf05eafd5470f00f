/** An engine of its own, with images of fixture services, and the docker platform on it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { baseArchive } from '../../../../../tools/images/base-image.js';
import { baseImageForTests } from '../../../../../tools/images/base-image.spec-support.js';
import { dockerClient } from '../../../../../tools/images/client.js';
import { startEngine, type Engine } from '../../../../../tools/images/engine.js';
import { makeHaproxyImage } from '../../../../../tools/images/haproxy-image.js';
import type { ImageRef, RunSpec } from '../../model/index.js';
import type { Harness, ServiceOrder, ServiceUnderTest } from '../contract/harness.js';
import { orderedService, specOf } from '../contract/service.js';
import { CONTAINER_DEFAULTS } from './arguments.js';
import { openDocker, type DockerPlace, type DockerSession, type DockerTarget } from './index.js';

const FIXTURES = join(__dirname, '../../../../../e2e/fixtures/services');
export const ROUTER_IMAGE = 'haproxy:spec';
const BASE = 'node:spec';
const PORT = 3_000;

export class DockerWorld implements Harness {
  readonly sealed = /\/config\/[0-9a-f]+\.json$/;
  private readonly images = new Map<string, Promise<ImageRef>>();
  private readonly sessions = new Map<string, DockerSession>();

  private constructor(readonly folder: string, readonly engine: Engine, readonly variables: NodeJS.ProcessEnv, private readonly isOwnDisk: boolean, private readonly program: DockerPlace['program'] = 'docker') {}

  /** The same with podman, which keeps all that it has in the folder. */
  static async openPodman(): Promise<DockerWorld> {
    const folder = mkdtempSync(join(tmpdir(), 'nxd-'));
    const variables = { PATH: process.env['PATH'], HOME: folder, CONTAINERS_CONF: join(folder, 'containers.conf'), CONTAINERS_STORAGE_CONF: join(folder, 'storage.conf') };
    const ask = (args: readonly string[]): void => { execFileSync('podman', [...args], { env: variables, stdio: 'pipe' }); };
    // Its own limits and runtime want more than every machine gives: a right to raise limits, control groups of one kind.
    writeFileSync(variables.CONTAINERS_CONF, `[containers]\ndefault_ulimits = ["nofile=4096:4096", "nproc=8192:8192"]\n[network]\nnetwork_config_dir = "${folder}/networks"\n[engine]\nruntime = "runc"\n`);
    writeFileSync(variables.CONTAINERS_STORAGE_CONF, `[storage]\ndriver = "overlay"\ngraphroot = "${folder}/graph"\nrunroot = "${folder}/run"\n`);
    const stop = (): Promise<void> => {
      ask(['rm', '--all', '--force', '--time=0']);
      ask(['network', 'prune', '--force']);
      return Promise.resolve();
    };
    return DockerWorld.filled(new DockerWorld(folder, { host: 'podman', stop }, variables, false, 'podman'));
  }

  /** Takes some seconds: an engine is started, and the images of router and Node are loaded. `disk`: how much there is room for on its disk, as `mount` has it (`800m`). */
  static async open({ disk }: { readonly disk?: string } = {}): Promise<DockerWorld> {
    const folder = mkdtempSync(join(tmpdir(), 'nxd-'));
    if (disk !== undefined) execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${disk}`, 'tmpfs', folder]);
    const engine = await startEngine(join(folder, 'e'));
    const world = new DockerWorld(folder, engine, { ...process.env, DOCKER_HOST: engine.host, DOCKER_CONTEXT: undefined, DOCKER_CONFIG: folder, HOME: folder }, disk !== undefined);
    return DockerWorld.filled(world);
  }

  private static async filled(world: DockerWorld): Promise<DockerWorld> {
    try {
      const { base, remove } = await baseImageForTests();
      world.docker(['load'], await baseArchive(base, BASE));
      remove();
      world.docker(['load'], await baseArchive(await makeHaproxyImage(join(world.folder, 'haproxy')), ROUTER_IMAGE));
      return world;
    } catch (error) {
      await world.close();
      throw error;
    }
  }

  docker(args: readonly string[], input?: Buffer): string {
    return execFileSync(this.program === 'docker' ? dockerClient().file : this.program, [...args], { env: this.variables, input: input ?? '', stdio: ['pipe', 'pipe', 'pipe'], encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  }

  /** What the engine keeps in volumes. */
  get folders(): readonly string[] {
    return [this.docker(['info', '--format', '{{.DockerRootDir}}']).trim()].map((root) => join(root, 'volumes'));
  }

  /** Made once for each fixture and version, by the engine itself. */
  image({ fixture, version }: Pick<ServiceOrder, 'fixture' | 'version'>): Promise<ImageRef> {
    const key = `${fixture} ${version}`;
    const image = this.images.get(key) ?? this.build(fixture, version);
    this.images.set(key, image);
    return image;
  }

  place(): DockerPlace {
    return { program: this.program, router: { image: ROUTER_IMAGE, network: 'host' } };
  }

  target(workspace: string, service: string, environment: string, more: Partial<DockerTarget> = {}): DockerTarget {
    return { key: { workspace, service, environment }, owner: workspace, place: this.place(), variables: this.variables, listen: { address: '127.0.0.1' }, ...more };
  }

  async service(workspace: string, service: string, environment: string, more: Partial<DockerTarget> = {}): Promise<ServiceUnderTest> {
    const target = this.target(workspace, service, environment, more);
    const name = JSON.stringify(target.key);
    const session = this.sessions.get(name) ?? await openDocker(target);
    this.sessions.set(name, session);
    return orderedService({
      key: target.key, artifact: (order) => this.image(order), spec: containerSpec, platform: () => session.platform,
      async change(work) {
        const own = await openDocker(target);
        try {
          return await work(own.platform);
        } finally {
          await own.close();
        }
      },
    });
  }

  /** What was opened to look at services is opened anew. */
  async reconnect(): Promise<void> {
    for (const session of this.sessions.values()) await session.close();
    this.sessions.clear();
  }

  async close(): Promise<void> {
    await this.reconnect();
    await this.engine.stop();
    if (this.isOwnDisk) execFileSync('umount', [this.folder]);
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async build(fixture: string, version: string): Promise<ImageRef> {
    const folder = await mkdtemp(join(this.folder, 'build-'));
    await cp(join(FIXTURES, fixture), folder, { recursive: true });
    await writeFile(join(folder, 'version.txt'), version);
    await writeFile(join(folder, 'Dockerfile'), `FROM ${BASE}\nWORKDIR /app\nCOPY . .\nUSER 1000\nEXPOSE ${PORT}\nCMD ["node", "main.js"]\n`);
    // podman leaves the kind of the digest out.
    const id = this.docker(['build', '--quiet', folder]).trim().replace(/^(?:sha256:)?/, 'sha256:');
    await rm(folder, { recursive: true, force: true });
    return { type: 'image', digest: id, config: id, platform: 'linux/amd64', bytes: 1_000 };
  }
}

/** Some fixtures do what they do when a file is there: they see the temporary folder of the tests. */
export function containerSpec(order: Parameters<typeof specOf>[0]): RunSpec {
  return { ...specOf(order), processes: { web: { command: [] } }, port: PORT, container: { ...CONTAINER_DEFAULTS, tmpfs: [], mounts: [{ source: tmpdir(), target: tmpdir(), readOnly: true }] } };
}
