/** The route of a service as its record says it, and the settings of it that belong to no release. */
import type { Listen, Route, Target } from '../../routers/router.js';
import { cookieName, routeKey } from '../../routers/service-names.js';
import type { ServiceRecord, Steering } from './record.js';

/** The listen address that is wanted; without a port one is picked and kept. */
export type WantedListen = Omit<Listen, 'port'> & { readonly port?: number };

/** What `deploy.json` says of the route, or what is in force. */
export interface Settings {
  readonly listen: WantedListen;
  readonly steering: Steering;
}

export function routeOf({ key, weights, steering, arriving, closed }: ServiceRecord, listen: Listen, targets: readonly Target[]): Route {
  return {
    key: routeKey(key), listen, weights, targets,
    ...(steering?.sticky === true ? { sticky: { cookie: cookieName(key) } } : {}),
    ...(steering?.header === undefined ? {} : { testers: { header: steering.header, ...(arriving === undefined ? {} : { arriving }) } }),
    ...(closed === undefined ? {} : { closure: closed.closure }),
  };
}

/** One line for each setting that differs; nothing where nothing was in force yet. */
export function settingsDrift(now: { readonly listen?: Listen; readonly steering?: Steering }, wanted: Settings): readonly string[] {
  const { listen, steering = {} } = now;
  if (listen === undefined) return [];
  const changes: readonly (readonly [what: string, before: string | number, after: string | number])[] = [
    ['listen address', listen.address, wanted.listen.address],
    ['listen port', listen.port, wanted.listen.port ?? listen.port],
    ['listen host', listen.host ?? 'any', wanted.listen.host ?? 'any'],
    ['sticky cookie', onOff(steering.sticky), onOff(wanted.steering.sticky)],
    ['header for testers', steering.header ?? 'none', wanted.steering.header ?? 'none'],
  ];
  return changes.filter(([, before, after]) => before !== after).map(([what, before, after]) => `${what} ${before} becomes ${after}`);
}

function onOff(set: boolean | undefined): string {
  return set === true ? 'on' : 'off';
}
