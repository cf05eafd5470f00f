/** Package managers: which one a folder is installed by, how old it may be, and the argv that installs. */
import { lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { quoted } from '../../../archive/manifest.js';
import { DeployError } from '../../../errors.js';
import { baseEnvironment } from '../../../shell/environment.js';
import { run } from '../../../shell/run.js';
import { nodeArchitecture, type Machine } from '../machine.js';
import { oldestRelease } from './lock-file.js';

export type ManagerName = 'npm' | 'pnpm' | 'yarn' | 'bun';

export interface Manager {
  readonly name: ManagerName;
  /** Yarn 1 has another lock file and other arguments than those after it. */
  readonly classic?: true;
  readonly lockFile: string;
}

/** `scripts`: may packages run their install scripts? */
export interface InstallRequest {
  readonly manager: Manager;
  readonly major: number;
  /** Undefined for this machine, where the manager finds out for itself. */
  readonly target: Machine | undefined;
  readonly scripts: boolean;
}

/** In the order in which Nx looks for them. */
export const LOCK_FILES: Readonly<Record<string, ManagerName>> = {
  'bun.lock': 'bun', 'bun.lockb': 'bun', 'yarn.lock': 'yarn', 'pnpm-lock.yaml': 'pnpm', 'package-lock.json': 'npm',
};
const VERSION_TIMEOUT_MS = 60_000;

/** What installs the folder: by its lock file; `packageManager` of package.json decides between several. Undefined when there is none. @throws DeployError ND-LOCKFILE. */
export async function managerOf(folder: string): Promise<Manager | undefined> {
  const found: string[] = [];
  for (const name of Object.keys(LOCK_FILES)) if (await lstat(join(folder, name)).then((stat) => stat.isFile(), () => false)) found.push(name);
  const named = await namedManager(folder);
  const names = new Set(found.map((name) => LOCK_FILES[name]));
  const chosen = names.size < 2 ? found[0] : found.find((name) => LOCK_FILES[name] === named);
  if (chosen === undefined && found.length === 0) return undefined;
  const name = chosen === undefined ? undefined : LOCK_FILES[chosen];
  if (chosen === undefined || name === undefined) {
    throw new DeployError('ND-LOCKFILE', {
      what: 'there are lock files of several package managers', where: folder, why: found.join(', '),
      next: 'remove those that are not kept up to date, or name the package manager in package.json ("packageManager": "pnpm@10.0.0", say)',
    });
  }
  const classic = name === 'yarn' && !/^__metadata:/m.test(await readFile(join(folder, chosen), 'utf8'));
  return { name, lockFile: chosen, ...(classic ? { classic } : {}) };
}

async function namedManager(folder: string): Promise<string | undefined> {
  try {
    const { packageManager } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as { readonly packageManager?: unknown };
    return typeof packageManager === 'string' ? packageManager.split('@')[0] : undefined;
  } catch {
    return undefined;
  }
}

/** Asks the manager for its version, in the workspace, where a pinned one is found. @throws DeployError ND-TOOL-MISSING when there is none, or one that is too old for the lock file. */
export async function majorVersion(manager: Manager, workspaceRoot: string, variables: NodeJS.ProcessEnv, lockVersion?: number): Promise<number> {
  const lines: string[] = [];
  const result = await run([manager.name, '--version'], { cwd: workspaceRoot, env: baseEnvironment(variables), timeout: VERSION_TIMEOUT_MS, onLine: (line) => void lines.push(line) });
  const version = lines.find((line) => /^\d+\.\d+\.\d+/.test(line));
  if (result.exitCode !== 0 || version === undefined) {
    throw new DeployError('ND-TOOL-MISSING', {
      what: `${manager.name} cannot be run`, where: workspaceRoot, why: result.startError ?? (lines.map(quoted).slice(-3).join(' ') || 'it prints no version'),
      next: `install ${manager.name}, which ${manager.lockFile} belongs to, or build with dependencies "traced"`,
    });
  }
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const oldest = oldestRelease(manager, lockVersion);
  if (major < oldest[0] || (major === oldest[0] && minor < oldest[1])) {
    const why = `at least ${oldest.join('.')} is needed${oldest === oldestRelease(manager) ? '' : ` for a lock file of version ${lockVersion ?? 0}`}`;
    throw new DeployError('ND-TOOL-MISSING', { what: `${manager.name} ${version} is too old`, where: workspaceRoot, why, next: `update ${manager.name}` });
  }
  if (manager.classic === true && major > 1) {
    throw new DeployError('ND-LOCKFILE', { what: `${manager.lockFile} is one of yarn 1, and yarn is ${version}`, where: workspaceRoot, next: 'run: yarn install' });
  }
  return major;
}

/** The whole command line of an install without development dependencies that changes no lock file; yarn 4 may write its own anew, which {@link assertResolved} looks at. @throws DeployError ND-TOOL-MISSING for a foreign platform that it cannot install for. */
export function installArguments({ manager, major, target, scripts }: InstallRequest): string[] {
  const quiet = scripts ? [] : ['--ignore-scripts'];
  switch (manager.name) {
    case 'npm': return ['npm', 'ci', '--omit=dev', '--no-audit', '--no-fund', '--no-update-notifier', '--progress=false', ...flags(target, true), ...quiet];
    case 'pnpm': return ['pnpm', 'install', '--frozen-lockfile', '--prod', '--ignore-workspace', '--reporter=append-only', '--config.prefer-symlinked-executables=true', '--package-import-method=copy', ...quiet]
      .filter((argument) => argument !== '--ignore-workspace' || major < 10);
    case 'bun': return ['bun', 'install', '--frozen-lockfile', '--production', '--no-progress', ...flags(target, false), ...quiet];
    case 'yarn':
      if (manager.classic === true) {
        if (target !== undefined) throw foreign('yarn 1', target);
        return ['yarn', 'install', '--frozen-lockfile', '--production', '--non-interactive', '--no-progress', ...quiet];
      }
      return ['yarn', 'install', '--no-immutable', ...(scripts ? [] : ['--mode=skip-build'])];
  }
}

function flags(target: Machine | undefined, libc: boolean): string[] {
  if (target === undefined) return [];
  return [`--os=${target.os}`, `--cpu=${nodeArchitecture(target)}`, ...(libc && target.libc !== undefined ? [`--libc=${target.libc}`] : [])];
}

function foreign(name: string, { os, architecture }: Machine): DeployError {
  return new DeployError('ND-TOOL-MISSING', {
    what: `${name} cannot install for another platform than this machine's`, where: `${os}/${architecture}`,
    next: 'build this platform on a machine of its kind, or use npm, pnpm, bun or yarn 4',
  });
}

/** Settings for a foreign platform that are read from files: contents by name, to be added to what is there. */
export function platformSettings({ manager, major, target }: Omit<InstallRequest, 'scripts'>): { readonly manifest?: object; readonly text?: readonly [file: string, text: string] } {
  const architectures = target === undefined ? undefined : { os: [target.os], cpu: [nodeArchitecture(target)], ...(target.libc === undefined ? {} : { libc: [target.libc] }) };
  const yaml = architectures === undefined ? '' : `supportedArchitectures:\n${Object.entries(architectures).map(([key, values]) => `  ${key}:\n    - ${values.join('')}\n`).join('')}`;
  if (manager.name === 'yarn' && manager.classic !== true) return { text: ['.yarnrc.yml', `nodeLinker: node-modules\nenableTelemetry: false\n${yaml}`] };
  if (manager.name !== 'pnpm' || architectures === undefined) return {};
  return major >= 10 ? { text: ['pnpm-workspace.yaml', yaml] } : { manifest: { pnpm: { supportedArchitectures: architectures } } };
}
