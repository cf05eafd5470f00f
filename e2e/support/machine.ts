/** A user's machine in a temp folder: a home with an agent of its own, and workspaces beside it. */
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { Program, runProgram, type Ending } from './program.js';
import { processesOf } from './processes.js';
import { eventually } from './request.js';
import { Workspace } from './workspace.js';

export const repository = resolve(__dirname, '../..');
export const fixtures = join(repository, 'e2e/fixtures/services');
export const nxProgram = join(repository, 'node_modules/.bin/nx');
export const binProgram = join(repository, 'packages/nx-deploy/bin/nx-deploy.js');

/** What a program needs of the environment of the tests; nothing of jest, npm or Nx is handed on. */
const PASSED_ON = ['PATH', 'TMPDIR', 'LANG', 'LC_ALL', 'TZ', 'USER', 'LOGNAME', 'SHELL'];

export interface WorkspaceOptions {
  /** Folder below the machine's; default `workspace`. */
  readonly folder?: string;
  /** Name in the root package.json; default `shop`. */
  readonly name?: string;
}

export class Machine {
  /** Everything of the test lies below it. */
  readonly folder: string;
  /** NX_DEPLOY_HOME. */
  readonly home: string;
  readonly env: Readonly<Record<string, string>>;

  constructor(label: string) {
    this.folder = realpathSync(mkdtempSync(join(tmpdir(), `nx-deploy-e2e-${label}-`)));
    this.home = join(this.folder, 'home');
    mkdirSync(join(this.folder, 'person'));
    this.env = {
      ...Object.fromEntries(PASSED_ON.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]))),
      HOME: join(this.folder, 'person'),
      NX_DEPLOY_HOME: this.home,
      NX_DAEMON: 'false',
      NX_NO_CLOUD: 'true',
      GIT_CONFIG_NOSYSTEM: '1',
    };
  }

  /** A workspace in a git repository of its own, with the packages of the repository as installed ones. */
  async workspace(options: WorkspaceOptions = {}): Promise<Workspace> {
    const root = join(this.folder, options.folder ?? 'workspace');
    mkdirSync(root, { recursive: true });
    const workspace = this.at(root);
    workspace.write('package.json', { name: options.name ?? 'shop', version: '0.0.0', private: true, devDependencies: { 'nx': '*', 'nx-deploy': '*', 'nx-env-sync': '*', 'nx-build-manifest': '*' } });
    workspace.write('nx.json', { analytics: false, neverConnectToCloud: true, plugins: [{ plugin: 'nx-deploy/plugin' }] });
    workspace.write('.gitignore', 'node_modules\ndist\n.nx\n');
    this.install(root);
    await workspace.git('init', '--quiet', '--initial-branch=main');
    return workspace;
  }

  /** A folder that is a workspace already: a clone, say. */
  at(root: string): Workspace {
    return new Workspace(root, { ...this.env, NX_CACHE_DIRECTORY: join(root, '.nx/cache') });
  }

  /** Stands for `npm ci`: nothing is loaded from anywhere. */
  install(root: string): void {
    symlinkSync(join(repository, 'node_modules'), join(root, 'node_modules'));
  }

  agent(...args: readonly string[]): Promise<Ending> {
    return runProgram([process.execPath, binProgram, 'agent', ...args], { cwd: this.folder, env: this.env });
  }

  /** Ends the agent with all that it runs; throws when something is left of it, and ends that. */
  async dispose(): Promise<void> {
    const stopped = await this.agent('stop');
    try {
      await eventually('nothing of the agent is left', () => processesOf(this.folder), (left) => left.length === 0, 10_000);
      if (stopped.code !== 0) throw new Error(`agent stop: ${stopped.output}`);
    } finally {
      for (const { pid } of processesOf(this.folder)) process.kill(pid, 'SIGKILL');
      rmSync(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    }
  }

  start(argv: readonly string[], cwd = this.folder): Program {
    return new Program(argv, { cwd, env: this.env });
  }
}

/** Puts the files of a fixture where a build would put them. */
export function putFixture(name: string, folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(dirname(folder), { recursive: true });
  cpSync(join(fixtures, name), folder, { recursive: true });
}
