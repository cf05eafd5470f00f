/** Where a service is that is none of the workspace: `host:port`, or a URL. */
import { fillIn } from 'nx-env-sync';

export type Address =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  /** Asked with GET; it answers with 2xx. */
  | { readonly kind: 'http'; readonly url: string };

/** Where such a server listens when its URL names no port. */
const PORTS: Readonly<Record<string, number>> = {
  'postgres:': 5432, 'postgresql:': 5432, 'mysql:': 3306, 'mariadb:': 3306, 'mongodb:': 27017, 'redis:': 6379, 'rediss:': 6379, 'amqp:': 5672, 'amqps:': 5671, 'nats:': 4222, 'mqtt:': 1883, 'mqtts:': 8883,
};
const HOST_AND_PORT = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)):(\d{1,5})$/;
const FORM = '"db.example.com:5432", or a URL like "https://billing.example.com/health" or "postgres://db.example.com"';

/** In words that go on after the address, and hold nothing of it: it may be secret. */
export function parseAddress(text: string): Address | string {
  const [matched, six, name, port = ''] = HOST_AND_PORT.exec(text) ?? [];
  if (matched !== undefined) return tcp(six ?? name ?? '', Number(port));
  if (!/^[a-z][a-z0-9+.-]*:\/\//.test(text) || !URL.canParse(text)) return `is no address like ${FORM}`;
  const url = new URL(text);
  if (url.hostname === '') return `names no host; it must be ${FORM}`;
  if (url.protocol === 'http:' || url.protocol === 'https:') return { kind: 'http', url: text };
  const standard = url.port === '' ? PORTS[url.protocol] : Number(url.port);
  return standard === undefined ? 'names no port, and none is usual for it: write it behind the host' : tcp(url.hostname.replace(/^\[|\]$/g, ''), standard);
}

function tcp(host: string, port: number): Address | string {
  return port >= 1 && port <= 65_535 ? { kind: 'tcp', host, port } : 'has a port that is none: one is 1 to 65535';
}

/** What is wrong with an address as it stands in deploy.json, where `${NAME}` may be what an environment sets. */
export function addressProblem(written: string): string | undefined {
  const { text, used } = fillIn(written, {});
  if (text.replaceAll(/\$\{[A-Za-z_][A-Za-z0-9_]*\}/g, '').includes('${')) return 'holds a "${" that begins no variable; write ${NAME} or ${NAME:-otherwise}';
  // What an environment puts there is seen when it is deployed to that.
  if (used.length > 0) return undefined;
  const address = parseAddress(text);
  if (typeof address === 'string') return address;
  return URL.canParse(text) && /^[a-z][a-z0-9+.-]*:\/\/[^/]*@/.test(text) ? 'holds a user or a password; put the address into a variable of the environment and write ${NAME}' : undefined;
}
