/**
 * Who the user is at a registry, as `docker login` and `podman login` left it.
 * Formats: docker/cli config.json, containers-auth.json(5), docker-credential-helpers. Nothing that is read here is ever part of a message.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DeployError, errorCode } from '../../errors.js';
import { askHelper } from './credential-helper.js';
import { quoted } from './plain.js';
import { HUB_NAMES, type Repository } from './reference.js';

/** A user with a password, or a token that buys access tokens. */
export type Credential =
  | { readonly kind: 'password'; readonly username: string; readonly secret: string }
  | { readonly kind: 'identity'; readonly secret: string };

interface AuthFile {
  readonly path: string;
  readonly auths: Readonly<Record<string, unknown>>;
  readonly credHelpers: Readonly<Record<string, unknown>>;
  readonly credsStore?: string;
}

const HUB_KEY = 'https://index.docker.io/v1/';

/** The first that a file or helper knows; undefined means anonymous access. @throws DeployError ND-REGISTRY-CREDENTIALS */
export async function findCredential(repository: Repository, env: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<Credential | undefined> {
  for (const path of candidates(env)) {
    const file = await readAuthFile(path);
    const found = file === undefined ? undefined : await lookUp(file, repository, env, signal);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Docker's own file, then those of Podman, Buildah and Skopeo. */
function candidates(env: NodeJS.ProcessEnv): string[] {
  const home = env['HOME'];
  const under = (folder: string | undefined, ...rest: string[]): string[] => (folder === undefined || folder === '' ? [] : [join(folder, ...rest)]);
  const chosen = under(env['REGISTRY_AUTH_FILE']);
  const docker = [...under(env['DOCKER_CONFIG'], 'config.json'), ...under(home, '.docker', 'config.json')].slice(0, 1);
  return [
    ...chosen,
    ...docker,
    ...under(env['XDG_RUNTIME_DIR'], 'containers', 'auth.json'),
    ...[...under(env['XDG_CONFIG_HOME'], 'containers', 'auth.json'), ...under(home, '.config', 'containers', 'auth.json')].slice(0, 1),
  ];
}

async function readAuthFile(path: string): Promise<AuthFile | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) return undefined;
    throw unusable(path, `it cannot be read (${errorCode(error) ?? 'no reason given'})`);
  }
  const value = record(parseJson(text, path), path, 'the file');
  const store = value['credsStore'];
  return {
    path,
    auths: record(value['auths'] ?? {}, path, 'auths'),
    credHelpers: record(value['credHelpers'] ?? {}, path, 'credHelpers'),
    ...(typeof store === 'string' && store !== '' ? { credsStore: store } : {}),
  };
}

function parseJson(text: string, path: string): unknown {
  try {
    return text.trim() === '' ? {} : JSON.parse(text);
  } catch {
    // The parser's own message quotes the text, which may be a password.
    throw unusable(path, 'it is not JSON');
  }
}

function record(value: unknown, path: string, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw unusable(path, `${what} is not an object`);
  return value as Record<string, unknown>;
}

async function lookUp(file: AuthFile, repository: Repository, env: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<Credential | undefined> {
  const server = repository.registry === 'docker.io' ? HUB_KEY : repository.registry;
  const helper = keys(repository).map((key) => own(file.credHelpers, key)).find((value) => value !== undefined) ?? file.credsStore;
  if (helper !== undefined && helper !== '') {
    if (typeof helper !== 'string') throw unusable(file.path, `the name of the credential helper for ${repository.registry} is not text`);
    const found = await askHelper({ name: helper, server, file: file.path, env, ...(signal === undefined ? {} : { signal }) });
    if (found !== undefined) return found;
  }
  for (const key of keys(repository)) {
    const entry = own(file.auths, key);
    const found = entry === undefined ? undefined : fromEntry(record(entry, file.path, `auths of ${key}`), key, file.path);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The most exact first: Podman has entries for parts of a path, and old files have whole addresses. */
function keys({ registry, name }: Repository): string[] {
  const parts = name.split('/');
  const paths = parts.map((_, index) => `${registry}/${parts.slice(0, parts.length - index).join('/')}`);
  const hosts = registry === 'docker.io' ? HUB_NAMES : [registry];
  return [...paths, ...hosts.flatMap((host) => [host, `https://${host}`, `https://${host}/`, `https://${host}/v1/`, `https://${host}/v2/`, `http://${host}`])];
}

function own(map: Readonly<Record<string, unknown>>, key: string): unknown {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

function fromEntry(entry: Readonly<Record<string, unknown>>, key: string, path: string): Credential | undefined {
  const identity = entry['identitytoken'];
  if (typeof identity === 'string' && identity !== '') return { kind: 'identity', secret: identity };
  const auth = entry['auth'];
  if (typeof auth === 'string' && auth !== '') return decode(auth, key, path);
  const { username, password } = entry;
  if (typeof username === 'string' && username !== '' && typeof password === 'string') return { kind: 'password', username, secret: password };
  return undefined;
}

function decode(auth: string, key: string, path: string): Credential {
  // Some programs pad the text with zero bytes.
  const text = Buffer.from(auth, 'base64').toString('utf8').replace(/\0+$/, '');
  const colon = text.indexOf(':');
  if (colon < 1) throw unusable(path, `the entry of ${quoted(key)} is not base64 of user:password`);
  return { kind: 'password', username: text.slice(0, colon), secret: text.slice(colon + 1) };
}

function unusable(path: string, why: string): DeployError {
  return new DeployError('ND-REGISTRY-CREDENTIALS', {
    what: 'the file of registry credentials cannot be used', where: path, why,
    next: 'repair it, or move it away and log in again with docker login or podman login',
  });
}
