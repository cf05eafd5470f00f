/** A registry of npm packages on loopback: verdaccio, which has what is published to it and passes on all else from the registry of this machine. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { packageNames } from '../repository.spec-support.js';
import { Program } from './program.js';
import { eventually, freePort } from './request.js';

export interface PackageRegistry {
  /** `http://127.0.0.1:<port>/` */
  readonly url: string;
  /** For programs that install from it and publish to it: npm, pnpm, yarn, bun and what starts them. Folders that are given hold their caches. */
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

const PROGRAM = join(dirname(require.resolve('verdaccio/package.json')), 'bin/verdaccio');

const npmConfig = (key: string): string => execFileSync('npm', ['config', 'get', key], { encoding: 'utf8' }).trim();

/** Variables by which every package manager takes its packages from there; yarn 4 would have no version of the last days. */
export function fromRegistry(url: string): Readonly<Record<string, string>> {
  return {
    npm_config_registry: url, YARN_REGISTRY: url, BUN_CONFIG_REGISTRY: url,
    YARN_NPM_REGISTRY_SERVER: url.replace(/\/$/, ''), YARN_UNSAFE_HTTP_WHITELIST: new URL(url).hostname, YARN_NPM_MINIMAL_AGE_GATE: '0', YARN_ENABLE_TELEMETRY: '0',
  };
}

/** @param folder keeps its configuration and its packages */
export async function startPackageRegistry(folder: string): Promise<PackageRegistry> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/`;
  const file = join(folder, 'config.json');
  mkdirSync(folder, { recursive: true });
  // YAML reads JSON too. The own packages are never looked for anywhere else, whoever may have published one of their name.
  const everybody = { access: '$all', publish: '$all', unpublish: '$all' };
  writeFileSync(file, JSON.stringify({
    storage: join(folder, 'storage'),
    auth: { htpasswd: { file: join(folder, 'htpasswd'), max_users: -1 } },
    uplinks: { machine: { url: npmConfig('registry'), timeout: '60s', maxage: '60m', max_fails: 20, cache: false } },
    packages: { ...Object.fromEntries(packageNames.map((name) => [name, everybody])), '**': { access: '$all', proxy: 'machine' } },
    max_body_size: '100mb',
    web: { enable: false },
    log: { type: 'stdout', format: 'pretty', level: 'error' },
  }));
  // It reaches the other registry as this machine does: by its certificates and proxies.
  const env = { ...Object.fromEntries(Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))), HOME: folder };
  const program = new Program([process.execPath, PROGRAM, '--config', file, '--listen', `127.0.0.1:${port}`], { cwd: folder, env, deadline: 60 * 60_000 });
  // A client that publishes wants to have a token, which this registry does not look at.
  writeFileSync(join(folder, 'npmrc'), `registry=${url}\n//127.0.0.1:${port}/:_authToken=anybody\n`);
  const stop = async (): Promise<void> => {
    program.send('SIGKILL');
    await program.ended;
  };
  try {
    await eventually(`verdaccio answers (${program.output})`, () => fetch(`${url}-/ping`).then(({ ok }) => ok), (ok) => ok, 60_000);
  } catch (error) {
    await stop();
    throw new Error(`verdaccio did not start: ${program.output}`, { cause: error });
  }
  return { url, stop, env: { ...fromRegistry(url), npm_config_userconfig: join(folder, 'npmrc'), npm_config_cache: npmConfig('cache'), npm_config_update_notifier: 'false', npm_config_audit: 'false', npm_config_fund: 'false' } };
}
