/** A workspace as somebody has it who never saw this repository: made by create-nx-workspace, with what a package manager installs. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { read } from '../repository.spec-support.js';
import type { Machine } from './machine.js';
import { fromRegistry, type PackageRegistry } from './package-registry.js';
import { exited, type Ending } from './program.js';
import type { Workspace } from './workspace.js';

/** That of the repository's own Nx. */
const { devDependencies: { nx: NX_VERSION } } = JSON.parse(read('package.json')) as { devDependencies: { nx: string } };

const npmConfig = (key: string): string => execFileSync('npm', ['config', 'get', key], { encoding: 'utf8' }).trim();

const PERSON = { GIT_AUTHOR_NAME: 'Test', GIT_AUTHOR_EMAIL: 'test@example.com', GIT_COMMITTER_NAME: 'Test', GIT_COMMITTER_EMAIL: 'test@example.com' };
/** What is in npm's cache already need not be asked for again. */
const QUICK = { npm_config_prefer_offline: 'true', npm_config_audit: 'false', npm_config_fund: 'false', npm_config_update_notifier: 'false' };

/** By which Node trusts the registry of this machine; npm reads its own configuration. */
const { NODE_EXTRA_CA_CERTS } = process.env;
const AUTHORITIES = NODE_EXTRA_CA_CERTS === undefined ? {} : { NODE_EXTRA_CA_CERTS };

export class Stranger {
  /** From which the packages come; until it is set, the machine's own. */
  registry: PackageRegistry | undefined;

  private constructor(readonly workspace: Workspace, private readonly own: Readonly<Record<string, string>>) {}

  /**
   * Makes the workspace `shop`, from the machine's own registry, which takes a minute and more. `args`: those of create-nx-workspace behind the name.
   * `creating`: variables that only this has.
   */
  static async create(machine: Machine, args: readonly string[], env: Readonly<Record<string, string>> = {}, creating: Readonly<Record<string, string>> = {}): Promise<Stranger> {
    const own = { ...PERSON, ...QUICK, ...AUTHORITIES, ...fromRegistry(npmConfig('registry')), npm_config_cache: npmConfig('cache'), npm_config_userconfig: npmConfig('userconfig'), ...env };
    const words = ['npx', '--yes', `create-nx-workspace@${NX_VERSION}`, 'shop', ...args, '--nxCloud=skip', '--no-interactive'];
    exited(await machine.at(machine.folder).start(words, { ...own, ...creating }, 600_000).ended, 0);
    return new Stranger(machine.at(join(machine.folder, 'shop')), own);
  }

  /** The workspace's own Nx. Throws with all that was printed unless it ends with 0. */
  nx(...words: readonly string[]): Promise<Ending> {
    return this.bin('nx', ...words);
  }

  nxWith(env: Readonly<Record<string, string>>, ...words: readonly string[]): Promise<Ending> {
    return this.run(env, ['nx', ...words]);
  }

  /** A program that the workspace has installed. */
  bin(...words: readonly string[]): Promise<Ending> {
    return this.run({}, words);
  }

  /** npm of the machine, in the workspace. */
  npm(...words: readonly string[]): Promise<Ending> {
    return this.start({}, ['npm', ...words]);
  }

  /** Files that differ from the last commit, sorted. */
  async changed(): Promise<readonly string[]> {
    const { stdout } = await this.workspace.git('status', '--porcelain', '--untracked-files=all');
    return stdout.split('\n').filter((line) => line !== '').map((line) => line.slice(3)).sort();
  }

  private run(env: Readonly<Record<string, string>>, [name = '', ...words]: readonly string[]): Promise<Ending> {
    return this.start(env, [this.workspace.path('node_modules/.bin', name), ...words]);
  }

  private async start(env: Readonly<Record<string, string>>, argv: readonly string[]): Promise<Ending> {
    return exited(await this.workspace.start(argv, { ...this.own, ...this.registry?.env, ...env }, 300_000).ended, 0);
  }
}
