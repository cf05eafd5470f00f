/** The servers that are compared, each in a process of its own: `health-servers.js <name> <port>`. It ends by SIGTERM. */
import { createTerminus } from '@godaddy/terminus';
import fastify from 'fastify';
import healthcheck from 'fastify-healthcheck';
import { createEndpoint, healthHook } from 'nx-health/endpoint';
import { createServer, type RequestListener } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** What every one of them answers, at `/health`. */
const BODY = '{"status":"HEALTHY"}\n';

const notMine: RequestListener = (_request, response) => { response.writeHead(404).end(); };
const check = async (): Promise<undefined> => { await sleep(1); return undefined; };

/** By name; the first of each row is what the others are compared with. */
const SERVERS: Readonly<Record<string, (port: number) => unknown>> = {
  'node:http, bare': (port) => createServer((request, response) => {
    if (request.url !== '/health') return notMine(request, response);
    response.writeHead(200, { 'content-type': 'application/json; charset=utf-8', 'content-length': BODY.length, 'cache-control': 'no-store' }).end(BODY);
  }).listen(port, '127.0.0.1'),
  'node:http, nx-health': (port) => {
    const endpoint = createEndpoint({ components: { db: { check } } });
    return createServer((request, response) => { if (!endpoint.handle(request, response)) notMine(request, response); }).listen(port, '127.0.0.1');
  },
  'node:http, nx-health, a check hangs': (port) => {
    const endpoint = createEndpoint({ statusCodes: { unhealthy: 200 }, components: { db: { check: () => new Promise(() => undefined), timeoutMs: 200 } } });
    return createServer((request, response) => { if (!endpoint.handle(request, response)) notMine(request, response); }).listen(port, '127.0.0.1');
  },
  'node:http, @godaddy/terminus': (port) => createTerminus(createServer(notMine), { healthChecks: { '/health': check } }).listen(port, '127.0.0.1'),
  'fastify, bare': (port) => fastify().get('/health', () => ({ status: 'HEALTHY' })).listen({ port, host: '127.0.0.1' }),
  'fastify, nx-health': (port) => {
    const app = fastify();
    healthHook(createEndpoint({ components: { db: { check } } }), app);
    return app.listen({ port, host: '127.0.0.1' });
  },
  'fastify, fastify-healthcheck': (port) => fastify().register(healthcheck).listen({ port, host: '127.0.0.1' }),
};

const [name = '', port] = process.argv.slice(2);
process.once('SIGTERM', () => process.exit(0));
SERVERS[name]?.(Number(port));
