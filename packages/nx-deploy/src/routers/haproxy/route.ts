/** What one service and environment asks of the HAProxy that it shares with others, and what cannot stand there. */
import { DeployError } from '../../errors.js';
import { RELEASE_ID_PATTERN, type Ms } from '../../model/index.js';
import type { Listen, Route } from '../router.js';
import { checkClosure } from './closure.js';

/** Where the public reaches a service. A route with a host, or with a longer path, comes before one without. */
export interface HaproxyListen extends Listen {
  /** Requests whose path is this or lies below it: `/api` takes `/api` and `/api/users`, not `/apis`. It begins with `/` and does not end with one. */
  readonly path?: string;
  /** Names of stored certificates (see {@link HaproxyRouter.storeCertificate}); with at least one, the port speaks TLS only, HTTP/2 and HTTP/1.1. */
  readonly certificates?: readonly string[];
}

/** The whole truth of one service and environment; replaced as a whole. */
export interface HaproxyRoute extends Pick<Route, 'key' | 'weights' | 'targets' | 'sticky' | 'testers' | 'closure'> {
  readonly listen: HaproxyListen;
  /** Of `closure`: since when (ISO time), and by whom. */
  readonly closed?: { readonly since: string; readonly by: string };
  /** How long requests of the service may take to finish when their instance, or the configuration, leaves. */
  readonly drain: Ms;
}

/** `<release>/<instance>`. */
const TARGET_ID = /^[A-Za-z0-9][A-Za-z0-9_.-]*\/[A-Za-z0-9][A-Za-z0-9_.-]*$/;
const HOST = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/;
/** What needs no quoting in HAProxy's configuration (its manual, section 2.2), and is a path all the same. */
const PATH = /^(\/[A-Za-z0-9._~!$&()*+,;=:@%-]+)+$/;
const ADDRESS = /^[0-9a-fA-F.:]+$/;
/** RFC 9110 section 5.6.2, without what has a meaning in a regular expression. */
const TOKEN = /^[A-Za-z0-9_-]+$/;
export const CERTIFICATE = /^[0-9a-f]{32}$/;
const MOST_TARGETS = 4_000;

/**
 * Throws ND-INTERNAL for what has no place in a configuration: it was checked when it was read, and nothing that was not gets into the shared file; and
 * ND-OPTION-INVALID for a closure that HAProxy cannot do.
 */
export function checkRoute({ key, listen, weights, targets, sticky, testers, closure, drain }: HaproxyRoute): void {
  const refuse = (setting: string): never => {
    throw new DeployError('ND-INTERNAL', { what: `route ${JSON.stringify(key)} cannot be set`, why: `${setting} has no valid form` });
  };
  if (!ADDRESS.test(listen.address)) refuse('listen.address');
  if (!isWhole(listen.port, 1, 65_535)) refuse('listen.port');
  if (listen.host !== undefined && !HOST.test(listen.host)) refuse('listen.host');
  if (listen.path !== undefined && !PATH.test(listen.path)) refuse('listen.path');
  if (listen.certificates?.every((name) => CERTIFICATE.test(name)) === false) refuse('listen.certificates');
  if (sticky !== undefined && !TOKEN.test(sticky.cookie)) refuse('sticky.cookie');
  if (testers !== undefined && (!TOKEN.test(testers.header) || (testers.arriving !== undefined && !RELEASE_ID_PATTERN.test(testers.arriving)))) refuse('testers');
  if (!isWhole(drain, 0, Number.MAX_SAFE_INTEGER)) refuse('drain');
  if (Object.entries(weights).some(([release, weight]) => !RELEASE_ID_PATTERN.test(release) || !(weight >= 0 && weight <= 100))) refuse('weights');
  if (targets.length > MOST_TARGETS || new Set(targets.map(({ id }) => id)).size < targets.length) refuse('targets');
  for (const { id, release, host, port } of targets) {
    if (!TARGET_ID.test(id) || !id.startsWith(`${release}/`) || !ADDRESS.test(host) || !isWhole(port, 1, 65_535)) refuse('targets');
  }
  checkClosure(key, closure);
}

function isWhole(value: number, least: number, most: number): boolean {
  return Number.isSafeInteger(value) && value >= least && value <= most;
}

/** Throws ND-LISTEN-CONFLICT when another route asks for the same requests, or for the same port in another way. */
export function checkConflict(route: HaproxyRoute, others: readonly HaproxyRoute[]): void {
  for (const other of others) {
    const why = clash(route.listen, other.listen);
    if (why === undefined) continue;
    throw new DeployError('ND-LISTEN-CONFLICT', {
      what: `${place(route.listen)} is taken by ${other.key}`, where: place(route.listen), why,
      next: `give this service another port, or a host or path of its own, or remove ${other.key}`,
    });
  }
}

function clash(mine: HaproxyListen, theirs: HaproxyListen): string | undefined {
  if (mine.port !== theirs.port) return undefined;
  if (mine.address !== theirs.address) return overlap(mine.address, theirs.address) ? `${theirs.address} and ${mine.address} overlap` : undefined;
  if (isSecure(mine) !== isSecure(theirs)) return 'one of them has certificates and the other has none, and a port speaks TLS or does not';
  return mine.host === theirs.host && mine.path === theirs.path ? 'two routes cannot have the same address, port, host and path' : undefined;
}

/** An address that takes the connections of every other of its family, or of both. */
function overlap(mine: string, theirs: string): boolean {
  return [mine, theirs].some((address) => address === '::' || (address === '0.0.0.0' && (mine.includes(':') === theirs.includes(':'))));
}

export function isSecure({ certificates }: HaproxyListen): boolean {
  return (certificates?.length ?? 0) > 0;
}

/** What a HAProxy is told that takes connections at every address it has. */
export function atAnyAddress(route: HaproxyRoute): HaproxyRoute {
  return { ...route, listen: { ...route.listen, address: '0.0.0.0' } };
}

/** The listener's name: routes with the same one share it. */
export function place({ address, port }: Listen): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`;
}
