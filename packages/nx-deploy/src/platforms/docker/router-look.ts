/** What there is of the router on an engine, as the engine tells it. */
import type { EngineClient } from '../../shell/engine/index.js';
import { LABELS } from './labels.js';
import { leavingName, MODE_LABEL, NEXT_ROUTER, ROUTER, type Publication, type RouterMode } from './router-arguments.js';

export interface RouterFacts {
  /** Of the container. */
  readonly name: string;
  readonly id: string;
  /** Docker's word: created, running, paused, restarting, removing, exited, dead. */
  readonly status: string;
  /** ISO time, as the engine writes it. */
  readonly startedAt: string;
  /** The reference that it was made from, as {@link shortName} has it. */
  readonly image: string;
  readonly imageId: string;
  readonly network: RouterMode;
  /** A container of that name that nx-deploy did not make. */
  readonly foreign: boolean;
  /** What it publishes, in the published mode. */
  readonly ports: readonly Publication[];
}

export interface RoutersThere {
  readonly old: RouterFacts | undefined;
  /** One that takes over. */
  readonly next: RouterFacts | undefined;
}

/** Rejects with what the client says when the engine does not answer. */
export async function lookAtRouters(client: EngineClient): Promise<RoutersThere> {
  const [old, next] = await client.objects.inspect('look at the router', 'container', [ROUTER, NEXT_ROUTER]) as readonly (Inspected | undefined)[];
  return { old: old && routerOf(old), next: next && routerOf(next) };
}

export async function lookAtRouter(client: EngineClient): Promise<RouterFacts | undefined> {
  return (await lookAtRouters(client)).old;
}

/** Those that have left their name to another. */
export async function leavingRouters(client: EngineClient): Promise<readonly { readonly id: string; readonly running: boolean }[]> {
  const found = await client.objects.list('look for old routers', { labels: [`${LABELS.role}=router`] });
  return found.flatMap(({ id, name, state }) => (name === leavingName(id) ? [{ id, running: state === 'running' }] : []));
}

interface Inspected {
  readonly Id: string;
  readonly Name: string;
  readonly Image: string;
  readonly State: { readonly Status: string; readonly StartedAt?: string };
  readonly Config: { readonly Image?: string; readonly Labels?: Readonly<Record<string, string>> | null };
  /** Of podman, where the reference is not in Config. */
  readonly ImageName?: string;
  readonly HostConfig?: { readonly PortBindings?: Readonly<Record<string, readonly { readonly HostIp?: string; readonly HostPort?: string }[] | null>> | null };
}

/** podman has the whole name of an image, where docker has what its user wrote. */
export function shortName(image: string): string {
  return image.replace(/^(?:localhost\/|docker\.io\/(?:library\/)?)/, '');
}

function routerOf({ Id, Name, Image, State, Config, ImageName, HostConfig }: Inspected): RouterFacts {
  const labels = Config.Labels ?? {};
  const ports = Object.values(HostConfig?.PortBindings ?? {}).flatMap((bindings) => (bindings ?? []).map(({ HostIp = '', HostPort = '' }) => ({ address: HostIp === '' ? '0.0.0.0' : HostIp, port: Number(HostPort) })));
  return {
    name: Name.replace(/^\//, ''), id: Id, imageId: Image, status: State.Status, startedAt: State.StartedAt ?? '', image: shortName(Config.Image ?? ImageName ?? ''), ports,
    network: labels[MODE_LABEL] === 'published' ? 'published' : 'host', foreign: labels[LABELS.role] !== 'router',
  };
}
