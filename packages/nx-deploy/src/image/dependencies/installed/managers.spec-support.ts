/** Package managers for specs: real ones, in a folder into which npm installed them (.ci/run does). */
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Fixture } from '../dependencies.spec-support.js';
import type { Manager } from './package-program.js';
import { PLACEHOLDER, type Dialect, type TestRegistry } from './served-packages.spec-support.js';

export interface TestManager extends Dialect {
  readonly title: string;
  readonly manager: Manager;
  /** Below `fixtures`: a lock file of the workspace of the test registry, as the manager itself wrote it. */
  readonly fixture: string;
  /** As npm installed it, relative to `node_modules` of {@link FOLDER}. */
  readonly program: string;
  /** Writes the lock file and installs as little as it can. */
  readonly lock: readonly string[];
}

const FOLDER = process.env['NX_DEPLOY_TEST_MANAGERS'];

export const NPM: TestManager = { title: 'npm', manager: { name: 'npm', lockFile: 'package-lock.json' }, fixture: 'npm.json', own: '*', alias: true, program: '', lock: ['install', '--package-lock-only', '--ignore-scripts'] };

export const MANAGERS: readonly TestManager[] = [
  NPM,
  { title: 'pnpm', manager: { name: 'pnpm', lockFile: 'pnpm-lock.yaml' }, fixture: 'pnpm.yaml', own: 'workspace:*', alias: false, program: 'pnpm/bin/pnpm.cjs', lock: ['install', '--lockfile-only'] },
  { title: 'yarn 1', manager: { name: 'yarn', lockFile: 'yarn.lock', classic: true }, fixture: 'yarn-1.lock', own: '*', alias: true, program: 'yarn-1/bin/yarn.js', lock: ['install', '--ignore-scripts', '--non-interactive'] },
  { title: 'yarn 4', manager: { name: 'yarn', lockFile: 'yarn.lock' }, fixture: 'yarn-4.lock', own: 'workspace:*', alias: true, program: 'yarn-4/bin/yarn.js', lock: ['install', '--mode=update-lockfile'] },
  { title: 'bun', manager: { name: 'bun', lockFile: 'bun.lock' }, fixture: 'bun.lock', own: 'workspace:*', alias: true, program: 'bun/bin/bun.exe', lock: ['install', '--lockfile-only'] },
];

/** Why it cannot be run here; undefined when it can. */
export function lackOf({ title, program }: TestManager): string | undefined {
  if (program === '' || (FOLDER !== undefined && existsSync(join(FOLDER, 'node_modules', program)))) return undefined;
  return FOLDER === undefined ? `${title} needs NX_DEPLOY_TEST_MANAGERS` : `not installed: ${program}`;
}

/** Settings of the workspace that lead to the registry, and the variables of a user who has that manager and nothing else. */
export function prepareManager({ manager, program }: TestManager, fixture: Fixture, registry: TestRegistry): NodeJS.ProcessEnv {
  const home = join(fixture.root, '../home');
  const bin = join(home, 'bin');
  mkdirSync(bin, { recursive: true });
  if (program !== '') {
    const path = join(FOLDER ?? '', 'node_modules', program);
    const command = existsSync(path) ? `exec ${program.endsWith('.exe') ? '' : `'${process.execPath}' `}'${path}' "$@"` : `echo ${manager.name === 'pnpm' ? '10.0.0' : '0.0.0'}`;
    writeFileSync(join(bin, manager.name), `#!/bin/sh\n${command}\n`);
    chmodSync(join(bin, manager.name), 0o755);
  }
  fixture.write({
    '.npmrc': `registry=${registry.url}\n`,
    ...(manager.name === 'pnpm' ? { 'pnpm-workspace.yaml': 'packages:\n  - apps/*\n  - libs/*\n' } : {}),
    ...(manager.name === 'yarn' && manager.classic !== true ? { '.yarnrc.yml': `npmRegistryServer: ${registry.url}\nunsafeHttpWhitelist:\n  - 127.0.0.1\n` } : {}),
    ...(manager.classic === true ? { '.yarnrc': `registry "${registry.url}"\n` } : {}),
  });
  return { PATH: `${bin}:${process.env['PATH'] ?? ''}`, HOME: home };
}

/** A kept lock file as the manager would have written it for this registry, and the other way round. */
export function withRegistry(text: string, { url }: TestRegistry): string {
  return text.replaceAll(PLACEHOLDER, url);
}

export function withoutRegistry(text: string, { url }: TestRegistry): string {
  return text.replaceAll(url, PLACEHOLDER);
}
