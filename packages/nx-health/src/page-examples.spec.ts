/** What the pages show is run, with the ports of the test. */
import express from 'express';
import fastify from 'fastify';
import promClient from 'prom-client';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import ts from 'typescript';
import type { Check } from './checks/check.js';
import * as endpointLibrary from './endpoint/index.js';
import { addEndpoint } from './generators/setup/service-source.js';
import * as library from './index.js';
import { alertDocument } from './monitor/alerts.js';
import { serveMetrics } from './monitor/metrics-server.js';

const root = join(__dirname, '../../..');
/** The blocks of a page in a language. */
function blocks(page: string, language: string): readonly string[] {
  const text = readFileSync(join(root, page), 'utf8');
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, 'gm'))].map(([, block]) => block ?? '');
}

const servers: Server[] = [];
async function serve(listener: RequestListener): Promise<number> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}
async function closedPort(): Promise<number> {
  const port = await serve(() => undefined);
  const server = servers.pop();
  await new Promise((resolve) => server?.close(resolve));
  return port;
}
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

const javascript = (text: string): string => ts.transpileModule(text, { compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, esModuleInterop: true } }).outputText;

/** Runs it as a module in which `await` may stand, and gives those of its names. */
async function run(code: string, names: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
  const AsyncFunction = Object.getPrototypeOf(async () => Promise.resolve()) as { readonly constructor: new (...words: readonly string[]) => (require: unknown, exports: object) => Promise<Readonly<Record<string, unknown>>> };
  const program = new AsyncFunction.constructor('require', 'exports', `${javascript(code)}\nreturn { ${names.join(', ')} };`);
  return program((name: string) => (name === 'nx-health' ? library : endpointLibrary), {});
}

it('docs/health.md: what its calls come to is what it says', async () => {
  const [code = ''] = blocks('docs/health.md', 'ts');
  const [up, down] = [await serve((_request, response) => { response.writeHead(503).end('{"status":"unhealthy"}'); }), await closedPort()];
  const { result, waited } = await run(code.replace('127.0.0.1:8080', `127.0.0.1:${up}`).replace('port: 5432', `port: ${down}`).replace('timeoutMs: 30_000', 'timeoutMs: 700'), ['result', 'waited']);
  const [said = '', meant = ''] = [...code.matchAll(/^\/\/ (\{.*\})$/gm)].map(([, comment]) => comment ?? '');
  const keys = (comment: string): readonly string[] => [...comment.matchAll(/(?:^\{|,) (\w+):/g)].map(([, key]) => key ?? '').sort();
  expect([Object.keys(result as object).sort(), Object.keys(waited as object).sort()]).toEqual([keys(said), keys(meant)]);
  expect(said).toContain("status: 'unhealthy'");
  expect(result).toMatchObject({ status: 'unhealthy', reason: 'HTTP 503: {"status":"unhealthy"}' });
  expect(meant).toContain("outcome: 'timeout'");
  expect(waited).toMatchObject({ outcome: 'timeout', reason: `connect ECONNREFUSED 127.0.0.1:${down}` });
});

it('the README waits until a service is healthy', async () => {
  const [code = ''] = blocks('packages/nx-health/README.md', 'ts');
  let asked = 0;
  const port = await serve((_request, response) => { response.writeHead((asked += 1) === 1 ? 503 : 200).end(); });
  expect(code).toContain('127.0.0.1:8080');
  expect((await run(code.replace('127.0.0.1:8080', `127.0.0.1:${port}`), ['waited'])).waited).toMatchObject({ outcome: 'healthy', attempts: 3 });
});

it('the README has a health.json that can be read', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'nx-health-page-'));
  writeFileSync(join(folder, 'health.json'), blocks('packages/nx-health/README.md', 'json')[1] ?? '');
  try {
    expect((await library.loadHealthFile(join(folder, 'health.json'), { DATABASE_URL: 'postgres://127.0.0.1/shop' })).checks.map(({ name }) => name)).toEqual(['web', 'db', 'mail']);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it('docs/executors/monitor.md lists the metrics that there are', async () => {
  const check = { name: 'db', kind: 'tcp', target: 'x', severity: 'critical', uses: [] } as unknown as Check;
  const sample = { check, result: { status: 'healthy', ms: 1, observed: 1 }, shown: { status: 'healthy', ms: 1 }, time: 1 } as const;
  const metrics = await serveMetrics(0, 1, () => [sample]);
  metrics.count(sample);
  try {
    const told = await (await fetch(`http://127.0.0.1:${metrics.port}/metrics`)).text();
    const listed = [...readFileSync(join(root, 'docs/executors/monitor.md'), 'utf8').matchAll(/^\| `(health_\w+)` \|/gm)].map(([, name]) => name);
    expect([...told.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name)).toEqual(listed);
  } finally {
    await metrics.close();
  }
});

/** Names and kinds of values, but for those that come and go. */
function shape(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shape(inner)])) : typeof value;
}

