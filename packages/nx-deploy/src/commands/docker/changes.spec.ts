import { existsSync, readFileSync } from 'node:fs';
import { DeployError } from '../../errors.js';
import type { ImageRef } from '../../model/index.js';
import { STATE_SCHEMA } from '../../releases/index.js';
import { join } from 'node:path';
import { approve } from '../answer.js';
import { deploy, type DeployOptions } from '../deploy.js';
import { rollback } from '../rollback.js';
import { status } from '../status.js';
import { eventually, Recorder, type Ran } from '../workbench.spec-support.js';
import { deployedImage } from './image.js';
import { deployJson, Engine } from './engine.spec-support.js';

let engine: Engine;
jest.mock('../../platforms/docker/index.js', () => ({ openDocker: (target: never) => engine.openDocker(target) }));
jest.mock('../../walker/start.js', () => ({ launchWalker: (options: never) => engine.launchWalker(options) }));
jest.mock('../../walker/attach.js', () => ({ ...jest.requireActual<object>('../../walker/attach.js'), cancelRun: (run: never) => engine.cancelRun(run) }));
jest.mock('../../control/code-copies.js', () => ({ ...jest.requireActual<object>('../../control/code-copies.js'), ownCopy: () => '/code/0123456789abcdef/agent.js', pruneCopies: () => Promise.resolve([]) }));
jest.mock('./image.js', () => ({ deployedImage: jest.fn() }));

function built(version: string, source?: { layout: string; home: string }): void {
  const artifact: ImageRef = { type: 'image', digest: `sha256:${version.repeat(64)}`, config: `sha256:${'c'.repeat(64)}`, platform: 'linux/amd64', bytes: 10 };
  jest.mocked(deployedImage).mockResolvedValue({ artifact, port: 3000, ...(source === undefined ? {} : { source }) });
}

beforeEach(async () => {
  engine = await Engine.open();
  built('1');
});
afterEach(() => engine.close());

async function ran(options: DeployOptions = {}, output = new Recorder()): Promise<Ran> {
  return { ...await deploy(engine.context(output), options), output } as Ran;
}

test('a deploy is walked by a walker, which gets the whole order and of the environment no more than the client needs', async () => {
  built('1', { layout: '/l', home: '/h' });
  const done = await ran();
  expect(done.output.errors).toEqual([]);
  expect(done).toMatchObject({ exitCode: 0, document: { outcome: 'done', action: 'deploy', service: 'api', environment: 'live', url: 'http://engine:8080' } });
  const [order] = engine.orders;
  expect(order).toMatchObject({
    platform: 'docker',
    target: {
      key: { workspace: 'acme', environment: 'live', service: 'api' }, place: { program: 'docker', context: 'prod', router: { image: 'haproxy:3.0', network: 'host' } },
      listen: { address: '127.0.0.1', port: 8080 }, steering: {}, source: { layout: '/l', home: '/h' },
    },
    request: { change: { action: 'deploy', deployable: { spec: { cwd: '.', port: 3000, processes: { web: { command: [] } }, container: { readOnly: true, restart: 'unless-stopped' } }, manifest: { version: '1.0.0' } }, processes: { web: { fixed: 1 } } } },
  });
  expect(order?.target.variables).toEqual({ PATH: process.env['PATH'], DOCKER_HOST: 'tcp://engine' });
  expect(engine.closed).toBe(engine.targets.length);
  expect(done.output.lines.join('\n')).toContain('nx run api:status --configuration=live');
  // No agent was started for it.
  expect(existsSync(join(engine.folder, 'home', 'agent.json'))).toBe(false);
});

test('the same again is nothing to do, another image another release, and a rollback goes back without an address', async () => {
  const first = await ran();
  expect((await ran()).document.outcome).toBe('unchanged');
  built('2');
  expect((await ran()).document).toMatchObject({ outcome: 'done', previous: first.document.release });
  const back = await rollback(engine.context(), {});
  expect(back).toMatchObject({ exitCode: 0, document: { outcome: 'done', action: 'rollback', release: first.document.release } });
  expect(engine.orders.at(-1)?.target).not.toHaveProperty('listen');
  expect(engine.orders.at(-1)?.target).not.toHaveProperty('steering');
});

test('a dry run is a plan, and --package is refused', async () => {
  const planned = await ran({ dryRun: true });
  expect(planned).toMatchObject({ exitCode: 0, document: { outcome: 'planned' } });
  expect(planned.output.lines.at(-1)).toBe('dry run: nothing was changed');
  expect(deployedImage).toHaveBeenLastCalledWith(expect.anything(), expect.anything(), expect.anything(), true);
  expect(engine.platform.changes()).toEqual([]);
  expect(await ran({ package: '/x.tar.gz' })).toMatchObject({ exitCode: 3, document: { error: { code: 'ND-OPTION-INVALID', what: expect.stringContaining('docker runs images') } } });
});

