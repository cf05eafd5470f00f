/** A small workspace in a temp folder, an agent inside this process, and an output that remembers. For tests only. */
import { cp, mkdir, mkdtemp, readdir, readFile, readlink, realpath, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { agentHome, type Home } from '../agent/home.js';
import { startAgent, type Agent } from '../control/agent.js';
import { findAgent, type AgentClient } from '../control/client.js';
import type { ServiceStatus } from '../control/protocol.js';
import { leftRunning } from '../control/registry.js';
import type { ChangeResult } from '../engine/request.js';
import type { DeployError } from '../errors.js';
import type { DeployEvent } from '../model/index.js';
import { commandContext, resolveProject, serviceTarget, type CommandContext } from './context.js';
import { deploy, type DeployOptions } from './deploy.js';
import type { Output } from './output.js';
import { rollback, type RollbackOptions } from './rollback.js';
import { killGroup } from '../shell/run.js';

export const BUNDLES = join(__dirname, '../../dist/bundles');
const FIXTURES = join(__dirname, '../../../../e2e/fixtures/services');

/** Keeps what a command says. */
export class Recorder implements Output {
  readonly color = false;
  readonly events: DeployEvent[] = [];
  readonly lines: string[] = [];
  readonly phases: string[] = [];
  /** What was told of progress. */
  readonly told: string[] = [];
  readonly errors: DeployError[] = [];
  ended = false;
  onEvent: (event: DeployEvent) => void = () => undefined;

  event(event: DeployEvent): void {
    this.events.push(event);
    this.onEvent(event);
  }

  phase(name: string, state: string): void {
    this.phases.push(`${name} ${state}`);
  }

  progress(text: string): void {
    this.told.push(text);
  }

  line(text: string): void {
    this.lines.push(...text.split('\n'));
  }

  error(error: DeployError): void {
    this.errors.push(error);
  }

  end(): void {
    this.ended = true;
  }

  get text(): string {
    return this.lines.join('\n');
  }
}

/** What a change came to, with its exit code and the context that kept its words. */
export interface Ran {
  readonly exitCode: number;
  readonly document: ChangeResult;
  readonly output: Recorder;
}

export interface Place {
  readonly environment?: string | undefined;
  readonly project?: string;
}

/** Quick checks; what a test sets wins. */
export function deployFile(extra: object = {}): object {
  return {
    artifact: { type: 'files', path: 'dist', entry: 'main.js' },
    health: { path: '/health', interval: '50ms', timeout: '15s' },
    drain: '1s', stopTimeout: '2s',
    environments: { staging: {}, production: {} },
    ...extra,
  };
}

export class Workbench {
  agent: Agent | undefined;

  private constructor(readonly folder: string, readonly root: string, readonly home: Home, readonly variables: NodeJS.ProcessEnv) {}

  static async open(): Promise<Workbench> {
    const folder = await realpath(await mkdtemp(join(tmpdir(), 'nx-deploy-')));
    const variables = { PATH: process.env['PATH'], NX_DEPLOY_HOME: join(folder, 'home') };
    const home = agentHome(variables);
    await mkdir(home.folder, { recursive: true, mode: 0o700 });
    const bench = new Workbench(folder, join(folder, 'acme'), home, variables);
    await bench.write('nx.json', { plugins: ['nx-deploy/plugin'] });
    await bench.write('package.json', { name: 'acme', version: '1.0.0', private: true });
    return bench;
  }

  /** Starts the agent in this process; a second call starts one after the first has left. */
  async start(): Promise<Agent> {
    const agent = await startAgent({ home: this.home, shim: join(BUNDLES, 'shim.js'), version: 'test' });
    if (agent === undefined) throw new Error('another agent is in charge');
    this.agent = agent;
    return agent;
  }

  /** The agent leaves, and the next one takes over its state after that. */
  async restart(between: () => Promise<void> = () => Promise.resolve()): Promise<void> {
    await this.agent?.stop(false);
    this.agent = undefined;
    await between();
    await this.start();
  }

  async client(): Promise<AgentClient> {
    const client = await findAgent(this.home);
    if (client === undefined) throw new Error('no agent runs');
    return client;
  }

  async close(): Promise<void> {
    await this.agent?.stop(true);
    // What an agent that was given up or handed over to nobody has left is another's to end, as it is for `agent stop`.
    if (await leftRunning(this.home)) await (await this.start()).stop(true);
    const left = await endLeftovers(this.folder);
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
    if (left.length > 0) throw new Error(`processes were left: ${left.join(', ')}`);
  }

  /** Text as it is, anything else as JSON; the path is relative to the workspace. */
  async write(path: string, content: string | object): Promise<void> {
    const file = join(this.root, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
  }

  /** A project whose build has run: its output is a fixture of that version. */
  async project(deployJson: object = deployFile(), { name = 'api', fixture = 'steady', version = '1' } = {}): Promise<void> {
    await this.write(`apps/${name}/package.json`, { name, version: '1.0.0' });
    await this.write(`apps/${name}/deploy.json`, deployJson);
    await this.build(version, fixture, name);
  }

  async build(version: string, fixture = 'steady', name = 'api'): Promise<void> {
    const dist = join(this.root, 'apps', name, 'dist');
    await rm(dist, { recursive: true, force: true });
    await cp(join(FIXTURES, fixture), dist, { recursive: true });
    await this.write(`apps/${name}/dist/version.txt`, `${version}\n`);
  }

  context({ environment = 'staging', project = 'api' }: Place = {}, output: Output = new Recorder()): CommandContext {
    return commandContext({ workspaceRoot: this.root, projectName: project, projectRoot: `apps/${project}`, environment, variables: this.variables }, output);
  }

  async deploy(options: DeployOptions = {}, place: Place = {}, output = new Recorder()): Promise<Ran> {
    return { ...await deploy(this.context(place, output), options), output } as Ran;
  }

  async rollback(options: RollbackOptions = {}, place: Place = {}, output = new Recorder()): Promise<Ran> {
    return { ...await rollback(this.context(place, output), options), output } as Ran;
  }

  /** What the agent says of the service. */
  async status(place: Place = {}): Promise<ServiceStatus> {
    const context = this.context(place);
    return (await this.client()).call('status', await serviceTarget(context, resolveProject(context)));
  }

  /** Of its instances, in order. */
  async pids(place: Place = {}): Promise<readonly (number | undefined)[]> {
    return (await this.status(place)).instances.map(({ pid }) => pid).sort();
  }

  async json(file: string): Promise<unknown> {
    return JSON.parse(await readFile(file, 'utf8'));
  }
}

export async function get(url: string | undefined, path = '/version'): Promise<{ readonly status: number; readonly body: string }> {
  const response = await fetch(`${url ?? ''}${path}`, { headers: { connection: 'close' } });
  return { status: response.status, body: await response.text() };
}

/** A port of 127.0.0.1 that nobody listens on. */
export async function unusedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const address = server.address();
  await new Promise((resolve) => { server.close(resolve); });
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

export async function eventually(condition: () => boolean | Promise<boolean>, what: string, limit = 15_000): Promise<void> {
  const end = performance.now() + limit;
  while (!await condition()) {
    if (performance.now() > end) throw new Error(`waited in vain for: ${what}`);
    await new Promise((resolve) => { setTimeout(resolve, 20); });
  }
}

/** Ends what works in the folder (an instance does, in its shim's group) and names it: the agent is to have ended it. */
async function endLeftovers(folder: string): Promise<readonly string[]> {
  const left: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => '');
    if (!cwd.startsWith(`${folder}/`) || Number(pid) === process.pid) continue;
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    const [state = 'Z', , group = ''] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (state === 'Z' || state === 'X') continue;
    left.push(`${pid} in ${cwd}`);
    if (Number(group) > 1) killGroup(Number(group));
  }
  return left;
}

/** For each test of the file a bench whose agent runs, with a project. */
export function benchPerTest(take: (bench: Workbench) => void, deployJson?: object): void {
  let bench: Workbench | undefined;
  beforeEach(async () => {
    bench = await Workbench.open();
    take(bench);
    await bench.start();
    await bench.project(deployJson);
  });
  afterEach(() => bench?.close());
}
