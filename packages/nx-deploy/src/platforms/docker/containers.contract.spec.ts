/** What deploy.json's `container` and `processes` say, as containers of a real engine have it; and the release command. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { lackOfEngine } from '../../../../../tools/images/engine.js';
import { describeUnless } from '../../../../../tools/images/needs.spec-support.js';
import type { StrategyOptions } from '../../config/resolved.js';
import type { ChangeResult } from '../../engine/request.js';
import { runChange } from '../../engine/change.js';
import type { ContainerSpec, DeployEvent, ProcessSpec, RunSpec } from '../../model/index.js';
import { until } from '../../shell/programs.spec-support.js';
import { openDocker } from './index.js';
import { CONTAINER_DEFAULTS } from './arguments.js';
import { containerName } from './labels.js';
import { DockerWorld } from './place.spec-support.js';

jest.setTimeout(240_000);

interface Order {
  readonly container?: Partial<ContainerSpec>;
  readonly processes?: Readonly<Record<string, ProcessSpec>>;
  readonly counts?: Readonly<Record<string, number>>;
  readonly limits?: RunSpec['limits'];
  readonly values?: Readonly<Record<string, string>>;
  readonly secrets?: readonly string[];
  readonly version?: string;
  readonly strategy?: StrategyOptions;
  readonly signal?: AbortSignal;
  readonly emit?: (event: DeployEvent) => void;
}

const HOSTILE = ['; rm -rf /', '$(touch /tmp/x)', '../..', 'two\nlines', '"q\' \\', 'gr\u00fcn \u2603', ''];

describeUnless(lackOfEngine(), 'containers of a service', () => {
  let world: DockerWorld;
  let shared: string;
  beforeAll(async () => {
    world = await DockerWorld.open();
    shared = mkdtempSync(join(tmpdir(), 'nxd-shared-'));
  }, 180_000);
  afterAll(async () => {
    await world.close();
    rmSync(shared, { recursive: true, force: true });
  });
  const mount = { source: '', target: '/shared', readOnly: false };

  async function deploy(service: string, { container = {}, processes = {}, counts = {}, limits = {}, values = {}, secrets = [], version = '1', strategy = { type: 'rolling', batch: 100 }, signal, emit = () => undefined }: Order = {}): Promise<ChangeResult> {
    const session = await openDocker(world.target('containers', service, 'test'), 'change');
    const spec: RunSpec = {
      processes: { web: { command: [] }, ...processes }, cwd: '.', port: 3_000, health: { path: '/health', timeout: 30_000, interval: 50, passes: 1 }, drain: 5_000, stopTimeout: 2_000, limits,
      container: { ...CONTAINER_DEFAULTS, ...container },
    };
    try {
      return await runChange({
        platform: session.platform, emit, signal: signal ?? new AbortController().signal,
        request: {
          run: `run-${Date.now().toString(36)}-${version}`, actor: { user: 'tester', host: 'here', pid: process.pid }, service, environment: 'test', strategy, hooks: { before: [], after: [] },
          deadline: 120_000, keep: 5, dryRun: false,
          change: { action: 'deploy', deployable: { artifact: await world.image({ fixture: 'steady', version }), config: { values, secrets: [...secrets] }, spec }, processes: { web: { fixed: 1 }, ...Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, { fixed: count }])) } },
        },
      });
    } finally {
      await session.close();
    }
  }

  const containers = (service: string, process = 'web'): readonly string[] => world.docker(['ps', '--no-trunc', '--format={{.Names}}', `--filter=label=io.nx-deploy.service=${service}`, `--filter=label=io.nx-deploy.process=${process}`]).trim().split('\n').filter((name) => name !== '').sort();
  const inside = (name: string, ...words: readonly string[]): string => world.docker(['exec', name, ...words]).trim();
  const leftOver = (service: string): string => world.docker(['ps', '--all', '--quiet', `--filter=name=${containerName({ workspace: 'containers', service, environment: 'test' }, 'once')}`]).trim();
  const script = (text: string, ...words: readonly string[]): readonly string[] => ['node', '-e', text, ...words];

  it('cannot write but where they may, have no privileges, and keep to their limits', async () => {
    world.docker(['volume', 'create', 'kept']);
    const result = await deploy('hardened', {
      limits: { memory: 64 * 1024 * 1024, cpu: 0.5, pids: 60 },
      container: { tmpfs: ['/scratch'], mounts: [{ source: 'kept', target: '/kept', readOnly: false }, { source: shared, target: '/a, "b"', readOnly: true }], hosts: { 'db.internal': '192.0.2.7' }, user: '1000:1000', log: { driver: 'json-file', options: { 'max-size': '1m', 'max-file': '2' } } },
    });
    expect(result).toMatchObject({ outcome: 'done' });
    const [name = ''] = containers('hardened');
    const status = inside(name, 'cat', '/proc/1/status');
    expect(status).toMatch(/^CapEff:\s0+$/m);
    expect(status).toMatch(/^NoNewPrivs:\s1$/m);
    expect(status).toMatch(/^Uid:\s1000\s/m);
    const write = (path: string): string => inside(name, 'sh', '-c', `echo x > '${path}' 2>/dev/null && echo written || echo refused`);
    expect(['/app/x', '/a, "b"/x', '/scratch/x'].map(write)).toEqual(['refused', 'refused', 'written']);
    expect(inside(name, 'cat', '/etc/hosts')).toContain('192.0.2.7\tdb.internal');
    const { HostConfig: host } = (JSON.parse(world.docker(['inspect', name])) as [{ HostConfig: object }])[0];
    expect(host).toMatchObject({ Memory: 64 * 1024 * 1024, MemorySwap: 64 * 1024 * 1024, NanoCpus: 500_000_000, PidsLimit: 60, LogConfig: { Config: { 'max-size': '1m', 'max-file': '2' } }, RestartPolicy: { Name: 'unless-stopped' } });
    // A service that forks without end ends at its limit, not the machine.
    expect(inside(name, 'node', '-e', 'const { spawn } = require("node:child_process"); let bad = 0; for (let i = 0; i < 80; i += 1) spawn("/bin/sleep", ["1"]).on("error", () => { bad += 1; }); setTimeout(() => { console.log(bad > 0 ? "stopped" : "all started"); process.exit(); }, 500)')).toBe('stopped');
  });

  it('of workers are as many as are wanted, with the variables of the release, and change hands with it', async () => {
    const worker = { command: script('console.log(process.env.QUEUE); process.on("SIGTERM", () => { console.log("asked to end"); process.exit(0); }); setInterval(() => {}, 1000)') };
    const order = { processes: { worker }, counts: { worker: 2 }, values: { QUEUE: 'mail' } };
    const one = await deploy('workers', order);
    expect(one).toMatchObject({ outcome: 'done' });
    const before = containers('workers', 'worker');
    expect(before).toHaveLength(2);
    expect(world.docker(['logs', before[0] ?? '']).trim()).toBe('mail');
    const two = await deploy('workers', { ...order, version: '2' });
    expect(two).toMatchObject({ outcome: 'done' });
    const after = containers('workers', 'worker');
    expect(after).toHaveLength(2);
    expect(after.every((name) => name.includes(two.release ?? '?'))).toBe(true);
    expect(await deploy('workers', { ...order, version: '2', counts: { worker: 1 } })).toMatchObject({ outcome: 'done' });
    expect(containers('workers', 'worker')).toHaveLength(1);
  });

  it('of scheduled jobs are one at any time: the one of the release before has ended when the next one starts', async () => {
    const file = join(shared, 'jobs.log');
    writeFileSync(file, '');
    // What cron, supercronic or a scheduler of the program's own would be: it ends what it does before it goes.
    const jobs = { exclusive: true, command: script(`
      const { appendFileSync } = require("node:fs");
      const say = (what) => appendFileSync("/shared/jobs.log", what + " " + process.env.NX_DEPLOY_RELEASE + "\\n");
      say("from");
      const timer = setInterval(() => say("job"), 50);
      process.on("SIGTERM", () => { clearInterval(timer); setTimeout(() => { say("to"); process.exit(0); }, 300); });
    `) };
    const order = { processes: { jobs }, counts: { jobs: 1 }, container: { user: '0:0', mounts: [{ ...mount, source: shared }] } };
    const releases: string[] = [];
    const blueGreen = { type: 'blue-green', smoke: [], soak: 0, keepWarm: 0 } as const;
    for (const [version, strategy] of [['1', undefined], ['2', undefined], ['3', blueGreen]] as const) {
      const { release = '', outcome } = await deploy('jobs', { ...order, version, ...(strategy === undefined ? {} : { strategy }) });
      expect(outcome).toBe('done');
      releases.push(release);
      await until('a job of it to run', () => readFileSync(file, 'utf8').includes(`job ${release}`));
    }
    const turns = readFileSync(file, 'utf8').trim().split('\n').filter((line) => !line.startsWith('job '));
    expect(turns).toEqual(releases.flatMap((release) => [`from ${release}`, `to ${release}`]).slice(0, -1));
  });

  it('join further networks, and a network that is not there stops the deploy with nothing left behind', async () => {
    world.docker(['network', 'create', 'database']);
    world.docker(['run', '--detach', '--name=db', '--network=database', 'node:spec', 'node', '-e', 'require("net").createServer((s) => s.end("rows")).listen(5432)']);
    const asks = script('require("net").connect(5432, "db").on("data", (d) => { console.log(String(d)); process.exit(0); }).on("error", (e) => { console.log(e.code); process.exit(1); })');
    const lines: string[] = [];
    const result = await deploy('networked', { container: { networks: ['database'], release: { command: asks, timeout: 20_000 } }, emit: (event) => { if (event.type === 'output') lines.push(event.line); } });
    expect(result).toMatchObject({ outcome: 'done' });
    // The migration reaches it too.
    expect(lines).toEqual(['rows']);
    expect(inside(containers('networked')[0] ?? '', ...asks)).toBe('rows');
    const refused = await deploy('networked', { version: '2', container: { networks: ['nowhere'] } });
    expect(refused).toMatchObject({ outcome: 'restored' });
    expect(JSON.stringify(refused.error)).toContain('nowhere');
    expect(world.docker(['ps', '--all', '--quiet', '--filter=label=io.nx-deploy.service=networked']).trim().split('\n')).toHaveLength(1);
    const unready = await deploy('networked', { version: '3', container: { networks: ['nowhere'], release: { command: asks, timeout: 20_000 } } });
    expect(unready).toMatchObject({ outcome: 'restored' });
    expect(leftOver('networked')).toBe('');
  });

  describe('a release command', () => {
    it('gets its words as they are, its variables, a mount, and its output has no secret', async () => {
      const values = { TOKEN: 'hunter2-very-secret', LINES: 'a\nb', NAME: 'gr\u00fcn \u2603' };
      const file = join(shared, 'words.json');
      const command = script('require("fs").writeFileSync("/shared/words.json", JSON.stringify([process.argv.slice(1), process.env.LINES, process.env.NAME, process.env.NX_DEPLOY_INSTANCE])); console.log("token", process.env.TOKEN); console.error("to stderr")', '--', ...HOSTILE);
      writeFileSync(file, '');
      // The container's user is not that of this folder.
      mkdirSync(join(shared, 'x'), { recursive: true });
      const lines: string[] = [];
      const result = await deploy('once', { container: { user: '0:0', mounts: [{ ...mount, source: shared }], release: { command, timeout: 20_000 } }, values, secrets: ['TOKEN'], emit: (event) => { if (event.type === 'output') lines.push(event.line); } });
      expect(result).toMatchObject({ outcome: 'done', stages: { 'release-command': expect.any(Number) as number } });
      expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual([HOSTILE, 'a\nb', 'gr\u00fcn \u2603', 'release.1']);
      expect(lines.join('\n')).toContain('to stderr');
      expect(lines.join('\n')).not.toContain('hunter2');
      expect(leftOver('once')).toBe('');
    });

    it('that fails or takes too long stops the deploy; what runs goes on, and its container is gone', async () => {
      const good = await deploy('failing');
      const failed = await deploy('failing', { version: '2', container: { release: { command: script('console.log("no such table"); process.exit(7)'), timeout: 20_000 } } });
      expect(failed).toMatchObject({ outcome: 'restored', error: { code: 'ND-HOOK-FAILED', why: 'it exited with code 7', problems: ['no such table'] } });
      const slow = await deploy('failing', { version: '3', container: { release: { command: script('setInterval(() => {}, 1000)'), timeout: 1_000 } } });
      expect(slow).toMatchObject({ outcome: 'restored', error: { code: 'ND-HOOK-FAILED', why: 'it ran longer than 1.0s and was ended' } });
      const missing = await deploy('failing', { version: '4', container: { release: { command: ['/no/such/program'], timeout: 5_000 } } });
      expect(missing).toMatchObject({ outcome: 'restored', error: { code: 'ND-HOOK-FAILED' } });
      expect(containers('failing')).toEqual([expect.stringContaining(good.release ?? '?')]);
      expect(leftOver('failing')).toBe('');
    });

    it('is ended when the deploy is cancelled, and one that a killed deploy left is ended by the next', async () => {
      const waits = script('setInterval(() => {}, 1000)');
      const cancel = new AbortController();
      const cancelled = deploy('left', { container: { release: { command: waits, timeout: 60_000 } }, signal: cancel.signal });
      await until('the command to run', () => leftOver('left') !== '');
      await sleep(500);
      cancel.abort();
      expect(await cancelled).toMatchObject({ outcome: 'restored' });
      expect(leftOver('left')).toBe('');
      world.docker(['run', '--detach', '--name=nx-deploy-once-of-somebody', 'node:spec', ...waits]);
      world.docker(['run', '--detach', `--name=${containerName({ workspace: 'containers', service: 'left', environment: 'test' }, 'once')}-0`, ...['role=once', 'workspace=containers', 'environment=test', 'service=left'].map((label) => `--label=io.nx-deploy.${label}`), 'node:spec', ...waits]);
      expect(await deploy('left', { version: '2', container: { release: { command: script('console.log(1)'), timeout: 20_000 } } })).toMatchObject({ outcome: 'done' });
      expect(leftOver('left')).toBe('');
      expect(world.docker(['inspect', '--format={{.State.Status}}', 'nx-deploy-once-of-somebody']).trim()).toBe('running');
      world.docker(['rm', '--force', 'nx-deploy-once-of-somebody']);
    });
  });

  it('get variables that no argv of any client shows', async () => {
    const seen = new Set<string>();
    const watching = setInterval(() => {
      for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
        try {
          const argv = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
          if (argv.includes('hunter3')) seen.add(argv);
        } catch {
          // It has ended.
        }
      }
    }, 5);
    const result = await deploy('argv', { values: { TOKEN: 'hunter3', MULTI: 'hunter3\nline' }, secrets: ['TOKEN', 'MULTI'], container: { release: { command: script('console.log(process.env.TOKEN.length)'), timeout: 20_000 } } });
    clearInterval(watching);
    expect(result).toMatchObject({ outcome: 'done' });
    expect([...seen]).toEqual([]);
    expect(inside(containers('argv')[0] ?? '', 'node', '-p', 'process.env.TOKEN + process.env.MULTI')).toBe('hunter3hunter3\nline');
  });
});
