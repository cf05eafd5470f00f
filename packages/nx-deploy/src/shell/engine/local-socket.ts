/** Where the engine of this machine listens, when it is the one that docker's client would talk to without further ado: over a socket, by no context, ssh or TLS. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Of the client's documentation: https://docs.docker.com/reference/cli/docker/#environment-variables and its configuration file. */
const DEFAULT_SOCKET = '/var/run/docker.sock';
const DEFAULT_CONTEXT = 'default';

/** @param env that of the client. Undefined where only the client knows. */
export function localSocket(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const { DOCKER_HOST: host = '', DOCKER_CONTEXT: chosen } = env;
  // The variable wins over every context but one that is named on the command line.
  if (host !== '') return host.startsWith('unix:///') ? host.slice('unix://'.length) : undefined;
  if ((chosen ?? chosenIn(env) ?? DEFAULT_CONTEXT) !== DEFAULT_CONTEXT) return undefined;
  return existsSync(DEFAULT_SOCKET) ? DEFAULT_SOCKET : undefined;
}

/** What `docker context use` has written down. A file that cannot be read is for the client to complain of. */
function chosenIn({ DOCKER_CONFIG: config, HOME: home = '' }: Readonly<Record<string, string | undefined>>): string | undefined {
  try {
    const { currentContext }: { currentContext?: unknown } = JSON.parse(readFileSync(join(config ?? join(home, '.docker'), 'config.json'), 'utf8')) as object;
    return typeof currentContext === 'string' && currentContext !== '' ? currentContext : undefined;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ENOENT' ? undefined : 'unknown';
  }
}
