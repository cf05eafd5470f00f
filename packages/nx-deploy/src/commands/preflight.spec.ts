import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { deployFile, Workbench } from './workbench.spec-support.js';

let bench: Workbench;
let server: Server;
let status = 200;
beforeAll(async () => {
  bench = await Workbench.open();
  await bench.start();
  server = createServer((_request, response) => { response.writeHead(status).end(); });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  await bench.close();
  await new Promise((resolve) => server.close(resolve));
});
const url = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;

async function project(name: string, preflight: unknown, checks: object): Promise<{ readonly project: string }> {
  await bench.project(deployFile({ preflight, watch: '0s' }), { name, fixture: 'steady' });
  await bench.write(`apps/${name}/health.json`, { checks });
  return { project: name };
}

test('checks that fail stop a deploy before it changes anything, and name what failed; then it goes on', async () => {
  const place = await project('one', { tags: ['preflight'] }, { backend: { kind: 'http', url: url(), tags: ['preflight'] }, other: { kind: 'disk', path: '/nowhere' }, disk: { kind: 'disk', path: '/nowhere', severity: 'degrading', tags: ['preflight'] } });
  status = 503;
  const refused = await bench.deploy({}, place);
  expect(refused.exitCode).toBe(3);
  expect(refused.output.errors[0]?.parts).toMatchObject({ what: 'the checks before the deploy did not pass', problems: ['backend is unhealthy: HTTP 503', expect.stringMatching(/^disk is unhealthy: ENOENT/)] });
  expect(refused.output.errors[0]?.code).toBe('ND-PREFLIGHT-FAILED');
  expect(await bench.status(place)).toMatchObject({ deployed: false, releases: [] });
  expect((await bench.deploy({ dryRun: true }, place)).exitCode).toBe(3);
  status = 200;
  const done = await bench.deploy({}, place);
  expect(done.document).toMatchObject({ outcome: 'done' });
  expect(done.output.events).toContainEqual({ type: 'note', text: expect.stringMatching(/^preflight: 2 checks, degraded, in \d+ ms: disk is unhealthy: ENOENT/) });
});

test('variables are those of the environment that is deployed to; a file that is not valid is refused', async () => {
  const place = await project('two', {}, { backend: { kind: 'http', url: '${BACKEND}' } });
  const missing = await bench.deploy({}, place);
  expect([missing.exitCode, missing.output.errors[0]?.code, missing.output.errors[0]?.parts.problems]).toEqual([3, 'ND-CONFIG-INVALID', [expect.stringMatching(/^checks\.backend\.url \(\d+:\d+\): the variable BACKEND is not set$/)]]);
  await bench.write('apps/two/environments/staging.env', `BACKEND=${url()}\n`);
  expect((await bench.deploy({}, place)).document).toMatchObject({ outcome: 'done' });
  const unknown = await bench.deploy({}, await project('three', { tags: ['pre'] }, { backend: { kind: 'memory' } }));
  expect(unknown.output.errors[0]?.parts.what).toBe('the checks before the deploy: what was chosen is not among the checks');
  const none = await bench.deploy({}, await project('four', { file: 'none.json' }, {}));
  expect(none.output.errors[0]?.parts.what).toBe('the checks before the deploy: there is no none.json');
  expect((await bench.deploy({}, await project('five', false, {}))).document).toMatchObject({ outcome: 'done' });
});
