/** How the public reaches a service and how requests find their release: what belongs to no release. */
import { createHash } from 'node:crypto';
import type { PlatformSettings, ServiceKey } from '../../releases/index.js';
import type { HaproxyListen, HaproxyRoute } from '../../routers/haproxy/index.js';
import { cookieName } from '../../routers/service-names.js';
import type { DockerListen, DockerSteering, DockerTarget } from './target.js';

/** As it is in force. */
export interface RouteSettings {
  readonly listen: HaproxyListen;
  readonly steering: DockerSteering;
}

/** As it is wanted; the names of the certificates are known, the port need not be. */
export interface WantedSettings {
  readonly listen: Omit<DockerListen, 'certificates'> & { readonly certificates?: readonly string[] };
  readonly steering: DockerSteering;
}

/** Undefined: what is in force stays. */
export function wantedSettings({ listen, steering = {} }: Pick<DockerTarget, 'listen' | 'steering'>): WantedSettings | undefined {
  if (listen === undefined) return undefined;
  const { certificates, ...rest } = listen;
  return { listen: { ...rest, ...(certificates === undefined ? {} : { certificates: certificates.map(certificateName) }) }, steering };
}

/** As the router names what it stores. */
function certificateName(pem: string): string {
  return createHash('sha256').update(pem).digest('hex').slice(0, 32);
}

export function settingsOf({ listen, sticky, testers }: HaproxyRoute): RouteSettings {
  return { listen, steering: { ...(sticky === undefined ? {} : { sticky: true }), ...(testers === undefined ? {} : { header: testers.header }) } };
}

/** The parts of a route that settings decide. */
export function steered(key: ServiceKey, { sticky, header }: DockerSteering, arriving: string | undefined): Pick<HaproxyRoute, 'sticky' | 'testers'> {
  return {
    ...(sticky === true ? { sticky: { cookie: cookieName(key) } } : {}),
    ...(header === undefined ? {} : { testers: { header, ...(arriving === undefined ? {} : { arriving }) } }),
  };
}

/** One line for each setting that differs; nothing where nothing is in force yet. */
export function settingsDrift(now: RouteSettings | undefined, { listen, steering }: WantedSettings): readonly string[] {
  if (now === undefined) return [];
  const names = (certificates: readonly string[] | undefined): string => (certificates === undefined || certificates.length === 0 ? 'none' : [...certificates].sort().map((name) => name.slice(0, 12)).join(' '));
  const changes: readonly (readonly [what: string, before: string | number, after: string | number])[] = [
    ['listen address', now.listen.address, listen.address],
    ['listen port', now.listen.port, listen.port ?? now.listen.port],
    ['listen host', now.listen.host ?? 'any', listen.host ?? 'any'],
    ['listen path', now.listen.path ?? '/', listen.path ?? '/'],
    ['certificates', names(now.listen.certificates), names(listen.certificates)],
    ['sticky cookie', onOff(now.steering.sticky), onOff(steering.sticky)],
    ['header for testers', now.steering.header ?? 'none', steering.header ?? 'none'],
  ];
  return changes.filter(([, before, after]) => before !== after).map(([what, before, after]) => `${what} ${before} becomes ${after}`);
}

export function asPlatformSettings(settings: RouteSettings | undefined): PlatformSettings {
  return settings === undefined ? {} : { ...settings };
}

/** What another version, or a person, wrote is looked at when the route is set. */
export function fromPlatformSettings(settings: PlatformSettings): RouteSettings | undefined {
  const { listen, steering } = settings as Partial<RouteSettings>;
  return listen === undefined ? undefined : { listen, steering: steering ?? {} };
}

/** Where the service answers, from outside. */
export function urlOf({ address, port, host, path, certificates }: HaproxyListen, engine: string): string {
  const everywhere = address === '0.0.0.0' || address === '::';
  const name = host ?? (everywhere ? engine : address);
  return `${(certificates?.length ?? 0) > 0 ? 'https' : 'http'}://${name.includes(':') ? `[${name}]` : name}:${port}${path ?? ''}`;
}

function onOff(set: boolean | undefined): string {
  return set === true ? 'on' : 'off';
}
