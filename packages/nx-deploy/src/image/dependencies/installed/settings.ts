/** What an install may know of its surroundings: settings for registries, and variables by name. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { baseEnvironment, pick } from '../../../shell/environment.js';
import { redactor, type Redactor } from '../../../shell/redactor.js';

/** Files of the workspace that say where packages come from; they go beside the lock file and never into the image. */
const FILES = ['.npmrc', '.yarnrc', '.yarnrc.yml', 'bunfig.toml'] as const;
const BOTH_CASES = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'ALL_PROXY', ...['registry', 'userconfig', 'globalconfig', 'cache', 'ca', 'cafile', 'strict_ssl', 'proxy', 'https_proxy', 'noproxy', 'offline', 'prefer_offline', 'fetch_retries', 'fetch_timeout', 'fetch_retry_mintimeout', 'fetch_retry_maxtimeout', 'store_dir'].map((name) => `npm_config_${name}`)];
const NAMES = [
  ...BOTH_CASES, ...BOTH_CASES.map((name) => name.toLowerCase()), ...BOTH_CASES.map((name) => name.toUpperCase()),
  'NPM_TOKEN', 'NODE_AUTH_TOKEN', 'PNPM_HOME', 'XDG_CACHE_HOME', 'XDG_CONFIG_HOME', 'XDG_DATA_HOME', 'COREPACK_HOME', 'COREPACK_NPM_REGISTRY', 'COREPACK_ENABLE_DOWNLOAD_PROMPT',
  'YARN_NPM_REGISTRY_SERVER', 'YARN_NPM_AUTH_TOKEN', 'YARN_CACHE_FOLDER', 'YARN_GLOBAL_FOLDER', 'BUN_INSTALL', 'BUN_INSTALL_CACHE_DIR', 'BUN_CONFIG_REGISTRY', 'BUN_CONFIG_TOKEN',
];
const SECRET = /token|auth|passw|secret/i;
/** `${NAME}`, and yarn's `${NAME-default}` and `${NAME:-default}`. */
const VARIABLE = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::?-[^}]*|\?)?\}/g;
const LITERAL = /^\s*(?:\S*:)?(?:_authToken|_password|_auth|npmAuthToken|npmAuthIdent|token|password)\s*[=:]\s*["']?([^"'\s]+)["']?\s*$/;
/** Lines that say who asks, not what is installed. */
const WHO = /_auth|_password|npmAuth|username|email|certfile|keyfile|always-auth|token|passw/i;

export interface Settings {
  /** Files to write beside the lock file. */
  readonly files: ReadonlyMap<string, string>;
  readonly environment: Readonly<Record<string, string>>;
  readonly redact: Redactor;
  /** What of them decides about the installed files. */
  readonly relevant: string;
}

export async function readSettings(workspaceRoot: string, variables: NodeJS.ProcessEnv): Promise<Settings> {
  const files = new Map<string, string>();
  for (const name of FILES) {
    const text = await readFile(join(workspaceRoot, name), 'utf8').catch(() => undefined);
    if (text !== undefined) files.set(name, text);
  }
  const user = variables['npm_config_userconfig'] ?? variables['NPM_CONFIG_USERCONFIG'] ?? join(variables['HOME'] ?? '/', '.npmrc');
  const texts = [...files.values(), await readFile(user, 'utf8').catch(() => '')];
  const named = texts.flatMap((text) => [...text.matchAll(VARIABLE)].map(([, name]) => name ?? ''));
  const environment = { ...baseEnvironment(variables), ...pick(variables, [...NAMES, ...named]) };
  return { files, environment, redact: redactor(secretsIn(texts, environment, named)), relevant: relevantLines(files) };
}

function secretsIn(texts: readonly string[], environment: Readonly<Record<string, string>>, named: readonly string[]): Record<string, string> {
  const secrets: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (named.includes(name) ? !/^https?:\/\/[^@]*$/.test(value) : SECRET.test(name)) secrets[name] = value;
    const password = /:\/\/[^/@]*:([^/@]+)@/.exec(value)?.[1];
    if (password !== undefined) secrets[`${name} password`] = password;
  }
  texts.flatMap((text) => text.split('\n')).forEach((line) => {
    const value = LITERAL.exec(line)?.[1];
    if (value !== undefined && !value.startsWith('${')) secrets[`secret ${Object.keys(secrets).length + 1}`] = value;
  });
  return secrets;
}

function relevantLines(files: ReadonlyMap<string, string>): string {
  return [...files].map(([name, text]) => [name, ...text.split(/\r?\n/).map((line) => line.trim()).filter((line) => line !== '' && !/^[#;]/.test(line) && !WHO.test(line))].join('\n')).join('\n');
}
