import express from 'express';
import fastify from 'fastify';
import { Gauge, register } from 'prom-client';
import { createServer, request as httpRequest, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Component } from './component.js';
import { collectHealth, createEndpoint, healthHook, healthMiddleware, type Endpoint, type EndpointOptions } from './index.js';

const servers: Server[] = [];

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

const up: Component = { check: () => undefined };
const down: Component = { check: () => { throw new Error('postgres://u:hunter2@db is down'); }, type: 'datastore' };
const own = (endpoint: Endpoint): RequestListener => (request, response) => { if (!endpoint.handle(request, response)) response.writeHead(404).end('not mine'); };

async function get(url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<{ status: number; type: string; text: string; json: () => Record<string, unknown> }> {
  const answer = await fetch(url, { headers, method });
  const text = await answer.text();
  return { status: answer.status, type: answer.headers.get('content-type') ?? '', text, json: () => JSON.parse(text) as Record<string, unknown> };
}

test.each<[EndpointOptions, number, string]>([
  [{}, 200, 'HEALTHY'],
  [{ components: { db: up } }, 200, 'HEALTHY'],
  [{ components: { db: up, mail: { ...down, critical: false } } }, 206, 'DEGRADED'],
  [{ components: { db: { check: () => ({ status: 'degraded', reason: 'slow' }) } } }, 206, 'DEGRADED'],
  [{ components: { db: down, mail: up } }, 503, 'UNHEALTHY'],
  [{ components: { mail: { ...down, critical: false } }, statusCodes: { degraded: 200 } }, 200, 'DEGRADED'],
])('health of %j is %i %s', async (options, status, word) => {
  const url = await serve(own(createEndpoint(options)));
  const answer = await get(`${url}/health?verbose=1`);
  expect([answer.status, answer.type, answer.json()]).toEqual([status, 'application/json; charset=utf-8', { status: word }]);
});

test('details are for those who may see them, in either form, and hold no credentials', async () => {
  const components = { db: down, cache: { check: () => ({ observed: 12, unit: 'ms' }), groups: ['data'] } };
  const url = await serve(own(createEndpoint({ name: 'api', version: '1.2.0', release: 'r1', components, details: { token: 'let-me-see' }, paths: { metrics: '/metrics' } })));
  for (const headers of [{}, { authorization: 'Bearer wrong' }, { authorization: 'let-me-see' }]) {
    expect((await get(`${url}/health`, headers as Record<string, string>)).json()).toEqual({ status: 'UNHEALTHY' });
    expect((await get(`${url}/metrics`, headers as Record<string, string>)).status).toBe(401);
  }
  const authorization = 'Bearer let-me-see';
  const detailed = await get(`${url}/health`, { authorization });
  expect(detailed.json()).toMatchObject({
    status: 'UNHEALTHY', service: 'api', version: '1.2.0', release: 'r1', uptime: expect.any(Number),
    components: { db: { status: 'UNHEALTHY', critical: true, reason: 'postgres://***@db is down', ms: expect.any(Number), time: expect.stringMatching(/^\d{4}-.*Z$/) }, cache: { status: 'HEALTHY', observed: 12, unit: 'ms' } },
    metrics: { rssBytes: expect.any(Number), heapUsedBytes: expect.any(Number), heapTotalBytes: expect.any(Number) },
  });
  const standard = await get(`${url}/health`, { authorization, accept: 'application/health+json, application/json;q=0.5' });
  expect(standard.type).toBe('application/health+json');
  expect(standard.json()).toMatchObject({
    status: 'fail', version: '1.2.0', releaseId: 'r1', serviceId: 'api',
    checks: { db: [{ componentType: 'datastore', status: 'fail', output: 'postgres://***@db is down' }], cache: [{ status: 'pass', observedValue: 12, observedUnit: 'ms' }] },
  });
  expect((await get(`${url}/health`, { accept: 'application/health+json' })).json()).toEqual({ status: 'fail' });
  const metrics = (await get(`${url}/metrics`, { authorization })).text;
  expect(metrics).toContain('# TYPE health_component_status gauge\nhealth_component_status{component="db"} 0\nhealth_component_status{component="cache"} 1\n');
  expect(metrics).toContain('health_info{service="api",version="1.2.0",release="r1"} 1\n');
  for (const { text } of [detailed, standard, { text: metrics }]) expect(text).not.toContain('hunter2');
});

test('a group is its components alone; what is no group is none of its paths', async () => {
  const url = await serve(own(createEndpoint({ components: { db: { ...up, groups: ['data'] }, mail: down } })));
  expect((await get(`${url}/health/data`)).json()).toEqual({ status: 'HEALTHY' });
  expect((await get(`${url}/health`)).status).toBe(503);
  for (const path of ['/health/', '/health/mail', '/healthy', '/', '/metrics', '/health/data/x', '/health/__proto__']) expect([path, (await get(`${url}${path}`)).text]).toEqual([path, 'not mine']);
});

test('GET and HEAD alone are answered, under other paths too, and no cache keeps what they say', async () => {
  const url = await serve(own(createEndpoint({ paths: { health: '/-/health', ready: '/-/ready', live: '/-/live' } })));
  for (const path of ['/-/health', '/-/ready', '/-/live']) {
    const head = await fetch(`${url}${path}`, { method: 'HEAD' });
    expect([head.status, head.headers.get('cache-control'), Number(head.headers.get('content-length')) > 0, await head.text()]).toEqual([200, 'no-store', true, '']);
    const post = await fetch(`${url}${path}`, { method: 'POST', body: 'x' });
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  }
  expect((await get(`${url}/health`)).status).toBe(404);
});

test('ready means: not draining, and nothing missing that it cannot do without; live means that it answers', async () => {
  const endpoint = createEndpoint({ components: { mail: { ...down, critical: false }, cache: { ...down, ready: true } } });
  const url = await serve(own(endpoint));
  const statuses = async (): Promise<number[]> => Promise.all(['/health', '/ready', '/live'].map(async (path) => (await get(`${url}${path}`)).status));
  expect(await statuses()).toEqual([503, 200, 200]);
  endpoint.health.drain();
  expect(await statuses()).toEqual([503, 503, 200]);
  expect((await get(`${url}/health`)).json()).toEqual({ status: 'UNHEALTHY', draining: true });
  expect((await get(`${await serve(own(createEndpoint({ components: { db: down } })))}/ready`)).status).toBe(503);
});

test('an answer under load is written once for the same results, and anew for others', async () => {
  let broken = false;
  const url = await serve(own(createEndpoint({ components: { db: { check: () => { if (broken) throw new Error('x'); return undefined; }, cacheMs: 100 } } })));
  expect((await get(`${url}/health`)).status).toBe(200);
  broken = true;
  expect((await get(`${url}/health`)).status).toBe(200);
  await new Promise((resolve) => setTimeout(resolve, 150));
  expect((await get(`${url}/health`)).status).toBe(503);
});

test('Express, Fastify and prom-client, the real ones', async () => {
  const endpoint = createEndpoint({ name: 'api', components: { db: down } });
  const app = express();
  app.use(healthMiddleware(endpoint));
  app.get('/hello', (_request, response) => { response.send('hello'); });
  const url = await serve((request, response) => { void app(request, response); });
  expect([(await get(`${url}/health`)).status, (await get(`${url}/live`)).status, (await get(`${url}/hello`)).text]).toEqual([503, 200, 'hello']);
  const fast = fastify();
  healthHook(endpoint, fast);
  fast.get('/hello', () => 'hello');
  const at = await fast.listen({ port: 0, host: '127.0.0.1' });
  try {
    expect([(await get(`${at}/health`)).status, (await get(`${at}/ready`)).status, (await get(`${at}/hello`)).text]).toEqual([503, 503, 'hello']);
  } finally {
    await fast.close();
  }
  collectHealth(endpoint.health, { Gauge });
  expect(await register.metrics()).toContain('health_component_status{component="db"} 0');
  register.clear();
});

test('a client that is gone before its answer is made harms nothing', async () => {
  const url = await serve(own(createEndpoint({ components: { db: { check: () => new Promise((resolve) => setTimeout(() => resolve(undefined), 100)) } } })));
  await new Promise<void>((resolve) => {
    const asked = httpRequest(`${url}/health`).on('error', () => resolve());
    asked.end(() => setTimeout(() => asked.destroy(), 20));
  });
  expect((await get(`${url}/health`)).status).toBe(200);
});

test.each<[EndpointOptions, RegExp]>([
  [{ components: { 'a b': up } }, /"a b" is no name/], [{ components: { db: { ...up, groups: ['../x'] } } }, /no name of a component or group/],
  [{ statusCodes: { degraded: 99 } }, /a status must be/], [{ details: { token: '' } }, /token for details is empty/],
  [{ details: { token: undefined as unknown as string } }, /token for details is empty/],
])('%j can never work', (options, why) => {
  expect(() => createEndpoint(options)).toThrow(why);
});
