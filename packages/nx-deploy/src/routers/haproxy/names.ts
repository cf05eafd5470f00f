/** Names and numbers in HAProxy's configuration, each derived from what it stands for, so that every program that renders it finds the same ones. */
import { createHash } from 'node:crypto';
import type { ReleaseId } from '../../model/index.js';
import type { Listen, Target } from '../router.js';
import type { HaproxyRoute } from './route.js';

/** A readable part and, since that is not unique, a digest of the key. */
export function backendName(key: string): string {
  const readable = key.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-').replaceAll(/^-|-$/g, '').slice(0, 40);
  return `nxd_${readable}_${createHash('sha256').update(key).digest('hex').slice(0, 12)}`;
}

export function frontendName({ address, port }: Listen): string {
  return `nxd_${address.replaceAll(/[^0-9a-zA-Z]/g, '-')}_${port}`;
}

/** By which a worker that leaves reaches the one that serves. The longest path of a socket is some 90 bytes. */
export function handOverSocket({ address, port }: Listen, folder: string): string {
  return `unix@${folder}/next-${createHash('sha256').update(`${address} ${port}`).digest('hex').slice(0, 12)}.sock`;
}

/** Of a certificate with its key, in HAProxy's folder. */
export function certificateFile(name: string): string {
  return `certs/${name}.pem`;
}

/** A slash stands between backend and server in HAProxy's own commands. */
export function serverName({ id }: Pick<Target, 'id'>): string {
  return id.replace('/', ':');
}

export function releaseOf(server: string): ReleaseId {
  return server.slice(0, Math.max(0, server.indexOf(':')));
}

/** A server of every paused route: the worker that serves next. */
export const NEXT = 'nxd_next';
/** Header between two workers: how long a request has waited, ms. */
export const WAITED = 'X-Nxd-Waited';

const IDS = 0x7fff_fffe;

/** Consistent hashing places a server by its number, which therefore must not depend on the others: a taken one moves on, which next to never happens. */
export function serverNumbers({ targets }: Pick<HaproxyRoute, 'targets'>): ReadonlyMap<string, number> {
  const taken = new Set<number>();
  const numbers = new Map<string, number>();
  for (const name of targets.map(serverName).sort()) {
    let number = 1 + createHash('sha256').update(name).digest().readUInt32BE() % IDS;
    while (taken.has(number)) number = 1 + number % IDS;
    taken.add(number);
    numbers.set(name, number);
  }
  return numbers;
}
