/** The part of a configuration that one service has for itself: how a release, and in it a server, is chosen, and what is counted. */
import { closureLines } from './closure.js';
import { LATENCY_TABLE } from './frontend.js';
import { backendName, serverName, serverNumbers, WAITED } from './names.js';
import { isSecure, type HaproxyRoute } from './route.js';
import { testerLines, testerServers } from './testers.js';
import { serverWeights } from './weights.js';

export interface Server {
  readonly name: string;
  readonly number: number;
  readonly host: string;
  readonly port: number;
  /** 0 to 256. */
  readonly weight: number;
}

export function serversOf(route: HaproxyRoute): readonly Server[] {
  const numbers = serverNumbers(route);
  const weights = serverWeights(route.weights, route.targets);
  return route.targets.map((target) => {
    const name = serverName(target);
    return { name, number: numbers.get(name) ?? 0, host: target.host, port: target.port, weight: weights.get(target.id) ?? 0 };
  });
}

/**
 * A server that takes no connection is left out at the first attempt, and asked again five times a second. The same in the file and for one that is
 * added at run time.
 */
export const SERVER_CHECK = ['check', 'inter', '1s', 'fastinter', '200ms', 'downinter', '200ms', 'fall', '2', 'rise', '1', 'observe', 'layer4', 'error-limit', '1', 'on-error', 'mark-down'] as const;

/** Where a server listens, as HAProxy writes it. */
export function serverAddress({ host, port }: Pick<Server, 'host' | 'port'>): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function serverLine(server: Server): string {
  return `server ${server.name} ${serverAddress(server)} id ${server.number} weight ${server.weight} ${SERVER_CHECK.join(' ')}`;
}

/** The lines of one service without its servers: what a running HAProxy takes over only by a reload. */
export function backendFrame(route: HaproxyRoute, folder: string): readonly string[] {
  const head = `backend ${backendName(route.key)}`;
  if (route.closure !== undefined) return [head, ...closureLines(route, folder)];
  return [head, ...testerLines(route, folder), ...chosen(route), ...FORWARDED, ...TIMED, ...counted(route), ...testerServers(route)];
}

export function backendLines(route: HaproxyRoute, folder: string): readonly string[] {
  return [...backendFrame(route, folder), ...serversOf(route).map(serverLine)];
}

/** Exact shares by turns; with a cookie by the client's id, on a ring where a weight that grows only adds clients. */
function chosen({ sticky, listen, testers }: HaproxyRoute): readonly string[] {
  if (sticky === undefined) return ['balance roundrobin'];
  const { cookie } = sticky;
  return [
    'balance hash var(txn.nxd_client)', 'hash-type consistent',
    `http-request set-var(txn.nxd_client) req.cook(${cookie})`,
    `http-request set-var(txn.nxd_new) uuid unless { var(txn.nxd_client) -m len 36 }${testers === undefined ? '' : ' or { var(txn.nxd_tester) -m found }'}`,
    'http-request set-var(txn.nxd_client) var(txn.nxd_new) if { var(txn.nxd_new) -m found }',
    // It is the router's own: instances do not see it.
    `http-request replace-header Cookie '^(.*; ?)?${cookie}=[^;]*;? ?(.*)$' '\\1\\2'`,
    'http-request del-header Cookie if { req.hdr(Cookie) -m len 0 }',
    `http-response add-header Set-Cookie "${cookie}=%[var(txn.nxd_new)]; Path=/; HttpOnly; SameSite=Lax${isSecure(listen) ? '; Secure' : ''}" if { var(txn.nxd_new) -m found }`,
  ];
}

/** Nobody in front is believed: what a client claims of itself is replaced. A request that may have been begun is sent again only when doing it twice is as good as once. */
const FORWARDED = [
  `http-request del-header ${WAITED}`,
  'http-request del-header Forwarded', 'http-request del-header X-Forwarded-For', 'option forwardfor',
  'http-request set-header X-Forwarded-Host %[req.hdr(host)]',
  'retry-on conn-failure empty-response', 'http-request disable-l7-retry unless { method GET HEAD OPTIONS }',
] as const;

/** A histogram that HAProxy itself has not: one counter per server and time to the answer's head, of two digits (123 ms counts as 120). */
const TIMED = [
  'http-request set-var(txn.nxd_ms) date(0,ms)',
  'http-response set-var(txn.nxd_ms) date(0,ms),sub(txn.nxd_ms)',
  'http-response set-var(txn.nxd_ms) var(txn.nxd_ms),div(10),mul(10) if { var(txn.nxd_ms) -m int ge 100 }',
  'http-response set-var(txn.nxd_ms) var(txn.nxd_ms),div(100),mul(100) if { var(txn.nxd_ms) -m int ge 1000 }',
  'http-response set-var(txn.nxd_ms) var(txn.nxd_ms),div(1000),mul(1000) if { var(txn.nxd_ms) -m int ge 10000 }',
] as const;

/** Its keys are `<backend>/<server>/<ms>`. */
function counted({ key }: HaproxyRoute): readonly string[] {
  return [
    'http-response set-var(txn.nxd_server) srv_name',
    `http-response set-var(txn.nxd_counter) str(${backendName(key)}/),concat(,txn.nxd_server,/),concat(,txn.nxd_ms)`,
    `http-response track-sc0 var(txn.nxd_counter) table ${LATENCY_TABLE}`, 'http-response sc-inc-gpc0(0)',
  ];
}
