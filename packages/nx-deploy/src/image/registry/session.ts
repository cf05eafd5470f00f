/** Requests to one registry: authorization, redirects, and which addresses may be plain http. */
import { DeployError, errorCode } from '../../errors.js';
import type { Ms } from '../../model/index.js';
import { Authorization, type Access } from './authorization.js';
import type { Credential } from './credentials.js';
import { connectionFailure, denied, isCertificateError, placeOf, statusFailure } from './failures.js';
import { plain, printable } from './plain.js';
import { isLoopback } from './proxy.js';
import { HUB_HOST, type Repository } from './reference.js';
import { cancelled, orCancelled, retrying, type Again, type RetryPolicy } from './retry.js';
import type { Content, Incoming, Outgoing, Transport } from './transport.js';

export interface Ask {
  readonly method: Outgoing['method'];
  /** Below the registry's address, `/v2/...`; or a whole address that the registry gave. */
  readonly to: string | URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly content?: Content;
  readonly access: Access;
  /** Statuses that the caller handles. Any other is thrown. */
  readonly expect: readonly number[];
  /** On top of the session's own, for answers that take the registry time. */
  readonly patience?: Ms;
  readonly signal?: AbortSignal;
}

export interface Answer extends Incoming {
  /** Where the answer came from, after redirects. */
  readonly url: URL;
}

export interface SessionOptions {
  readonly registry: string;
  readonly transport: Transport;
  readonly findCredential: (repository: Repository) => Promise<Credential | undefined>;
  /** Hosts, with or without a port, that may be plain http although they are not loopback. */
  readonly plainHttp: readonly string[];
  readonly quiet: Ms;
  readonly retry: RetryPolicy;
}

const REDIRECTS = 5;
const RENEWALS = 2;
const REDIRECT_STATUSES = [301, 302, 303, 307, 308];
const PROBE_PATIENCE: Ms = 5_000;

export class Session {
  private readonly authorization: Authorization;
  private base: Promise<URL> | undefined;

  constructor(private readonly options: SessionOptions) {
    this.authorization = new Authorization({ findCredential: options.findCredential, quiet: options.quiet, send: (outgoing) => this.sendElsewhere(outgoing) });
  }

  /** Finds out how the registry is spoken to, while its first user is busy otherwise. A failure is met by the first request. */
  greet(): void {
    (this.base ??= this.findBase()).catch(() => undefined);
  }

  /** One logical request with all its attempts. @throws DeployError */
  ask(ask: Ask, again: Again): Promise<Answer> {
    return this.retrying(ask.signal, again, () => this.once(ask));
  }

  retrying<T>(signal: AbortSignal | undefined, again: Again, attempt: () => Promise<T>): Promise<T> {
    return retrying(this.options.retry, signal, again, attempt).catch((thrown: unknown) => {
      throw signal?.aborted === true ? cancelled() : thrown;
    });
  }

  /** One attempt. @throws Passing when another one may help, else DeployError. */
  async once(ask: Ask): Promise<Answer> {
    const base = await orCancelled(this.base ??= this.findBase(), ask.signal);
    let url = typeof ask.to === 'string' ? new URL(ask.to, base) : ask.to;
    let renewals = 0;
    for (let hops = 0; ;) {
      const own = url.origin === base.origin;
      const authorization = own ? await orCancelled(this.authorization.header(ask.access), ask.signal) : undefined;
      const place = placeOf(ask.method, url, this.authorization.redact);
      const incoming = await this.send(outgoing(ask, url, authorization, this.options.quiet));
      if (incoming.status === 401 && own && renewals < RENEWALS) {
        drop(incoming);
        await orCancelled(this.authorization.renew(incoming, ask.access, authorization, place), ask.signal);
        renewals += 1;
      } else if (REDIRECT_STATUSES.includes(incoming.status) && incoming.headers.location !== undefined) {
        drop(incoming);
        hops += 1;
        url = this.redirected(incoming, ask.method, url, hops);
      } else if (ask.expect.includes(incoming.status)) {
        return { ...incoming, url };
      } else if (incoming.status === 401 && own) {
        drop(incoming);
        throw denied(place.where, 'it answered 401 to a token that its token server had just given: the user has too few rights, or the clocks differ');
      } else {
        throw await statusFailure(incoming, place);
      }
    }
  }

  /** An address out of a `Location` header, whole or relative. A registry behind a proxy that ends TLS often says http of itself: that is corrected. */
  async locate(location: string | undefined, from: URL): Promise<URL> {
    const base = await (this.base ??= this.findBase());
    if (location === undefined || !URL.canParse(location, from.href)) {
      throw new DeployError('ND-REGISTRY-REFUSED', { what: 'the registry does not say where to go on', where: printable(from), why: 'it sent no Location header, or one that is no address', next: 'tell those who run the registry' });
    }
    const url = new URL(location, from);
    url.username = '';
    url.password = '';
    if (base.protocol === 'https:' && url.protocol === 'http:' && url.hostname === base.hostname) {
      url.protocol = 'https:';
      url.port = base.port;
    }
    return this.allowed(url);
  }

  get redact(): (text: string) => string {
    return this.authorization.redact;
  }

