/** Where the machine of an engine is, as this one reaches it: for the address of a service that listens everywhere. */
import type { EngineClient } from '../../shell/engine/index.js';
import type { DockerPlace } from './target.js';

const HERE = '127.0.0.1';

export async function engineHost(client: EngineClient, { program, context }: Pick<DockerPlace, 'program' | 'context'>, variables: NodeJS.ProcessEnv): Promise<string> {
  const named = context === undefined ? variables['DOCKER_HOST'] : undefined;
  if (named !== undefined && named !== '') return hostOf(named);
  if (program !== 'docker') return HERE;
  const { exitCode, output } = await client.call('look at the context', ['context', 'inspect', '--format={{.Endpoints.docker.Host}}', ...(context === undefined ? [] : [context])]);
  return exitCode === 0 ? hostOf(output.trim()) : HERE;
}

/** `unix:///var/run/docker.sock` and `npipe://...` are here; `ssh://user@host` and `tcp://host:2376` are there. */
export function hostOf(endpoint: string): string {
  if (!/^(?:ssh|tcp|https?):\/\//.test(endpoint)) return HERE;
  try {
    const { hostname } = new URL(endpoint.replace(/^(?:ssh|tcp):/, 'http:'));
    return hostname === '' ? HERE : hostname.replace(/^\[|\]$/g, '');
  } catch {
    return HERE;
  }
}
