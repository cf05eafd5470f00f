/** One HTTP request over a connection of its own. */
import { request } from 'node:http';
import { createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly release: string;
  readonly service: string;
  readonly instance: string;
  /** As they came, one `Set-Cookie` each. */
  readonly cookies: readonly string[];
}

export interface AskOptions {
  readonly host?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

export function ask(url: string, options: AskOptions = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { ...options.headers, ...(options.host === undefined ? {} : { host: options.host }) };
    const outgoing = request(url, { agent: false, headers, signal: AbortSignal.timeout(options.timeoutMs ?? 5_000) }, (response) => {
      const header = (name: string): string => String(response.headers[name] ?? '');
      text(response).then((body) => resolve({
        status: response.statusCode ?? 0, body, release: header('x-release'), service: header('x-service'), instance: header('x-instance'),
        cookies: response.headers['set-cookie'] ?? [],
      }), reject);
    });
    outgoing.once('error', reject);
    outgoing.end();
  });
}

export async function askJson(url: string, options: { readonly host?: string } = {}): Promise<Record<string, unknown>> {
  return JSON.parse((await ask(url, options)).body) as Record<string, unknown>;
}

/** Characters of what was seen last, which may be a whole log. */
const SHOWN = 3_000;

/** Resolves when the check holds; rejects with what it saw last. */
export async function eventually<T>(what: string, look: () => T | Promise<T>, holds: (seen: T) => boolean, within = 15_000): Promise<T> {
  const end = performance.now() + within;
  let last: unknown;
  for (;;) {
    try {
      const seen = await look();
      if (holds(seen)) return seen;
      last = seen;
    } catch (error) {
      last = error instanceof Error ? error.message : error;
    }
    if (performance.now() > end) throw new Error(`not within ${within} ms: ${what}; seen last: ${JSON.stringify(last ?? null).slice(-SHOWN)}`);
    await sleep(50);
  }
}

/** Below the ports that agents give to instances and that the system gives to outgoing connections. */
const LOW = 12_000;
const HIGH = 22_000;

const given = new Set<number>();

/** A port of 127.0.0.1 on which nobody listens; never the same twice. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = LOW + Math.floor(Math.random() * (HIGH - LOW));
    if (given.has(port)) continue;
    given.add(port);
    const free = await new Promise<boolean>((resolve) => {
      const server = createServer();
      server.once('error', () => resolve(false));
      server.listen({ port, exclusive: true }, () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
}