  private async send(message: Outgoing): Promise<Incoming> {
    try {
      return await this.options.transport.send(message);
    } catch (thrown) {
      if (message.signal?.aborted === true) throw cancelled();
      throw connectionFailure(thrown, placeOf(message.method, message.url, this.authorization.redact));
    }
  }

  /** To a token server: its redirects are followed too, without the credentials when they lead to another host. */
  private async sendElsewhere(message: Outgoing): Promise<Incoming> {
    let current = { ...message, url: this.allowed(message.url) };
    for (let hops = 1; ; hops += 1) {
      const incoming = await this.send(current);
      if (!REDIRECT_STATUSES.includes(incoming.status) || incoming.headers.location === undefined || message.method !== 'GET') return incoming;
      drop(incoming);
      const url = this.redirected(incoming, message.method, current.url, hops);
      const { authorization: _, ...others } = current.headers as Record<string, string>;
      current = { ...current, url, headers: url.origin === current.url.origin ? current.headers : others };
    }
  }

  private redirected(incoming: Incoming, method: Outgoing['method'], from: URL, hops: number): URL {
    const refuse = (why: string): DeployError => new DeployError('ND-REGISTRY-REFUSED', { what: 'a redirect of the registry cannot be followed', where: `${method} ${printable(from)}`, why, next: 'tell those who run the registry' });
    if (hops > REDIRECTS) throw refuse(`it led on more than ${REDIRECTS} times`);
    const { location = '' } = incoming.headers;
    if (!URL.canParse(location, from.href)) throw refuse('its Location is no address');
    if (!['GET', 'HEAD'].includes(method) && incoming.status < 307) throw refuse(`status ${incoming.status} changes the method`);
    const url = new URL(location, from);
    url.username = '';
    url.password = '';
    if (from.protocol === 'https:' && url.protocol !== 'https:') throw insecure(url, 'it was sent there from https');
    return this.allowed(url);
  }

  private allowed(url: URL): URL {
    if (url.protocol === 'https:' || (url.protocol === 'http:' && this.mayBePlain(url))) return url;
    throw insecure(url, url.protocol === 'http:' ? 'it is neither loopback nor allowed by name' : 'it is no http address');
  }

  private mayBePlain(url: URL): boolean {
    return isLoopback(url) || this.options.plainHttp.some((host) => [url.host, url.hostname].includes(host.toLowerCase()));
  }

  /**
   * https, unless plain http is allowed and nothing there speaks TLS: then http. Docker does the same. On the loopback interface http is asked first, as nothing leaves the
   * machine, and as registries there hardly ever speak TLS, whose certificates of the system alone take 30 ms to load.
   */
  private async findBase(): Promise<URL> {
    const { registry, transport, quiet } = this.options;
    const host = registry === 'docker.io' ? HUB_HOST : registry;
    const secure = new URL(`https://${host}/`);
    const open = new URL(`http://${host}/`);
    if (!this.mayBePlain(open)) return secure;
    const probe = { method: 'GET', url: new URL('/v2/', secure), headers: {}, quiet: Math.min(quiet, PROBE_PATIENCE) } as const;
    if (isLoopback(open) && await this.isRegistry({ ...probe, url: new URL('/v2/', open) })) return open;
    try {
      drop(await transport.send(probe));
      return secure;
    } catch (thrown) {
      if (isCertificateError(thrown)) return secure;
      if (speaksNoTls(thrown)) return open;
      // Nobody answers: which of the two it speaks is found out by the next attempt.
      this.base = undefined;
      throw connectionFailure(thrown, placeOf('GET', probe.url, this.authorization.redact));
    }
  }

  /** Does it answer as a registry does? One that speaks TLS answers 400, or not at all. */
  private async isRegistry(probe: Outgoing): Promise<boolean> {
    return this.options.transport.send(probe).then((incoming) => {
      drop(incoming);
      return incoming.status === 200 || incoming.status === 401;
    }, () => false);
  }
}

function speaksNoTls(thrown: unknown): boolean {
  const code = errorCode(thrown) ?? '';
  return ['EPROTO', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT'].includes(code) || code.startsWith('ERR_SSL');
}

function outgoing(ask: Ask, url: URL, authorization: string | undefined, quiet: Ms): Outgoing {
  return {
    method: ask.method, url, quiet: quiet + (ask.patience ?? 0),
    headers: { ...ask.headers, ...(authorization === undefined ? {} : { authorization }) },
    ...(ask.content === undefined ? {} : { content: ask.content }), ...(ask.signal === undefined ? {} : { signal: ask.signal }),
  };
}

/** Reads an answer away, so that its connection can be used again; a long one is cut. */
export function drop(incoming: Incoming): void {
  let bytes = 0;
  incoming.body.on('error', () => undefined);
  incoming.body.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > 65_536) incoming.body.destroy();
  });
}

function insecure(url: URL, why: string): DeployError {
  return new DeployError('ND-REGISTRY-INSECURE', { what: `${plain(url.protocol, 20)}//${plain(url.host, 100)} is not used over plain http`, why, next: 'use https, or name the host in artifact.plainHttp of deploy.json when its network is trusted' });
}
