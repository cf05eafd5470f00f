/** Proxies of a company's network, by the variables that curl and Go programs read: HTTPS_PROXY, HTTP_PROXY, NO_PROXY, in either case. */
import { BlockList, isIP, isIPv6 } from 'node:net';
import { DeployError } from '../../errors.js';

/** The proxy for an address; undefined for a direct connection. A loopback address never goes through a proxy. @throws DeployError ND-OPTION-INVALID */
export function proxyFor(url: URL, env: NodeJS.ProcessEnv): URL | undefined {
  const host = bareHost(url);
  if (isLoopback(url) || isExempt(host, url.port === '' ? defaultPort(url) : url.port, read(env, 'NO_PROXY') ?? '')) return undefined;
  const name = url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  const text = read(env, name);
  if (text === undefined || text === '') return undefined;
  const address = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  const proxy = URL.canParse(address) ? new URL(address) : undefined;
  if (proxy === undefined || !['http:', 'https:'].includes(proxy.protocol)) {
    throw new DeployError('ND-OPTION-INVALID', { what: `the variable ${name} is no address of an HTTP proxy`, next: `set it to http://host:port, or name the registry in NO_PROXY` });
  }
  return proxy;
}

/** `localhost`, names below it, 127.0.0.0/8 and ::1. */
export function isLoopback(url: URL): boolean {
  const host = bareHost(url);
  return host === 'localhost' || host.endsWith('.localhost') || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

export function defaultPort(url: URL): string {
  return url.protocol === 'https:' ? '443' : '80';
}

/** Without the brackets of an IPv6 address, in lower case. */
export function bareHost(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
}

/** The lower-case name first, as curl does; an upper-case HTTP_PROXY in a CGI program may come from a request header. */
function read(env: NodeJS.ProcessEnv, name: string): string | undefined {
  return env[name.toLowerCase()] ?? (name === 'HTTP_PROXY' && env['REQUEST_METHOD'] !== undefined ? undefined : env[name]);
}

function isExempt(host: string, port: string, list: string): boolean {
  return list.split(/[\s,]+/).filter((rule) => rule !== '').some((rule) => matches(rule.toLowerCase(), host, port));
}

function matches(rule: string, host: string, port: string): boolean {
  if (rule === '*') return true;
  const [, address = '', prefix] = /^([0-9a-f.:]+)\/(\d{1,3})$/.exec(rule) ?? [];
  if (prefix !== undefined) return inSubnet(host, address, Number(prefix));
  const [, name = rule, onlyPort] = /^(\[[^\]]+\]|[^:]+):(\d+)$/.exec(rule) ?? [];
  if (onlyPort !== undefined && onlyPort !== port) return false;
  const domain = name.replace(/^\[|\]$/g, '').replace(/^\*(?=\.)/, '');
  if (domain.startsWith('.')) return host.endsWith(domain);
  return host === domain || (isIP(host) === 0 && host.endsWith(`.${domain}`));
}

function inSubnet(host: string, address: string, prefix: number): boolean {
  const family = isIPv6(address) ? 'ipv6' : 'ipv4';
  if (isIP(address) === 0 || isIP(host) !== (family === 'ipv6' ? 6 : 4) || prefix > (family === 'ipv6' ? 128 : 32)) return false;
  const list = new BlockList();
  list.addSubnet(address, prefix, family);
  return list.check(host, family);
}
