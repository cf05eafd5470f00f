/** The router in a container of a real engine, with the host's network: the same code, the way in is `docker exec`. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { baseArchive } from '../../../../../tools/images/base-image.js';
import { describeWithEngine } from '../../../../../tools/images/engine.spec-support.js';
import { HAPROXY_PROGRAMS, makeHaproxyImage } from '../../../../../tools/images/haproxy-image.js';
import { startLoad } from '../../../../../tools/load/launch.js';
import { EngineClient } from '../../shell/engine/index.js';
import { until } from '../../shell/programs.spec-support.js';
import { A, B, closeAll, freePort, route, service } from './haproxy.spec-support.js';
import type { RouterPlace } from './place.js';
import { HaproxyRouter } from './router.js';
import { haproxyCommand } from './scripts.js';

const IMAGE = 'haproxy:spec';
const FOLDER = '/router';
const VALUES = { QUOTES: '"a" \'b\' `c`', SPACES: '  x  ', LINES: 'one\ntwo\n', HASH: '# no comment', DOLLAR: '$HOME ${PATH}', EMPTY: '', EQUALS: 'a=b=c', BACKSLASH: 'a\\nb', UNICODE: '\u00e4\u20ac' };

/** As this machine sees it: the engine has process ids of its own, and there may be other routers here. */
function masterOf(container: string): number {
  const all = execFileSync('pgrep', ['-f', `^haproxy .*${FOLDER}/haproxy.cfg`], { encoding: 'utf8' }).trim().split('\n').map(Number);
  const mine = all.filter((pid) => existsSync(`/proc/${pid}/cgroup`) && readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(container));
  return Math.min(...mine);
}

describeWithEngine('the router in a container', (engine) => {
  let client: EngineClient;
  const started: string[] = [];
  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'nxd-image-'));
    engine().docker(['load'], await baseArchive(await makeHaproxyImage(folder), IMAGE));
    rmSync(folder, { recursive: true });
    client = new EngineClient({ program: 'docker', variables: engine().env });
  }, 180_000);
  afterEach(async () => {
    await closeAll();
    for (const name of started.splice(0)) engine().docker(['rm', '--force', '--volumes', name]);
  });

  async function router(name: string): Promise<{ readonly router: HaproxyRouter; readonly name: string }> {
    const volume = `--volume=${name}:${FOLDER}`;
    const place = (args: readonly string[]): RouterPlace => ({ folder: FOLDER, name, exec: (argv, input) => client.call('reach the router', [...args, ...argv], { input }) });
    await new HaproxyRouter(place(['run', '--rm', '--interactive', '--user=0:0', volume, IMAGE])).prepare();
    await client.ask('start the router', ['run', '--detach', `--name=${name}`, '--network=host', '--restart=always', '--user=0:0', volume, IMAGE, ...haproxyCommand(FOLDER)]);
    started.push(name);
    const made = new HaproxyRouter(place(['exec', '--interactive', name]));
    await until('the router answers', () => made.running('none').then(() => true, () => false), 60_000);
    return { router: made, name };
  }

  it('takes changes of shares and of structure under load without a failed request, and comes back with all of them after a kill', async () => {
    const { router: made, name } = await router(`nxd-router-${process.pid}`);
    const [a, b] = [await service(A, '1'), await service(B, '1')];
    const port = await freePort();
    const shares = (weight: number) => route(port, [a.target, b.target], { [A]: 100 - weight, [B]: weight });
    await made.set(shares(0));
    const load = await startLoad({ url: `http://127.0.0.1:${port}`, rate: 50, mix: { get: 60, fresh: 25, post: 15 } });
    const times: number[] = [];
    for (const weight of [10, 50, 100]) {
      const began = performance.now();
      await made.set(shares(weight));
      times.push(performance.now() - began);
      await made.set(route(await freePort(), [a.target], { [A]: 100 }, { key: 'other' }));
    }
    const report = await load.stop();
    expect(report).toMatchObject({ failures: 0, firstFailures: [] });
    expect((await made.running('api (test, acme)'))?.weights).toEqual({ [A]: 0, [B]: 100 });
    const gap = await startLoad({ url: `http://127.0.0.1:${port}`, rate: 50, mix: { fresh: 100 } });
    // From the host, as the kernel does it when memory is short; the engine starts it again.
    const pid = engine().docker(['inspect', '--format', '{{.State.Pid}}', name]).trim();
    await until('some requests have gone', () => new Promise((done) => setTimeout(() => done(true), 500)));
    process.kill(masterOf(engine().docker(['inspect', '--format', '{{.Id}}', name]).trim()), 'SIGKILL');
    try {
      await until('it runs again', () => engine().docker(['inspect', '--format', '{{.State.Pid}}', name]).trim() !== pid && fetch(`http://127.0.0.1:${port}/`).then(({ ok }) => ok, () => false), 60_000);
    } catch (error) {
      await gap.stop();
      throw error;
    }
    const after = await gap.stop();
    expect((await made.running('api (test, acme)'))?.weights).toEqual({ [A]: 0, [B]: 100 });
    expect(await made.routes()).toHaveLength(2);
    process.stdout.write(`router in a container: ${report.sent} requests, ${report.failures} failed; a change of shares takes ${times.map((ms) => Math.round(ms)).join(', ')} ms; killed: ${after.failures} of ${after.sent} failed, longest gap ${Math.round(after.longestGapMs)} ms\n`);
  }, 180_000);

  it('hands every value to a container as it is, with none in an argv', async () => {
    const printed = await client.withEnvironment(VALUES, async ({ args, inherited }) => {
      expect(args.join(' ')).not.toContain('no comment');
      return client.ask('print variables', ['run', '--rm', '--user=0:0', ...args, IMAGE, 'perl', '-e', 'print "$_=$ENV{$_}\\0" for sort keys %ENV'], { inherited });
    });
    const seen = Object.fromEntries(printed.split('\0').map((pair) => [pair.split('=')[0] ?? '', pair.slice(pair.indexOf('=') + 1)]));
    expect(seen).toMatchObject(VALUES);
  }, 120_000);

  it('is told apart: a name that is taken, an image that is not there, an engine that does not answer', async () => {
    const foreign = `nxd-foreign-${process.pid}`;
    engine().docker(['create', `--name=${foreign}`, IMAGE]);
    started.push(foreign);
    const run = (name: string, image: string): Promise<string> => client.ask('start it', ['run', '--detach', '--pull=never', `--name=${name}`, image]);
    await expect(run(foreign, IMAGE)).rejects.toMatchObject({ code: 'ND-OWNER-CONFLICT' });
    await expect(run(`${foreign}-other`, 'nope.invalid/none:1')).rejects.toMatchObject({ code: 'ND-ARTIFACT-MISSING' });
    await expect(new EngineClient({ program: 'docker', variables: { ...engine().env, DOCKER_HOST: 'unix:///nope.sock' } }).ask('look', ['ps'])).rejects.toMatchObject({ code: 'ND-ENGINE-UNREACHABLE' });
    await expect(new EngineClient({ program: 'docker', context: 'nope', variables: engine().env }).ask('look', ['ps'])).rejects.toMatchObject({ code: 'ND-ENGINE-UNREACHABLE' });
    expect(engine().docker(['inspect', '--format', '{{.State.Status}}', foreign]).trim()).toBe('created');
  }, 120_000);
}, HAPROXY_PROGRAMS);