test('what is wrong with the image ends the deploy before a walker is started', async () => {
  jest.mocked(deployedImage).mockRejectedValue(new DeployError('ND-IMAGE-INCOMPLETE', { what: 'api has no image yet' }));
  expect(await ran()).toMatchObject({ exitCode: 3, document: { outcome: 'refused', error: { code: 'ND-IMAGE-INCOMPLETE' } } });
  expect(engine.orders).toEqual([]);
  // It was launched while the image was looked for.
  expect(engine.dismissed).toBe(1);
});

describe('certificates', () => {
  // Put together here: the repository's own check takes the words for a key.
  const both = ['-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n-----BEGIN', 'PRIVATE', 'KEY-----\ny\n-----END', 'PRIVATE', 'KEY-----\n'].join(' ');

  test('are read when it is deployed, and each that does not do is told', async () => {
    const certificate = ['a.pem', '{workspaceRoot}/none.pem', 'chain.pem', 'text.pem'];
    await engine.write('apps/api/deploy.json', deployJson({ listen: { port: 443, certificate } }));
    await engine.write('apps/api/a.pem', both);
    await engine.write('apps/api/chain.pem', both.split('-----BEGIN PRIVATE')[0] ?? '');
    await engine.write('apps/api/text.pem', 'hello');
    const refused = await ran();
    expect(refused).toMatchObject({ exitCode: 3, document: { outcome: 'refused', error: { code: 'ND-CONFIG-INVALID', what: '3 certificates cannot be used', problems: [
      `${engine.root}/none.pem: there is no such file`, `${engine.root}/apps/api/chain.pem: it holds no key in PEM without a password, which the router needs`, `${engine.root}/apps/api/text.pem: it holds no certificate in PEM`,
    ] } } });
    expect([engine.orders, engine.dismissed]).toEqual([[], 1]);
    await engine.write('apps/api/deploy.json', deployJson({ listen: { port: 443, certificate: 'a.pem' } }));
    const done = await ran();
    expect(engine.orders[0]?.target.listen).toEqual({ address: '127.0.0.1', port: 443, certificates: [both] });
    expect(JSON.stringify([done.document, done.output])).not.toContain('PRIVATE KEY');
  });
});

describe('a release command', () => {
  beforeEach(() => engine.write('apps/api/deploy.json', deployJson({}, { container: { release: { command: ['node', 'migrate.js'], timeout: '1m' } } })));

  test('runs once the release is there and before anything starts; not for a rollback, nor in a dry run', async () => {
    await ran({ dryRun: true });
    expect(engine.platform.once).toEqual([]);
    const first = await ran();
    expect(engine.platform.once).toEqual([[first.document.release, ['node', 'migrate.js'], 60_000]]);
    const order = engine.platform.calls.filter((call) => /^(stage|once|scale)/.test(call)).map((call) => call.split(' ')[0]);
    expect(order.slice(0, 3)).toEqual(['stage', 'once', 'scale']);
    expect(first.output.events).toContainEqual(expect.objectContaining({ type: 'stage', stage: 'release-command', state: 'done' }));
    built('2');
    await ran();
    await rollback(engine.context(), {});
    expect(engine.platform.once).toHaveLength(2);
  });

  test('that fails stops the deploy, and nothing was started', async () => {
    engine.platform.failOnce = new DeployError('ND-HOOK-FAILED', { what: 'the release command failed' });
    expect(await ran()).toMatchObject({ exitCode: 1, document: { outcome: 'restored', error: { code: 'ND-HOOK-FAILED' } } });
    expect(engine.platform.calls.some((call) => call.startsWith('scale'))).toBe(false);
  });
});

test('a release that never gets ready is taken back: exit code 1', async () => {
  engine.platform.watch = (call) => { if (call.startsWith('ready')) engine.platform.broken.add(call.split(' ')[1] ?? ''); };
  expect(await ran()).toMatchObject({ exitCode: 1, document: { outcome: 'restored', error: { code: 'ND-NOT-READY' } } });
});

test('Ctrl-C has the walker take the change back', async () => {
  const output = new Recorder();
  await engine.write('apps/api/deploy.json', deployJson({}, { hooks: { preDeploy: [['node', '-e', 'console.log("waiting"); setTimeout(() => {}, 60000)']] } }));
  const done = ran({}, output);
  await eventually(() => output.events.some((event) => event.type === 'output'), 'the hook to run');
  process.emit('SIGINT', 'SIGINT');
  expect(await done).toMatchObject({ exitCode: 1, document: { outcome: 'restored' } });
  expect(output.lines[0]).toBe('SIGINT: asking the walker to restore what ran before; should this command end first, watch it: npx nx-deploy status api -c live --follow');
});

