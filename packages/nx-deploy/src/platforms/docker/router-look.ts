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
  /** The reference that it was made from. */
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

/** One call for both. Rejects with what the client says when the engine does not answer. */
export async function lookAtRouters(client: EngineClient): Promise<RoutersThere> {
  const { output, complaints } = await client.call('look at the router', ['inspect', '--type=container', '--format={{json .}}', ROUTER, NEXT_ROUTER]);
  const found = output.split('\n').filter((line) => line.startsWith('{')).map(parseRouter);
  const [old, next] = [ROUTER, NEXT_ROUTER].map((name) => found.find((facts) => facts.name === name));
  // One that is not there is a complaint, and all that is one.
  if (found.length < 2 && !/no such (?:container|object)/i.test(complaints)) throw client.failure('look at the router', complaints);
  return { old, next };
}

export async function lookAtRouter(client: EngineClient): Promise<RouterFacts | undefined> {
  return (await lookAtRouters(client)).old;
}

/** Those that have left their name to another. */
export async function leavingRouters(client: EngineClient): Promise<readonly { readonly id: string; readonly running: boolean }[]> {
  const said = await client.ask('look for old routers', ['ps', '--all', '--no-trunc', `--filter=label=${LABELS.role}=router`, '--format={{.ID}}\t{{.Names}}\t{{.State}}']);
  return said.split('\n').map((line) => line.split('\t')).flatMap(([id = '', name = '', state = '']) => (name === leavingName(id) ? [{ id, running: state === 'running' }] : []));
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

function parseRouter(text: string): RouterFacts {
  const { Id, Name, Image, State, Config, ImageName, HostConfig } = JSON.parse(text) as Inspected;
  const labels = Config.Labels ?? {};
  const ports = Object.values(HostConfig?.PortBindings ?? {}).flatMap((bindings) => (bindings ?? []).map(({ HostIp = '', HostPort = '' }) => ({ address: HostIp === '' ? '0.0.0.0' : HostIp, port: Number(HostPort) })));
  return {
    name: Name.replace(/^\//, ''), id: Id, imageId: Image, status: State.Status, startedAt: State.StartedAt ?? '', image: Config.Image ?? ImageName ?? '', ports,
    network: labels[MODE_LABEL] === 'published' ? 'published' : 'host', foreign: labels[LABELS.role] !== 'router',
  };
}
