/** What there is of the router on an engine, as the engine tells it. */
import type { EngineClient } from '../../shell/engine/index.js';
import { LABELS } from './labels.js';
import { MODE_LABEL, ROUTER, type Publication, type RouterMode } from './router-arguments.js';

export interface RouterFacts {
  readonly id: string;
  /** Docker's word: created, running, paused, restarting, removing, exited, dead. */
  readonly status: string;
  /** ISO time, as the engine writes it. */
  readonly startedAt: string;
  /** The reference that it was made from. */
  readonly image: string;
  readonly network: RouterMode;
  /** A container of that name that nx-deploy did not make. */
  readonly foreign: boolean;
  /** What it publishes, in the published mode. */
  readonly ports: readonly Publication[];
}

/** Undefined when there is no container of that name. Rejects with what the client says when the engine does not answer. */
export async function lookAtRouter(client: EngineClient, name = ROUTER): Promise<RouterFacts | undefined> {
  const { exitCode, output, complaints } = await client.call('look at the router', ['inspect', '--type=container', '--format={{json .}}', name]);
  if (exitCode === 0) return parseRouter(output);
  if (/no such (?:container|object)/i.test(complaints)) return undefined;
  throw client.failure('look at the router', complaints);
}

interface Inspected {
  readonly Id: string;
  readonly State: { readonly Status: string; readonly StartedAt?: string };
  readonly Config: { readonly Image?: string; readonly Labels?: Readonly<Record<string, string>> | null };
  /** Of podman, where the reference is not in Config. */
  readonly ImageName?: string;
  readonly HostConfig?: { readonly PortBindings?: Readonly<Record<string, readonly { readonly HostIp?: string; readonly HostPort?: string }[] | null>> | null };
}

function parseRouter(text: string): RouterFacts {
  const { Id, State, Config, ImageName, HostConfig } = JSON.parse(text) as Inspected;
  const labels = Config.Labels ?? {};
  const ports = Object.values(HostConfig?.PortBindings ?? {}).flatMap((bindings) => (bindings ?? []).map(({ HostIp = '', HostPort = '' }) => ({ address: HostIp === '' ? '0.0.0.0' : HostIp, port: Number(HostPort) })));
  return {
    id: Id, status: State.Status, startedAt: State.StartedAt ?? '', image: Config.Image ?? ImageName ?? '', ports,
    network: labels[MODE_LABEL] === 'published' ? 'published' : 'host', foreign: labels[LABELS.role] !== 'router',
  };
}
