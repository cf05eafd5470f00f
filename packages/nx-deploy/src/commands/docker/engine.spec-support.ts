/** An engine in memory, its state in real files, and a walker inside this process. For tests only: the specs mock the ways to the real ones. */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { dockerTask, type DockerOrder } from '../../control/docker-task.js';
import { StatefulPlatform } from '../../engine/stateful-platform.spec-support.js';
import type { LogLine, LogOptions, ReleaseId } from '../../model/index.js';
import type { Closing, DockerSession, DockerTarget } from '../../platforms/docker/index.js';
import type { InstanceStatus, OnceOrder } from '../../platforms/platform.js';
import { fileStateStore, memoryLock } from '../../releases/index.js';
import { openEventLog } from '../../walker/event-log.js';
import { createRunFolder, recordWalker, type RunFolder } from '../../walker/run-folder.js';
import type { LaunchOptions, StartOptions, WaitingWalker } from '../../walker/start.js';
import { walk } from '../../walker/walk.js';
import { watcher } from '../../walker/watching.js';
import { commandContext, type CommandContext } from '../context.js';
import { Recorder } from '../workbench.spec-support.js';

class EnginePlatform extends StatefulPlatform {
  lines: LogLine[] = [];
  asked: (readonly [ReleaseId | undefined, LogOptions])[] = [];
  mended: readonly string[] = [];
  readonly once: (readonly [ReleaseId, readonly string[], number])[] = [];
  failOnce: Error | undefined;

  override url(): Promise<string | undefined> {
    return Promise.resolve('http://engine:8080');
  }

  override async *logs(release?: ReleaseId, options: LogOptions = {}): AsyncGenerator<never> {
    this.asked.push([release, options]);
    for (const line of this.lines) yield line as never;
  }

  settings(): Promise<Record<string, unknown>> {
    return Promise.resolve({});
  }

  async runOnce(release: ReleaseId, { command, timeout }: OnceOrder): Promise<void> {
    this.once.push([release, command, timeout]);
    this.calls.push('once');
    if (this.failOnce !== undefined) throw this.failOnce;
  }

  mend(): Promise<readonly string[]> {
    return Promise.resolve(this.mended);
  }

  async withdraw(): Promise<void> {
    this.calls.push('withdraw');
    await this.route(Object.fromEntries(Object.keys(this.observed()).map((id) => [id, 0])));
  }

  erase(): Promise<void> {
    this.calls.push('erase');
    return Promise.resolve();
  }
}

export class Engine {
  readonly targets: DockerTarget[] = [];
  readonly orders: DockerOrder[] = [];
  readonly cancels = new Map<string, AbortController>();
  readonly stops = new Map<string, AbortController>();
  readonly walks: Promise<void>[] = [];
  instances: readonly InstanceStatus[] = [];
  told: readonly string[] = [];
  closed = 0;
  /** Walkers that were told that there is nothing to do. */
  dismissed = 0;
  closing: Closing | undefined;

  private constructor(readonly folder: string, readonly platform: EnginePlatform, readonly variables: NodeJS.ProcessEnv) {}

  static async open(): Promise<Engine> {
    const folder = await realpath(await mkdtemp(join(tmpdir(), 'nx-deploy-engine-')));
    const state = fileStateStore({ folder: join(folder, 'state'), keyFile: join(folder, 'state', 'target.key'), lock: memoryLock('api (live)') });
    await mkdir(join(folder, 'state'));
    const engine = new Engine(folder, new EnginePlatform(state), { PATH: process.env['PATH'], NX_DEPLOY_HOME: join(folder, 'home'), DOCKER_HOST: 'tcp://engine', CI_SECRET: 'planted' });
    await engine.write('nx.json', { plugins: ['nx-deploy/plugin'] });
    await engine.write('package.json', { name: 'acme', version: '1.0.0' });
    await engine.write('apps/api/package.json', { name: 'api', version: '1.0.0' });
    await engine.write('apps/api/deploy.json', deployJson());
    return engine;
  }

  /** In the place of `openDocker`. */
  readonly openDocker = (target: DockerTarget): Promise<DockerSession> => {
    this.targets.push(target);
    return Promise.resolve({
      platform: this.platform,
      instances: () => Promise.resolve(this.instances),
      notes: () => Promise.resolve(this.told),
      closing: () => Promise.resolve(this.closing),
      closePublic: (closing) => {
        const before = this.closing;
        this.closing = closing;
        return Promise.resolve({ url: 'http://127.0.0.1:8080', ...(before === undefined ? {} : { before }) });
      },
      close: () => {
        this.closed += 1;
        return Promise.resolve();
      },
    });
  };

  /** In the place of `launchWalker`. */
  readonly launchWalker = (options: LaunchOptions): Promise<WaitingWalker> => Promise.resolve({
    begin: (order) => this.startWalker({ ...options, order }),
    dismiss: () => { this.dismissed += 1; },
  });

  /** A child stands for the walker's process. */
  private readonly startWalker = async ({ runs, run: name, order }: StartOptions): Promise<RunFolder> => {
    const run = await createRunFolder(runs, name);
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    await recordWalker(run, child.pid ?? 0);
    // It crosses a pipe.
    const given = JSON.parse(JSON.stringify(order)) as DockerOrder;
    this.orders.push(given);
    const [cancel, stop] = [new AbortController(), new AbortController()];
    this.cancels.set(run.folder, cancel);
    this.stops.set(name, stop);
    const task = dockerTask(given);
    this.walks.push(walk(task, openEventLog(run.events), cancel, watcher(run, task.watched, stop.signal)).finally(() => child.kill('SIGKILL')));
    return run;
  };

  /** In the place of `cancelRun`. */
  readonly cancelRun = (run: RunFolder): Promise<boolean> => {
    const cancel = this.cancels.get(run.folder);
    cancel?.abort();
    return Promise.resolve(cancel !== undefined);
  };

  async write(path: string, content: string | object): Promise<void> {
    const file = join(this.root, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
  }

  get root(): string {
    return join(this.folder, 'acme');
  }

  context(output = new Recorder()): CommandContext & { readonly output: Recorder } {
    return { ...commandContext({ workspaceRoot: this.root, projectName: 'api', projectRoot: 'apps/api', environment: 'live', variables: this.variables }, output), output };
  }

  async close(): Promise<void> {
    for (const stop of this.stops.values()) stop.abort();
    await Promise.all(this.walks);
    await rm(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

export function deployJson(own: object = {}, rest: object = {}): object {
  return { artifact: { type: 'image', builder: 'docker' }, port: 3000, watch: '0s', environments: { live: { platform: { type: 'docker', context: 'prod' }, listen: 8080, ...own } }, ...rest };
}
