/** HTTPS through an HTTP proxy: a tunnel by CONNECT (RFC 9110, 9.3.6), TLS with the registry inside it. */
import { request as httpRequest, type Agent as HttpAgent, type AgentOptions, type ClientRequest, type IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import { connect as tlsConnect, type ConnectionOptions } from 'node:tls';
import { bareHost } from './proxy.js';

/** The proxy answered, and will not make a tunnel. */
export class ProxyRefusal extends Error {
  constructor(readonly status: number) {
    super(`the proxy answered ${status}`);
  }
}

type Created = (error: Error | null, socket?: Duplex) => void;

export class TunnelAgent extends Agent {
  constructor(private readonly proxy: URL, private readonly patience: number, options: AgentOptions) {
    super(options);
  }

  override createConnection(options: Parameters<HttpAgent['createConnection']>[0], created: Created): undefined {
    const host = options.host ?? '';
    const target = `${host.includes(':') ? `[${host}]` : host}:${options.port ?? 443}`;
    const request = connectRequest(this.proxy, target);
    request.setTimeout(this.patience, () => request.destroy(Object.assign(new Error('the proxy does not answer'), { code: 'ETIMEDOUT' })));
    request.once('error', created);
    request.once('connect', (reply: IncomingMessage, socket: Duplex) => {
      request.off('error', created);
      if (reply.statusCode !== 200) {
        socket.destroy();
        created(new ProxyRefusal(reply.statusCode ?? 0));
        return;
      }
      request.setTimeout(0);
      created(null, tlsConnect({ ...(options as ConnectionOptions), socket }));
    });
    request.end();
    return undefined;
  }
}

function connectRequest(proxy: URL, target: string): ClientRequest {
  const send = proxy.protocol === 'https:' ? httpsRequest : httpRequest;
  const port = proxy.port === '' ? (proxy.protocol === 'https:' ? 443 : 80) : Number(proxy.port);
  return send({ host: bareHost(proxy), port, method: 'CONNECT', path: target, agent: false, headers: { host: target, ...proxyAuthorization(proxy) } });
}

/** The user and password that stand in the address of the proxy. */
export function proxyAuthorization(proxy: URL): Record<string, string> {
  if (proxy.username === '' && proxy.password === '') return {};
  const pair = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(pair).toString('base64')}` };
}
