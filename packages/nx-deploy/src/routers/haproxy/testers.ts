/**
 * Testers choose their release by a header. Which servers a word of theirs stands for is in a map, a file of keys and values that a running HAProxy takes
 * changes of: so a release may arrive, and instances come and go, without a reload.
 */
import type { ReleaseId } from '../../model/index.js';
import { backendName, serverName } from './names.js';
import type { HaproxyRoute } from './route.js';

export const MAP = 'testers.map';
/** Lines of the configuration that hold the map: one rename replaces both. */
export const MAP_LINE = '#m ';

/** By key, `<backend>/<word>` with the number of servers, and `<backend>/<word>/<number>` with the name of each. */
export type TesterMap = ReadonlyMap<string, string>;

/** In how many parts the shares of several other releases are expressed for a tester who wants any but the arriving one. */
const PARTS = 20;

export function testerMap(routes: readonly HaproxyRoute[]): TesterMap {
  return new Map(routes.flatMap((route) => words(route).flatMap(([word, servers]) => {
    const name = `${backendName(route.key)}/${word}`;
    return servers.length === 0 ? [] : [[name, String(servers.length)], ...servers.map((server, index) => [`${name}/${index}`, server])] as [string, string][];
  })));
}

/** The servers of each word that a tester may say. */
function words({ testers, targets, weights }: HaproxyRoute): readonly (readonly [word: string, servers: readonly string[]])[] {
  if (testers === undefined) return [];
  const { arriving } = testers;
  const releases = new Map<ReleaseId, string[]>();
  for (const target of targets) releases.set(target.release, [...releases.get(target.release) ?? [], serverName(target)]);
  const named = [...releases].map(([release, servers]) => [release, servers] as const);
  if (arriving === undefined) return named;
  const others = named.filter(([release]) => release !== arriving);
  const weighty = others.filter(([release]) => (weights[release] ?? 0) > 0);
  return [...named, ['always', releases.get(arriving) ?? []], ['never', spread(weighty.length === 0 ? others : weighty, weights)]];
}

/** One after the other, each as often as its share says. */
function spread(releases: readonly (readonly [ReleaseId, readonly string[]])[], weights: HaproxyRoute['weights']): readonly string[] {
  if (releases.length < 2) return releases.flatMap(([, servers]) => servers);
  const total = releases.reduce((sum, [release]) => sum + (weights[release] ?? 0), 0);
  return releases.flatMap(([release, servers]) => {
    const parts = total === 0 ? servers.length : Math.max(1, Math.round((PARTS * (weights[release] ?? 0)) / total));
    return Array.from({ length: parts }, (_, index) => servers[index % servers.length] ?? '');
  });
}

/** The lines of a backend: two servers of those that the word stands for, as the first one may be down. Whatever it does not stand for is ignored. */
export function testerLines({ key, testers }: HaproxyRoute, folder: string): readonly string[] {
  if (testers === undefined) return [];
  const map = `map_str(${folder}/${MAP})`;
  const server = (name: string, number: string): string => `http-request set-var(txn.${name}) str(${backendName(key)}/),concat(,txn.nxd_word,/),concat(,txn.${number}),${map} if { var(txn.${number}) -m found }`;
  return [
    `http-request set-var(txn.nxd_word) req.hdr(${testers.header}) if { req.hdr(${testers.header}) -m reg '^(always|never|r[0-9a-f]{12})$' }`,
    `http-request set-var(txn.nxd_many) str(${backendName(key)}/),concat(,txn.nxd_word),${map},add(0) if { var(txn.nxd_word) -m found }`,
    'http-request set-var(txn.nxd_first) rand,mod(txn.nxd_many) if { var(txn.nxd_many) -m int gt 0 }',
    'http-request set-var(txn.nxd_second) var(txn.nxd_first),add(1),mod(txn.nxd_many) if { var(txn.nxd_first) -m found }',
    server('nxd_tester', 'nxd_first'), server('nxd_other', 'nxd_second'),
  ];
}

/** After all rules of the backend. */
export function testerServers({ testers }: HaproxyRoute): readonly string[] {
  return testers === undefined ? [] : ['nxd_tester', 'nxd_other'].map((name) => `use-server %[var(txn.${name})] if { var(txn.${name}) -m found }`);
}

/** What brings a running HAProxy's map in line. */
export function mapCommands(folder: string, wanted: TesterMap, running: TesterMap): readonly string[] {
  const file = `${folder}/${MAP}`;
  return [
    // Servers before the number that leads to them, and the other way round.
    ...[...wanted].filter(([key, value]) => running.get(key) !== value).sort(([a], [b]) => b.length - a.length)
      .map(([key, value]) => (running.has(key) ? `set map ${file} ${key} ${value}` : `add map ${file} ${key} ${value}`)),
    ...[...running.keys()].filter((key) => !wanted.has(key)).sort((a, b) => a.length - b.length).map((key) => `del map ${file} ${key}`),
  ];
}

/** `show map`: its reference, key and value in each line. */
export function readMap(answer: string): TesterMap {
  return new Map([...answer.matchAll(/^0x[0-9a-f]+ (\S+) (\S+)$/gm)].map(([, key = '', value = '']) => [key, value]));
}
