/** A workspace in a temp folder with a service that brings about 28 MB of modules, built as an image by this product and by a Docker engine, and a registry to push both to. */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { makeBaseImage, pushBase } from '../images/base-image.js';
import { dockerClient } from '../images/client.js';
import { startRegistry, type LocalRegistry } from '../images/registry.js';
import { run } from './programs.js';

const repository = resolve(__dirname, '../../..');
const bin = join(repository, 'packages/nx-deploy/dist/bundles/nx-deploy.js');
const nx = join(repository, 'node_modules/.bin/nx');
const DEADLINE = 300_000;
/** Of this repository's own: many small files, few big ones. */
const MODULES = ['@babel', 'zod', 'yargs', 'eslint', '@jest', '@types', 'ajv', 'acorn', 'semver', 'minimatch'];
/** What two of them need beside themselves, which the service loads. */
const NEEDED = ['cliui', 'escalade', 'get-caller-file', 'require-directory', 'string-width', 'y18n', 'yargs-parser', 'strip-ansi', 'wrap-ansi', 'emoji-regex', 'is-fullwidth-code-point', 'ansi-regex', 'ansi-styles', 'color-convert', 'color-name'];
/** In the registry that both push to, as it is with a registry of one's own that holds base images. */
const BASE = 'bench/base:1';

/** ms. `own`: what the commands say of themselves, without the start of Node or Nx and the loading of the program. */
export interface Took {
  readonly wall: number;
  readonly own: number;
}

export class ImageShop {
  readonly root: string;
  readonly modules: string;
  private readonly home: string;
  private readonly env: NodeJS.ProcessEnv;
  private readonly docker: NodeJS.ProcessEnv;
  private readonly client = dockerClient();
  private line = 0;

  private constructor(private readonly folder: string, private readonly registry: LocalRegistry) {
    this.root = join(folder, 'shop');
    this.home = join(folder, 'home');
    this.modules = join(this.root, 'services/api/dist/node_modules');
    const { PATH, LANG, USER } = process.env;
    this.docker = { PATH, HOME: folder, DOCKER_CONFIG: join(folder, 'docker') };
    this.env = { PATH, LANG, USER, HOME: folder, TMPDIR: join(folder, 'tmp'), NX_DEPLOY_HOME: this.home, NX_DAEMON: 'false', NX_NO_CLOUD: 'true', NX_CACHE_DIRECTORY: join(this.root, '.nx/cache'), GIT_CONFIG_NOSYSTEM: '1' };
  }