describe('a change that asks', () => {
  beforeEach(() => engine.write('apps/api/deploy.json', deployJson({}, { strategy: { type: 'blue-green', smoke: [], approve: 'fine?', keepWarm: '0s' } })));

  test('ends with the question as it is on record, and goes on when it is approved', async () => {
    // There is nothing to ask of the first release.
    await ran();
    built('2');
    const asked = await ran();
    expect(asked).toMatchObject({ exitCode: 4, document: { outcome: 'paused', paused: { gate: 'fine?', id: expect.any(String), since: expect.any(String) } } });
    const seen = await status(engine.context(), {});
    expect(seen).toMatchObject({ document: { paused: { run: asked.document.run } } });
    expect(await approve(engine.context(), {})).toMatchObject({ exitCode: 0, document: { outcome: 'done', decision: 'approved' } });
    expect(engine.orders.at(-1)?.request.change).toEqual({ action: 'approve' });
  });
});

describe('the watch', () => {
  const bad = { requests: 100, errors: 90, ejected: 0, latency: { p50: 1, p95: 1, p99: 1 }, times: [] };

  async function two(): Promise<{ readonly first: string; readonly second: Ran }> {
    const { document: { release: first = '' } } = await ran({});
    built('2');
    await engine.write('apps/api/deploy.json', deployJson({}, { watch: '1m' }));
    return { first, second: await ran() };
  }

  test('goes on without the command, is told by status, and is over when its walker is told to end', async () => {
    const { second } = await two();
    expect(second).toMatchObject({ exitCode: 0, document: { outcome: 'done' } });
    const seen = engine.context();
    const { document } = await status(seen, {});
    expect(document).toMatchObject({ watch: { release: second.document.release, until: expect.any(String) } });
    expect(seen.output.text).toContain(`${second.document.release ?? ''} is watched until`);
    expect(document).not.toHaveProperty('lock');
    engine.stops.get(second.document.run)?.abort();
    await Promise.all(engine.walks);
    expect((await status(engine.context(), {})).document).not.toHaveProperty('watch');
  });

  test('takes back what does badly, by itself', async () => {
    const { first, second } = await two();
    engine.platform.counted.set(second.document.release ?? '', bad);
    engine.platform.broken.add(second.document.release ?? '');
    const fleet = engine.platform.observed();
    expect(Object.keys(fleet)).toContain(second.document.release);
    // Every instance of it is not ready any more.
    jest.spyOn(engine.platform, 'list').mockImplementation(async () => {
      const found = structuredClone(engine.platform.observed()) as Record<string, { processes: Record<string, { running: number; ready: number; draining: number }>; weight: number; crashes?: number }>;
      const release = found[second.document.release ?? ''];
      if (release !== undefined) release.crashes = 9;
      return found;
    });
    await Promise.all(engine.walks);
    const entries = await engine.platform.state.ledger.entries();
    expect(entries.at(-1)).toMatchObject({ kind: 'end', action: 'rollback', outcome: 'done', release: first });
    const file = join(engine.folder, 'home', 'runs', second.document.run, 'watch.jsonl');
    expect(readFileSync(file, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as object).at(-1)).toMatchObject({ type: 'result', result: { outcome: 'restored', error: { code: 'ND-WATCH-FAILED' } } });
  });

  test('that is stayed for decides what the deploy came to; who leaves early leaves it going on', async () => {
    await ran();
    built('2');
    const output = new Recorder();
    const done = ran({ watch: '1m' }, output);
    await eventually(() => output.events.some((event) => event.type === 'waiting' && event.for.startsWith('a watch')), 'the watch');
    process.emit('SIGTERM', 'SIGTERM');
    const result = await done;
    expect(result).toMatchObject({ exitCode: 0, document: { outcome: 'done' } });
    expect(output.lines[0]).toBe('SIGTERM: no longer watching; the walker goes on by itself');
    expect((await status(engine.context(), {})).document).toMatchObject({ watch: { release: result.document.release } });
  });

  test('whose process was killed is told', async () => {
    const { second } = await two();
    const file = join(engine.folder, 'home', 'runs', second.document.run, 'walker.json');
    const record = JSON.parse(readFileSync(file, 'utf8')) as { pid: number };
    process.kill(record.pid, 'SIGKILL');
    await eventually(async () => !('watch' in (await status(engine.context(), {})).document), 'its end to be seen');
    const seen = engine.context();
    await status(seen, {});
    expect(seen.output.text).toMatch(/note: the watch over r[0-9a-f]{12} was to last until .*: nobody looks after the release any more/);
  });
});

test('--resume goes on with what was interrupted, by a walker', async () => {
  const first = await ran();
  const { journal, releases } = engine.platform.state;
  const fleet = { [first.document.release ?? '']: { processes: { web: { fixed: 1 } }, weight: 100 } };
  await journal.write({
    schema: STATE_SCHEMA, run: 'run-killed', action: 'deploy', actor: { user: 'ann', host: 'there', pid: 1 }, startedAt: '2026-01-31T12:00:00.000Z', epoch: 3,
    effect: { kind: 'scale', key: 'x' }, from: fleet, to: fleet, releases: Object.fromEntries((await releases.list()).map((release) => [release.id, release])), committed: false,
  });
  const resumed = await ran({ resume: true });
  expect(engine.orders.at(-1)?.request.change).toMatchObject({ action: 'resume' });
  expect(resumed.exitCode).toBe(0);
});
