/** The commands that bring the servers of a running HAProxy in line with a route. Pure: text in the order in which it is to be said. */
import type { RunningServer } from './answers.js';
import { SERVER_CHECK, serverAddress, serversOf, type Server } from './backend.js';
import { backendName } from './names.js';
import type { HaproxyRoute } from './route.js';

/** To the worker that serves now. */
export function toWorker(command: string): string {
  return `@1 ${command}`;
}

/** To one that leaves. */
export function toLeaving(worker: number, command: string): string {
  return `@!${worker} ${command}`;
}

/**
 * What gets more comes before what gets less, and what goes comes last: at no moment has a service less than it has before or after. A server that
 * still has requests cannot be deleted: it stays, without traffic, until the next reload.
 */
export function changesOf(route: HaproxyRoute, running: readonly RunningServer[]): readonly string[] {
  const backend = backendName(route.key);
  const wanted = serversOf(route);
  const known = new Map(running.map((server) => [server.name, server]));
  const names = new Set(wanted.map(({ name }) => name));
  const changed = wanted.map((server) => ({ server, now: known.get(server.name) })).sort((a, b) => gain(b) - gain(a));
  const gone = running.filter(({ name }) => !names.has(name));
  return [
    ...changed.flatMap(({ server, now }) => (now === undefined ? added(backend, server) : altered(`${backend}/${server.name}`, server, now))),
    ...gone.filter(({ maintenance }) => !maintenance).map(({ name }) => `set server ${backend}/${name} state maint`),
    ...gone.map(({ name }) => `del server ${backend}/${name}`),
  ].map(toWorker);
}

function gain({ server, now }: { readonly server: Server; readonly now: RunningServer | undefined }): number {
  return server.weight - (now === undefined || now.maintenance ? 0 : now.weight);
}

function added(backend: string, server: Server): readonly string[] {
  const name = `${backend}/${server.name}`;
  return [`add server ${name} ${serverAddress(server)} id ${server.number} weight ${server.weight} ${SERVER_CHECK.join(' ')}`, `enable health ${name}`, `enable server ${name}`];
}

function altered(name: string, server: Server, now: RunningServer): readonly string[] {
  return [
    ...(server.host === now.host && server.port === now.port ? [] : [`set server ${name} addr ${server.host} port ${server.port}`]),
    ...(server.weight === now.weight ? [] : [`set server ${name} weight ${server.weight}`]),
    ...(now.maintenance ? [`set server ${name} state ready`] : []),
  ];
}

const DONE = /^(?:New server registered\.|Server deleted\.|IP changed from .*|.*port changed from .*|no need to change .*|.*no change.*)?$/i;

/** The first answer that says that its command was not done; what only keeps a server without traffic is none. */
export function refusal(commands: readonly string[], answers: readonly string[]): string | undefined {
  const index = commands.findIndex((command, at) => !command.startsWith(toWorker('del server ')) && !(answers[at] ?? 'no answer').split('\n').every((line) => DONE.test(line.trim())));
  return index < 0 ? undefined : `${commands[index] ?? ''}: ${answers[index] ?? 'no answer'}`;
}