  /** @param place absolute; everything lies there, temporary files too */
  static async open(place: string): Promise<ImageShop> {
    const folder = mkdtempSync(join(place, 's-'));
    let registry: LocalRegistry | undefined;
    try {
      registry = await startRegistry(join(folder, 'registry'));
      await pushBase(await makeBaseImage(join(folder, 'base')), registry.host, BASE);
      const shop = new ImageShop(folder, registry);
      cpSync(join(registry.folder, 'storage/docker'), join(folder, 'pushed-base'), { recursive: true });
      shop.lay();
      await run(['git', 'init', '--quiet', shop.root], DEADLINE, { env: shop.env });
      return shop;
    } catch (error) {
      await registry?.stop();
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** One line of the service is another. */
  change(): void {
    this.line += 1;
    writeFileSync(join(this.root, 'services/api/dist/main.js'), `require('zod');\nrequire('yargs');\nrequire('node:http').createServer((_, answer) => answer.end('${this.line} of ${Date.now()}')).listen(process.env.PORT);\n`);
  }

  /** Build and push by the bin, one after the other as a person types them. */
  async ours(): Promise<Took> {
    let wall = 0;
    for (const command of ['build-image', 'push-image']) wall += (await run([process.execPath, bin, command, 'api'], DEADLINE, { cwd: this.root, env: this.env })).wall;
    return { wall, own: this.own(['build', 'push']) };
  }

  /** The same by `nx run`, which builds first when something changed; `own` counts the build only where it took place. */
  async oursByNx(): Promise<Took> {
    const before = this.record()['build']?.started;
    const { wall } = await run([process.execPath, nx, 'run', 'api:push-image'], DEADLINE, { cwd: this.root, env: this.env });
    return { wall, own: this.own(this.record()['build']?.started === before ? ['push'] : ['build', 'push']) };
  }

  /** Nothing of an earlier image is left. Moved aside, as to delete thousands of files keeps the disk busy for a while. */
  forget(): void {
    if (existsSync(this.home)) renameSync(this.home, join(this.folder, `home-${this.line}`));
    for (const made of ['dist', '.nx']) rmSync(join(this.root, made), { recursive: true, force: true });
  }

  /** The engine has the base, and knows where it is from. */
  async pullBase(host: string): Promise<void> {
    await this.engine(host, ['pull', '--quiet', this.base]);
  }

  async theirs(host: string, buildKit: boolean): Promise<Took> {
    const tag = `${this.registry.host}/shop/theirs:1`;
    const project = join(this.root, 'services/api');
    const built = await this.engine(host, ['build', '--quiet', '--tag', tag, project], { DOCKER_BUILDKIT: buildKit ? '1' : '0' });
    const wall = built + await this.engine(host, ['push', '--quiet', tag]);
    return { wall, own: wall };
  }

  /** The engine keeps its base, as ours does. */
  async forgetTheirs(host: string, buildKit: boolean): Promise<void> {
    await this.engine(host, ['image', 'prune', '--all', '--force', '--filter', 'label=bench=made']);
    if (buildKit) await this.engine(host, ['builder', 'prune', '--all', '--force'], { DOCKER_BUILDKIT: '1' });
  }

  /** The registry has the base and none of what was pushed, so that a cold push sends everything else. */
  forgetPushed(): void {
    const storage = join(this.registry.folder, 'storage/docker');
    rmSync(storage, { recursive: true, force: true });
    cpSync(join(this.folder, 'pushed-base'), storage, { recursive: true });
  }

  hasBuildKit(): boolean {
    return this.client.buildKit;
  }

  async close(): Promise<void> {
    try {
      await run([process.execPath, bin, 'agent', 'stop'], DEADLINE, { cwd: this.root, env: this.env, cleaning: true }).catch(() => undefined);
      await this.registry.stop();
    } finally {
      rmSync(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    }
  }

  private async engine(host: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<number> {
    return (await run([this.client.file, ...args], DEADLINE, { cwd: this.folder, env: { ...this.docker, ...env, DOCKER_HOST: host } })).wall;
  }

  private lay(): void {
    const project = join(this.root, 'services/api');
    mkdirSync(this.modules, { recursive: true });
    for (const name of ['docker', 'tmp']) mkdirSync(join(this.folder, name));
    for (const name of [...MODULES, ...NEEDED]) {
      const from = join(repository, 'node_modules', name);
      if (existsSync(from)) cpSync(from, join(this.modules, name), { recursive: true, dereference: true });
    }
    const write = (path: string, content: object): void => writeFileSync(join(this.root, path), `${JSON.stringify(content, null, 2)}\n`);
    write('package.json', { name: 'shop', version: '0.0.0', private: true });
    write('nx.json', { analytics: false, neverConnectToCloud: true, plugins: [{ plugin: 'nx-deploy/plugin' }] });
    writeFileSync(join(this.root, '.gitignore'), '/node_modules\n/dist\n/.nx\n');
    symlinkSync(join(repository, 'node_modules'), join(this.root, 'node_modules'));
    write('services/api/project.json', { name: 'api', projectType: 'application', targets: { nothing: { executor: 'nx:noop' } } });
    write('services/api/deploy.json', {
      artifact: { type: 'image', builder: 'oci', path: 'dist', entry: 'main.js', base: this.base, platforms: [this.platform()], push: [`${this.registry.host}/shop/ours`], plainHttp: [this.registry.host] },
      health: { path: '/health' }, environments: { production: { platform: 'local', instances: 1, strategy: 'recreate', listen: 8081 } },
    });
    writeFileSync(join(project, 'Dockerfile'), `FROM ${this.base}\nLABEL bench=made\nWORKDIR /app\nCOPY dist/node_modules ./node_modules\nCOPY dist/main.js ./\nUSER 1000:1000\nENTRYPOINT ["node", "main.js"]\n`);
    this.change();
  }

  private get base(): string {
    return `${this.registry.host}/${BASE}`;
  }

  private own(commands: readonly string[]): number {
    const record = this.record();
    return commands.reduce((sum, command) => sum + (record[command]?.durationMs ?? 0), 0);
  }

  private record(): Record<string, { started?: string; durationMs?: number } | undefined> {
    const file = join(this.root, 'dist/image-runs/services/api.json');
    return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) as ReturnType<ImageShop['record']> : {};
  }

  private platform(): string {
    return process.arch === 'arm64' ? 'linux/arm64' : 'linux/amd64';
  }
}
