import { request as httpRequest, type Agent, type IncomingHttpHeaders } from 'node:http';
import { pino } from 'pino';
import { createService, type Service } from './server.js';
import { readSettings, type Environment } from './settings.js';

export interface Started extends Service {
  readonly url: string;
  readonly port: number;
  readonly logs: Record<string, unknown>[];
}

export const IDENTITY = { NX_DEPLOY_SERVICE: 'sample', NX_DEPLOY_RELEASE: 'r0123456789ab', NX_DEPLOY_INSTANCE: 'i-1', NX_DEPLOY_ENVIRONMENT: 'test' };

/** The service on a free port of this process. */
export async function start(env: Environment = {}): Promise<Started> {
  const logs: Record<string, unknown>[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => void logs.push(JSON.parse(line) as Record<string, unknown>) });
  const service = createService(readSettings({ PORT: '0', ...IDENTITY, ...env }), log);
  const { port } = await service.listen();
  return { ...service, url: `http://127.0.0.1:${port}`, port, logs };
}

export async function stop(service: Started): Promise<void> {
  service.sockets.cut();
  const closed = new Promise((resolve) => service.server.close(resolve));
  service.server.closeAllConnections();
  await closed;
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** One request through `agent`; rejects when the connection breaks, also in the middle of the answer. */
export function send(url: string, options: { method?: string; agent?: Agent; headers?: Record<string, string>; body?: Buffer } = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => void chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString() }));
    });
    request.on('error', reject);
    request.end(options.body);
  });
}
