import { mkdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { DeployError } from '../errors.js';
import { RELEASE_ID_PATTERN } from '../model/index.js';
import { run } from '../shell/run.js';
import { deployFile, eventually, get, unusedPort, Workbench } from './workbench.spec-support.js';

let bench: Workbench;
beforeAll(async () => {
  bench = await Workbench.open();
  await bench.start();
});
afterAll(() => bench.close());

let count = 0;
/** A project of its own for each test. */
async function project(deployJson: object = deployFile(), fixture = 'steady'): Promise<{ readonly project: string }> {
  count += 1;
  const name = `service-${count}`;
  await bench.project(deployJson, { name, fixture });
  return { project: name };
}

async function serves(port: number): Promise<boolean> {
  return get(`http://127.0.0.1:${port}`).then(({ status }) => status === 200, () => false);
}

const ASCII = /^[\n\x20-\x7e]*$/;

test('a first deploy answers; the same again has nothing to do; another build is another release; a rollback goes back', async () => {
  const place = await project(deployFile({ environments: { staging: { instances: 2, strategy: { type: 'rolling', batch: 50 } } } }));
  const first = await bench.deploy({}, place);
  expect(first.output.errors).toEqual([]);
  expect(first).toMatchObject({ exitCode: 0, document: { outcome: 'done', exitCode: 0, action: 'deploy', environment: 'staging', release: expect.stringMatching(RELEASE_ID_PATTERN) } });
  expect(first.document.ledgerHead).toMatch(/^[0-9a-f]{64}$/);
  expect(JSON.parse((await get(first.document.url)).body)).toMatchObject({ version: '1', release: first.document.release, environment: 'staging' });
  expect(first.output.ended).toBe(true);
  expect(first.output.text).toMatch(ASCII);
  expect(first.output.text).toContain(`deployed: ${place.project} staging in`);
  expect(first.output.text).toContain(`nx run ${place.project}:status --configuration=staging`);
  expect(first.output.text).not.toContain(':rollback');
  expect(first.output.text).toContain(first.document.ledgerHead?.slice(0, 16));

  const again = await bench.deploy({}, place);
  expect(again).toMatchObject({ exitCode: 0, document: { outcome: 'unchanged', release: first.document.release } });
  expect(again.output.text).toContain('nothing to do');

  await bench.build('2', 'steady', place.project);
  const second = await bench.deploy({}, place);
  expect(second.document).toMatchObject({ outcome: 'done', previous: first.document.release, traffic: { errors: 0 } });
  expect(second.output.text).toContain(':rollback');
  expect(JSON.parse((await get(second.document.url)).body)).toMatchObject({ version: '2' });

  const back = await bench.rollback({}, place);
  expect(back).toMatchObject({ exitCode: 0, document: { outcome: 'done', action: 'rollback', release: first.document.release } });
  expect(back.output.text).toContain('rolled back:');
  expect(back.document.url).toBe(first.document.url);
  expect(JSON.parse((await get(back.document.url)).body)).toMatchObject({ version: '1' });
  expect(await bench.rollback({ to: second.document.release ?? '', strategy: 'recreate' }, place)).toMatchObject({ document: { outcome: 'done', release: second.document.release } });
  expect((await bench.status(place)).releases.map(({ action, outcome }) => `${action} ${outcome}`)).toEqual(['rollback done', 'rollback done', 'deploy done', 'deploy done']);
});

test('a dry run shows the plan, stores nothing and changes nothing', async () => {
  const place = await project();
  const planned = await bench.deploy({ dryRun: true }, place);
  expect(planned).toMatchObject({ exitCode: 0, document: { outcome: 'planned', release: expect.stringMatching(RELEASE_ID_PATTERN) } });
  expect(planned.output.text).toContain(planned.document.release);
  expect(planned.output.lines.at(-1)).toBe('dry run: nothing was changed');
  expect(planned.output.text).toMatch(ASCII);
  expect(await bench.status(place)).toMatchObject({ deployed: false, fleet: {}, releases: [] });
  const real = await bench.deploy({}, place);
  expect(real.document).toMatchObject({ outcome: 'done', release: planned.document.release });
  expect(await bench.deploy({ dryRun: true }, place)).toMatchObject({ exitCode: 0, document: { outcome: 'unchanged' } });
  expect((await bench.rollback({ dryRun: true }, place)).exitCode).toBe(3);
});

test('what fails is restored: exit code 1, the reason and the last lines, and the old release answers', async () => {
  const place = await project();
  const good = await bench.deploy({}, place);
  await bench.build('2', 'exits-at-start', place.project);
  const failed = await bench.deploy({}, place);
  expect(failed).toMatchObject({ exitCode: 1, document: { outcome: 'restored', exitCode: 1, error: { code: 'ND-NOT-READY' } } });
  expect(failed.output.errors).toHaveLength(1);
  expect(failed.output.errors[0]).toBeInstanceOf(DeployError);
  expect(failed.output.text).toContain('deploy failed, restored what ran before');
  expect(failed.output.text).toContain('(not live)');
  expect(JSON.parse((await get(good.document.url)).body)).toMatchObject({ release: good.document.release });
  expect(await bench.rollback({ to: failed.document.release ?? '' }, place)).toMatchObject({ exitCode: 3, document: { outcome: 'refused', error: { code: 'ND-RELEASE-UNKNOWN' } } });
});

test.each(['../../etc', 'r000000000000', 'r1; rm -rf /', '', '\u001b[31mr'])('a rollback to %j of what was never deployed is refused and prints no summary', async (to) => {
  const place = await project();
  const refused = await bench.rollback({ to }, place);
  expect(refused).toMatchObject({ exitCode: 3, document: { outcome: 'refused', error: { code: 'ND-NOT-DEPLOYED' } } });
  expect(refused.output.lines).toEqual([]);
});

test('what is wrong before the agent is asked is refused with a document as well', async () => {
  const place = await project();
  const file = join(bench.folder, 'result.json');
  const unknown = await bench.deploy({ outputFile: file }, { ...place, environment: 'stagign' });
  expect(unknown).toMatchObject({ exitCode: 3, document: { outcome: 'refused', exitCode: 3, error: { code: 'ND-ENVIRONMENT-UNKNOWN' } } });
  expect(await bench.json(file)).toEqual(unknown.document);
  expect(unknown.output.errors[0]?.parts.why ?? '').toBe(unknown.document.error?.why ?? '');
  expect(await bench.deploy({ strategy: 'canaries' }, place)).toMatchObject({ exitCode: 3 });
  await bench.write(`apps/${place.project}/deploy.json`, '{ "artifact": ');
  expect(await bench.deploy({}, place)).toMatchObject({ exitCode: 3, document: { error: { code: 'ND-CONFIG-INVALID' } } });
  expect(await bench.deploy({}, { project: 'none' })).toMatchObject({ exitCode: 3, document: { error: { code: 'ND-CONFIG-MISSING' } } });
});

test('a document that cannot be written is an error that is printed, and the deploy stands', async () => {
  const place = await project();
  const done = await bench.deploy({ outputFile: join(bench.folder, 'no', 'such', 'folder.json') }, place);
  expect(done).toMatchObject({ exitCode: 0, document: { outcome: 'done' } });
  expect(done.output.errors).toMatchObject([{ code: 'ND-OPTION-INVALID', parts: { why: expect.stringContaining('ENOENT') } }]);
  const file = join(bench.folder, 'done.json');
  const again = await bench.deploy({ outputFile: file }, place);
  expect(await bench.json(file)).toEqual(again.document);
});

test('a missing build is refused', async () => {
  const place = await project(deployFile({ artifact: { type: 'files', path: 'dist', entry: 'server.js' } }));
  expect(await bench.deploy({}, place)).toMatchObject({ exitCode: 3, document: { error: { code: 'ND-ARTIFACT-MISSING' } } });
});

test('values reach the service, secrets never the document, and a change of a value is told by its name', async () => {
  const place = await project(deployFile(), 'prints-secret');
  const secret = 'planted-4711-secret';
  const folder = `apps/${place.project}/environments`;
  await bench.write(`${folder}/env.schema.json`, { type: 'object', properties: { API_TOKEN: { type: 'string', minLength: 8, writeOnly: true } }, required: ['API_TOKEN'] });
  await bench.write(`${folder}/staging.env`, `API_TOKEN=${secret}\n`);
  const first = await bench.deploy({}, place);
  expect(first.document).toMatchObject({ outcome: 'done', configuration: { added: ['API_TOKEN'], removed: [], changed: [] } });
  await bench.write(`${folder}/staging.env`, `API_TOKEN=${secret}-2\n`);
  const second = await bench.deploy({}, place);
  expect(second.document).toMatchObject({ outcome: 'done', configuration: { added: [], removed: [], changed: ['API_TOKEN'] } });
  expect(second.output.text).toContain('configuration changed: API_TOKEN');
  for (const ran of [first, second]) expect(JSON.stringify([ran.document, ran.output])).not.toContain(secret);
  await bench.write(`${folder}/staging.env`, `API_TOKEN=short\n`);
  const refused = await bench.deploy({}, place);
  expect(refused).toMatchObject({ exitCode: 3, document: { error: { code: 'ND-ENVIRONMENT-INVALID', problems: [expect.stringContaining('API_TOKEN')] } } });
  expect(JSON.stringify(refused.document)).not.toContain('short"');
  expect(await readFile(bench.agent?.log.file ?? '', 'utf8')).not.toContain(secret);
});

test('a hook sees the facts and the variables that it names, and no others', async () => {
  const place = await project(deployFile({
    hooks: {
      preDeploy: [{ run: ['node', '-e', 'console.log(process.env.GIVEN, process.env.KEPT_BACK, process.env.NX_DEPLOY_SERVICE, process.env.NX_DEPLOY_HOME, process.cwd())'], env: ['GIVEN', 'NOT_SET'] }],
      postDeploy: [['node', '-e', 'process.exit(process.env.NX_DEPLOY_RELEASE ? 0 : 1)']],
      postRollback: [['node', '-e', 'process.exit(4)']],
    },
  }));
  Object.assign(bench.variables, { GIVEN: 'given', KEPT_BACK: 'kept back' });
  const done = await bench.deploy({}, place);
  expect(done.document.outcome).toBe('done');
  expect(done.output.events).toContainEqual({ type: 'output', source: 'preDeploy', line: `given undefined ${place.project} undefined ${join(bench.root, 'apps', place.project)}` });
  await bench.build('2', 'steady', place.project);
  const second = await bench.deploy({}, place);
  expect(second.document.stages).toMatchObject({ 'before-hooks': expect.any(Number), 'after-hooks': expect.any(Number) });
  const back = await bench.rollback({}, place);
  expect(back).toMatchObject({ exitCode: 1, document: { outcome: 'restored', error: { code: 'ND-HOOK-FAILED', why: 'it exited with code 4' } } });
  expect((await bench.status(place)).live).toBe(second.document.release);
});

test('a traced artifact takes along a dependency and a library of the workspace, and answers', async () => {
  const place = await project(deployFile({ artifact: { type: 'files', path: 'dist', entry: 'main.js', dependencies: 'traced' } }));
  const app = `apps/${place.project}`;
  await bench.write('node_modules/left-word/package.json', { name: 'left-word', version: '1.0.0', main: 'index.js' });
  await bench.write('node_modules/left-word/index.js', 'module.exports = () => "from a dependency";');
  await bench.write('libs/words/package.json', { name: '@acme/words', version: '1.0.0', main: 'index.js' });
  await bench.write('libs/words/index.js', 'module.exports = `${require("left-word")()} by a library`;');
  await mkdir(join(bench.root, 'node_modules/@acme'), { recursive: true });
  await symlink('../../libs/words', join(bench.root, 'node_modules/@acme/words'));
  await bench.write(`${app}/dist/main.js`, 'const words = require("@acme/words"); require("node:http").createServer((q, a) => a.end(JSON.stringify({ words }))).listen(process.env.PORT, "127.0.0.1");');
  await bench.write('libs/unused/index.js', 'not loaded');
  const done = await bench.deploy({}, place);
  expect(done.output.errors).toEqual([]);
  expect(done.document.outcome).toBe('done');
  expect(await get(done.document.url, '/')).toEqual({ status: 200, body: '{"words":"from a dependency by a library"}' });
});

test('what the trace could not find is a note', async () => {
  const place = await project(deployFile({ artifact: { type: 'files', path: 'dist', entry: 'main.js', dependencies: 'traced' } }));
  await bench.write(`apps/${place.project}/dist/main.js`, 'try { require("not-there"); } catch {}\nrequire("node:http").createServer((q, a) => a.end()).listen(process.env.PORT, "127.0.0.1");');
  const done = await bench.deploy({ dryRun: true }, place);
  expect(done.output.events).toContainEqual({ type: 'note', text: expect.stringContaining('not-there') });
});

test('the commits since the release before are part of the summary', async () => {
  const own = await Workbench.open();
  try {
    await own.start();
    await own.project();
    const git = async (...args: readonly string[]): Promise<void> => {
      const identity = ['-c', 'user.name=Ann', '-c', 'user.email=ann@example.com', '-c', 'commit.gpgsign=false'];
      expect((await run(['git', ...identity, ...args], { cwd: own.root, env: { PATH: process.env['PATH'] ?? '' }, timeout: 20_000 })).exitCode).toBe(0);
    };
    await git('init', '--quiet', '--initial-branch=main');
    for (const [version, subject] of [['1', 'first'], ['2', 'fix: the greeting']] as const) {
      await own.build(version);
      await git('add', '--all');
      await git('commit', '--quiet', '--message', subject);
      const done = await own.deploy();
      expect(done.document).toMatchObject({ outcome: 'done', manifest: { now: { version: '1.0.0', branch: 'main', dirty: false, commit: expect.stringMatching(/^[0-9a-f]{40}$/) } } });
      expect(done.output.text.includes('fix: the greeting')).toBe(version === '2');
      expect(done.output.text).not.toMatch(/[0-9a-f]{10} first/);
    }
    // A detached head has no branch, and the same commit again has no commits in between.
    await git('checkout', '--quiet', '--detach');
    await own.write('apps/api/environments/staging.env', 'GREETING=hello\n');
    await own.write('apps/api/package.json', { name: 'api', version: '1.0.0', description: 'changed' });
    const again = await own.deploy();
    expect(again.document.manifest?.now).toMatchObject({ dirty: true });
    expect(again.document.manifest?.now?.branch).toBeUndefined();
    expect(again.output.text).not.toContain('fix: the greeting');
  } finally {
    await own.close();
  }
});

test('a worker without a port runs beside web', async () => {
  const place = await project(deployFile({ processes: { worker: { command: ['node', 'worker.js'], instances: 2 } } }));
  await bench.write(`apps/${place.project}/dist/worker.js`, 'console.log("worker", process.env.PORT, process.env.NX_DEPLOY_INSTANCE); setInterval(() => {}, 1000);');
  const done = await bench.deploy({}, place);
  expect(done.document.outcome).toBe('done');
  const { fleet, instances } = await bench.status(place);
  expect(fleet[done.document.release ?? '']).toEqual({ weight: 100, processes: { web: { running: 1, ready: 1, draining: 0 }, worker: { running: 2, ready: 2, draining: 0 } } });
  expect(instances.filter(({ id }) => id.startsWith('worker')).map(({ port }) => port)).toEqual([0, 0]);
});

test('another limit of memory is another release, and an instance above it is ended', async () => {
  const place = await project();
  const first = await bench.deploy({}, place);
  await bench.write(`apps/${place.project}/deploy.json`, deployFile({ limits: { memory: '1MB' } }));
  const done = await bench.deploy({}, place);
  expect(done.document.release).not.toBe(first.document.release);
  await eventually(async () => ((await bench.status(place)).instances[0]?.crashes ?? 0) > 0, 'the instance to be ended');
});

test('an address that changes moves the service, and a failing deploy with yet another one puts it back', async () => {
  const [first, second, third] = [await unusedPort(), await unusedPort(), await unusedPort()];
  const on = (listen: number): object => deployFile({ environments: { staging: { listen } } });
  const place = await project(on(first));
  const file = `apps/${place.project}/deploy.json`;
  expect((await bench.deploy({}, place)).document.url).toBe(`http://127.0.0.1:${first}`);
  await bench.write(file, on(second));
  const moved = await bench.deploy({}, place);
  expect(moved.document).toMatchObject({ outcome: 'done', url: `http://127.0.0.1:${second}` });
  expect((await get(moved.document.url)).status).toBe(200);
  expect(await serves(first)).toBe(false);
  await bench.write(file, on(third));
  await bench.build('2', 'never-healthy', place.project);
  await bench.write(file, { ...on(third), health: { path: '/health', interval: '50ms', timeout: '1s' } });
  const failed = await bench.deploy({}, place);
  expect(failed.document).toMatchObject({ outcome: 'restored', url: `http://127.0.0.1:${second}` });
  expect((await get(`http://127.0.0.1:${second}`)).status).toBe(200);
  expect(await serves(third)).toBe(false);
});
