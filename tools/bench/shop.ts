/** A workspace in a temp folder with the sample service, an agent of its own, and the packages of this repository as installed ones. */
import { build } from 'esbuild';
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, run, type Ran } from './programs.js';

const repository = resolve(__dirname, '../../..');
const sample = join(repository, 'apps/sample-service');
const bin = join(repository, 'packages/nx-deploy/dist/bundles/nx-deploy.js');
const nx = join(repository, 'node_modules/.bin/nx');
const DEADLINE = 120_000;

/** The parts of the documents that the commands print. */
export interface Document {
  readonly outcome: string;
  readonly release?: string;
  readonly durationMs?: number;
}

interface DeployFile {
  readonly health: { readonly interval: string };
  readonly environments: Readonly<Record<string, { readonly instances: number; readonly listen: number; readonly strategy: string }>>;
}

export class Shop {
  readonly root: string;
  private readonly env: NodeJS.ProcessEnv;
  private build = 0;

  private constructor(private readonly folder: string) {
    this.root = join(folder, 'shop');
    const { PATH, LANG, USER } = process.env;
    this.env = {
      PATH, LANG, USER, HOME: folder, NX_DEPLOY_HOME: join(folder, 'home'), NX_DAEMON: 'false', NX_NO_CLOUD: 'true', NX_CACHE_DIRECTORY: join(this.root, '.nx/cache'), GIT_CONFIG_NOSYSTEM: '1',
    };
  }

  static async open(): Promise<Shop> {
    const shop = new Shop(realpathSync(mkdtempSync(join(tmpdir(), 'nx-deploy-bench-shop-'))));
    const project = join(shop.root, 'services/sample-service');
    mkdirSync(project, { recursive: true });
    shop.write('package.json', { name: 'shop', version: '0.0.0', private: true });
    shop.write('nx.json', { analytics: false, neverConnectToCloud: true, plugins: [{ plugin: 'nx-deploy/plugin' }] });
    writeFileSync(join(shop.root, '.gitignore'), 'node_modules\ndist\n.nx\n');
    symlinkSync(join(repository, 'node_modules'), join(shop.root, 'node_modules'));
    shop.write('services/sample-service/project.json', { name: 'sample-service', projectType: 'application', targets: { nothing: { executor: 'nx:noop' } } });
    const file = JSON.parse(readFileSync(join(sample, 'deploy.json'), 'utf8')) as DeployFile;
    shop.write('services/sample-service/deploy.json', { ...file, environments: {
      staging: { ...file.environments['staging'], listen: await freePort() },
      warm: { ...file.environments['staging'], strategy: { type: 'blue-green', keepWarm: '1h' }, listen: await freePort() },
    } });
    cpSync(join(sample, 'environments'), join(project, 'environments'), { recursive: true });
    cpSync(join(sample, 'environments/staging.env'), join(project, 'environments/warm.env'));
    await build({ entryPoints: [join(sample, 'src/main.ts')], outfile: join(project, 'dist/main.js'), bundle: true, platform: 'node', target: 'node20', format: 'cjs', logLevel: 'warning' });
    await run(['git', 'init', '--quiet', shop.root], DEADLINE, { env: shop.env });
    return shop;
  }

  /** The build has put out something else. */
  change(): void {
    this.build += 1;
    writeFileSync(join(this.root, 'services/sample-service/dist/build.txt'), `${this.build}\n`);
  }

  /** A command of the bin for the service; `warm` is an environment that keeps the release before running. Rejects unless it ends with 0. */
  async bin(command: string, environment = 'staging'): Promise<Ran & { readonly document: Document }> {
    const ran = await run([process.execPath, bin, command, 'sample-service', '-c', environment, '--json'], DEADLINE, { cwd: this.root, env: this.env });
    return { ...ran, document: JSON.parse(ran.stdout) as Document };
  }

  nx(target: string, ...args: readonly string[]): Promise<Ran> {
    return run([process.execPath, nx, 'run', `sample-service:${target}`, ...args], DEADLINE, { cwd: this.root, env: this.env });
  }

  /** Node doing nothing. */
  node(): Promise<Ran> {
    return run([process.execPath, '-e', '0'], DEADLINE, { cwd: this.root, env: this.env });
  }

  /** ms from the start of one instance, by nobody's hand but this one, to its first healthy answer. */
  async startOfService(): Promise<number> {
    const port = await freePort();
    const started = performance.now();
    const service = spawn(process.execPath, [join(this.root, 'services/sample-service/dist/main.js')], { env: { ...this.env, PORT: String(port), GREETING: 'bench', LOG_LEVEL: 'silent' }, stdio: 'ignore' });
    try {
      while (!await healthy(port)) {
        if (service.exitCode !== null || performance.now() - started > 20_000) throw new Error('the sample service does not start');
        await sleep(2);
      }
      return performance.now() - started;
    } finally {
      service.kill('SIGKILL');
    }
  }

  /** Ends the agent with all that it runs. */
  async close(): Promise<void> {
    try {
      await run([process.execPath, bin, 'agent', 'stop'], DEADLINE, { cwd: this.root, env: this.env, cleaning: true });
    } finally {
      rmSync(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    }
  }

  private write(path: string, content: object): void {
    writeFileSync(join(this.root, path), `${JSON.stringify(content, null, 2)}\n`);
  }
}

function healthy(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    get({ host: '127.0.0.1', port, path: '/health', agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    }).on('error', () => resolve(false));
  });
}
