/** An Nx workspace and its commands. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { binProgram, nxProgram, putFixture } from './machine.js';
import { exited, Program, runProgram, type Ending } from './program.js';

export interface ServiceOptions {
  /** Public port of staging. */
  readonly port: number;
  /** One of e2e/fixtures/services; default `steady`. */
  readonly fixture?: string;
  /** Name of the project; default the last part of the root. */
  readonly project?: string;
  /** Joined with what the tests use. */
  readonly deploy?: object;
}

/** What `status` tells as a document; the parts that tests look at. */
export interface Status {
  readonly service: string;
  readonly environment: string;
  readonly platform: string;
  readonly deployed: boolean;
  readonly url?: string;
  readonly live?: string;
  readonly fleet: Readonly<Record<string, { readonly weight: number; readonly until?: string; readonly processes: Readonly<Record<string, { readonly running: number; readonly ready: number; readonly draining: number }>> }>>;
  readonly instances: readonly { readonly id: string; readonly release: string; readonly state: string; readonly reason: string; readonly pid: number; readonly port: number }[];
  readonly releases: readonly { readonly id: string; readonly action: string; readonly outcome: string; readonly available: boolean; readonly reason?: string; readonly decisions?: readonly { readonly kind: string; readonly by: string; readonly gate: string; readonly note?: string }[] }[];
  readonly paused?: { readonly release: string; readonly gate: string; readonly expires: string };
  readonly watch?: { readonly release: string; readonly until: string };
  readonly interrupted?: object;
  readonly lock?: object;
  readonly ledger: { readonly ok: boolean; readonly entries: number; readonly head: string };
}

/** How a change ended, as a document. */
export interface Result {
  readonly outcome: string;
  readonly exitCode: number;
  readonly release?: string;
  readonly previous?: string;
  readonly url?: string;
  readonly durationMs?: number;
  readonly decision?: string;
  readonly paused?: { readonly gate: string; readonly since: string; readonly expires: string };
  readonly error?: { readonly code: string; readonly what: string; readonly problems?: readonly string[]; readonly next?: string; readonly why?: string; readonly where?: string };
}

export class Workspace {
  constructor(readonly root: string, readonly env: Readonly<Record<string, string>>) {}

  path(...parts: readonly string[]): string {
    return join(this.root, ...parts);
  }

  /** Text as it is, anything else as JSON. */
  write(path: string, content: string | object): void {
    const file = this.path(path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, typeof content === 'string' ? content : `${JSON.stringify(content, null, 2)}\n`);
  }

  read(path: string): string {
    return readFileSync(this.path(path), 'utf8');
  }

  json<T>(path: string): T {
    return JSON.parse(this.read(path)) as T;
  }

  /** A project whose build has run already: its output is a fixture. Checks and deadlines are short. */
  service(root: string, options: ServiceOptions): void {
    const { port, fixture = 'steady', project = root.split('/').at(-1) ?? root, deploy = {} } = options;
    this.write(`${root}/project.json`, { name: project, projectType: 'application' });
    const file = {
      artifact: { type: 'files', path: 'dist', entry: 'main.js' },
      health: { path: '/health', interval: '100ms', timeout: '20s' },
      drain: '2s',
      environments: { staging: { instances: 2, strategy: { type: 'rolling', batch: 50 }, listen: port } },
      ...deploy,
    };
    this.write(`${root}/deploy.json`, file);
    for (const environment of Object.keys(file.environments)) this.write(`${root}/environments/${environment}.env`, `GREETING=${environment}\n`);
    this.build(root, fixture);
  }

  /** What the build put out is now this fixture; `version` is what GET /version of `steady` tells. */
  build(root: string, fixture: string, version = '1'): void {
    putFixture(fixture, this.path(root, 'dist'));
    this.write(`${root}/dist/version.txt`, `${version}\n`);
  }

  nx(...args: readonly string[]): Promise<Ending> {
    return this.startNx(...args).ended;
  }

  startNx(...args: readonly string[]): Program {
    return this.start([process.execPath, nxProgram, ...args]);
  }

  bin(...args: readonly string[]): Promise<Ending> {
    return this.startBin(...args).ended;
  }

  startBin(...args: readonly string[]): Program {
    return this.start([process.execPath, binProgram, ...args]);
  }

  /** `deadline` in ms; default two minutes. */
  start(argv: readonly string[], env: Readonly<Record<string, string>> = {}, deadline?: number): Program {
    return new Program(argv, { cwd: this.root, env: { ...this.env, ...env }, ...(deadline === undefined ? {} : { deadline }) });
  }

  /** As a shell starts a job: in a process group of its own. */
  startGroup(argv: readonly string[]): Program {
    return new Program(argv, { cwd: this.root, env: this.env, group: true });
  }

  /** The bin with variables of one's own. */
  binWith(env: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<Ending> {
    return this.start([process.execPath, binProgram, ...args], env).ended;
  }

  /** Runs `nx run` and gives what it wrote to `--outputFile`, or undefined when it wrote nothing. */
  async nxResult(task: string, ...args: readonly string[]): Promise<{ readonly ending: Ending; readonly result: Result | undefined }> {
    const file = this.path(`.nx/result-${Math.random().toString(36).slice(2)}.json`);
    mkdirSync(dirname(file), { recursive: true });
    const ending = await this.nx('run', task, `--outputFile=${file}`, ...args);
    return { ending, result: existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) as Result : undefined };
  }

  /** Deploys by the bin; throws with all that was printed unless it ends as expected. */
  async deploy(project: string, code = 0, environment = 'staging'): Promise<Result> {
    const ending = exited(await this.bin('deploy', project, '-c', environment, '--json'), code);
    return JSON.parse(ending.stdout) as Result;
  }

  async status(project: string, environment = 'staging'): Promise<Status> {
    const ending = exited(await this.bin('status', project, '-c', environment, '--json'), 0);
    return JSON.parse(ending.stdout) as Status;
  }

  async git(...args: readonly string[]): Promise<Ending> {
    const identity = ['-c', 'user.name=Test', '-c', 'user.email=test@example.com', '-c', 'commit.gpgsign=false'];
    return exited(await runProgram(['git', ...identity, ...args], { cwd: this.root, env: this.env }), 0);
  }

  /** Commits all that there is. */
  async commit(message: string): Promise<void> {
    await this.git('add', '--all');
    await this.git('commit', '--quiet', '--message', message);
  }
}
