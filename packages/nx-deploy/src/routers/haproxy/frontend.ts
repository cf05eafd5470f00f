/** The part of a configuration that services share: listeners, and who gets which request. */
import { backendName, certificateFile, frontendName, handOverSocket, WAITED } from './names.js';
import { isSecure, place, type HaproxyListen, type HaproxyRoute } from './route.js';

export const LATENCY_TABLE = 'nxd_latency';
/** Answers what no route takes. */
const UNKNOWN = 'nxd_unknown';
/** Name of the sockets by which a worker gets requests from one that leaves. */
const HANDED = 'handed';

/** The sections that do not depend on any route; their lines come before those of the frontends. `folder` is where HAProxy runs. */
export function sharedSections(folder: string): readonly (readonly string[])[] {
  return [
    // Without a single listener HAProxy does not start.
    ['frontend nxd_self', `bind unix@${folder}/self.sock mode 600`, `default_backend ${UNKNOWN}`],
    [`backend ${UNKNOWN}`, 'http-request return status 404 content-type text/plain string "no service has this address"'],
    [`backend ${LATENCY_TABLE}`, 'stick-table type string len 192 size 100k expire 1d store gpc0'],
  ];
}

/** Two sections for each address and port: who listens there, and how a worker that leaves reaches the one that serves. */
export function frontendSections(routes: readonly HaproxyRoute[], folder: string): readonly (readonly string[])[] {
  const listens = new Map(routes.map(({ listen }) => [place(listen), listen]));
  return [...listens].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([name, listen]) => {
    const mine = routes.filter((route) => place(route.listen) === name);
    return [frontend(listen, mine, folder), handOver(listen, folder)];
  });
}

function frontend(listen: HaproxyListen, routes: readonly HaproxyRoute[], folder: string): readonly string[] {
  const certificates = [...new Set(routes.flatMap((route) => route.listen.certificates ?? []))];
  const secure = isSecure(listen) ? ` ssl ${certificates.map((name) => `crt ${folder}/${certificateFile(name)}`).join(' ')} alpn h2,http/1.1` : '';
  const ordered = [...routes].sort((a, b) => rank(b.listen) - rank(a.listen) || a.key.localeCompare(b.key));
  const all = ordered.find((route) => rank(route.listen) === 0);
  return [
    `frontend ${frontendName(listen)}`, `bind ${place(listen)}${secure}`, `bind ${handOverSocket(listen, folder)} mode 600 accept-proxy name ${HANDED}`,
    `http-request set-header X-Forwarded-Proto ${isSecure(listen) ? 'https' : 'http'}`, `http-request del-header ${WAITED} unless { so_name ${HANDED} }`,
    `use_backend ${handOverName(listen)} if { stopping }`,
    ...ordered.flatMap((route) => conditions(route.listen).map((condition) => `use_backend ${backendName(route.key)} if ${condition}`)),
    `default_backend ${all === undefined ? UNKNOWN : backendName(all.key)}`,
  ];
}

/**
 * A worker that a reload has replaced still gets a request from each client that was connected to it and idle. Its own servers may be gone by then, and it
 * takes no commands any more: so it hands such a request to the worker that serves now, with the client's address.
 */
function handOver(listen: HaproxyListen, folder: string): readonly string[] {
  return [`backend ${handOverName(listen)}`, 'http-reuse never', `server next ${handOverSocket(listen, folder)} send-proxy-v2`];
}

function handOverName(listen: HaproxyListen): string {
  return `${frontendName(listen)}_next`;
}

/** A route of a host comes before one of all, then the longer path; 0 is the route of everything. */
function rank({ host, path = '' }: HaproxyListen): number {
  return (host === undefined ? 0 : 1_000_000) + path.length;
}

/** Each is the condition of one rule; none for the route of everything. */
function conditions({ host, path }: HaproxyListen): readonly string[] {
  const named = host === undefined ? [] : [`{ req.hdr(host),field(1,:),lower -m str ${host} }`];
  if (path === undefined) return named;
  return [`{ path -m str ${path} }`, `{ path -m beg ${path}/ }`].map((test) => [...named, test].join(' '));
}