it('docs/health-endpoint.md: its service answers as it says, and turns unready', async () => {
  const [code = ''] = blocks('docs/health-endpoint.md', 'ts');
  const [document = ''] = blocks('docs/health-endpoint.md', 'json');
  const folder = mkdtempSync(join(tmpdir(), 'nx-health-page-'));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  const around = "const pool = { query: async (sql: string) => sql }, smtp = { verify: async () => { throw new Error('connect ECONNREFUSED 127.0.0.1:25'); } };\n";
  expect(code).toContain('.listen(8080);');
  writeFileSync(join(folder, 'main.cjs'), javascript(around + code.replace('.listen(8080);', ".listen(0, '127.0.0.1', () => { console.log(server.address().port); });")));
  const child = spawn(process.execPath, ['main.cjs'], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, HEALTH_TOKEN: 'a-token', NX_DEPLOY_RELEASE: 'r1' } });
  const ended = once(child, 'exit');
  try {
    const [said] = await Promise.race([once(child.stdout, 'data') as Promise<readonly Buffer[]>, ended.then(() => { throw new Error('it ended'); })]);
    const url = `http://127.0.0.1:${said?.toString().trim() ?? ''}`;
    expect(await (await fetch(url)).text()).toBe('hello');
    const brief = await fetch(`${url}/health`);
    expect([brief.status, await brief.text()]).toEqual([206, '{"status":"DEGRADED"}\n']);
    const detailed: unknown = await (await fetch(`${url}/health`, { headers: { authorization: 'Bearer a-token' } })).json();
    expect(shape(detailed)).toEqual(shape(JSON.parse(document)));
    expect(detailed).toMatchObject({ status: 'DEGRADED', service: 'api', version: '1.4.0', release: 'r1', components: { db: { status: 'HEALTHY' }, mail: { status: 'UNHEALTHY', reason: 'connect ECONNREFUSED 127.0.0.1:25' } } });
    const status = async (path: string): Promise<number> => (await fetch(url + path)).status;
    expect(await Promise.all(['/health/data', '/ready', '/live'].map(status))).toEqual([200, 200, 200]);
    child.kill('SIGTERM');
    while (await status('/ready') === 200) await new Promise((resolve) => { setTimeout(resolve, 10); });
    expect([await status('/ready'), await status('/live')]).toEqual([503, 200]);
  } finally {
    child.kill('SIGKILL');
    await ended.catch(() => undefined);
    rmSync(folder, { recursive: true });
  }
});

it('docs/health-endpoint.md: its lines for frameworks are theirs', async () => {
  const [, code = ''] = blocks('docs/health-endpoint.md', 'ts');
  const endpoint = endpointLibrary.createEndpoint();
  const [app, other] = [express(), fastify()];
  runInNewContext(code, { ...endpointLibrary, app, fastify: other, promClient, endpoint });
  const url = `http://127.0.0.1:${await serve((request, response) => { app(request, response); })}`;
  try {
    const address = await other.listen({ port: 0, host: '127.0.0.1' });
    expect(await Promise.all([url, address].map(async (one) => (await fetch(`${one}/live`)).status))).toEqual([200, 200]);
    expect(await promClient.register.metrics()).toMatch(/^health_status 1$/m);
  } finally {
    promClient.register.clear();
    await other.close();
  }
});

it('docs/health/setup.md shows what the generator makes of a source', () => {
  const [example = ''] = blocks('docs/health/setup.md', 'ts');
  expect(addEndpoint("import express from 'express';\n\nconst app = express();\n", 'main.ts', 'api', ts)).toMatchObject({ state: 'added', text: example });
});

it('docs/executors/monitor.md shows an alert as it is', () => {
  const check = { name: 'db', kind: 'postgres', target: 'postgres://127.0.0.1:5432/shop', severity: 'critical' } as Check;
  const [, example = ''] = blocks('docs/executors/monitor.md', 'json');
  expect(alertDocument('api', { check, from: 'healthy', to: 'unhealthy', reason: 'connect ECONNREFUSED 127.0.0.1:5432', time: Date.parse('2026-11-29T07:12:31.407Z') })).toEqual(JSON.parse(example));
});
