/** The local platform as a place for the fault suites: an agent in the test's process, or one that is a process of its own. */
import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { processesOf } from '../../../../../e2e/support/processes.js';
import { agentHome, type Home } from '../../agent/home.js';
import { openBlobStore } from '../../archive/index.js';
import { startAgent, type Agent } from '../../control/agent.js';
import { storedArtifacts } from '../../control/artifacts.js';
import { findAgent, type AgentClient } from '../../control/client.js';
import { connectAgent } from '../../control/launch.js';
import type { RunMessage, RunRequest, ServiceStatus } from '../../control/protocol.js';
import type { ChangeRequest, ChangeResult } from '../../engine/request.js';
import type { TaskResult } from '../../engine/task.js';
import { DeployError } from '../../errors.js';
import type { ArtifactRef } from '../../model/index.js';
import { fileLedger, keyName, type LedgerEntry } from '../../releases/index.js';
import { killGroup } from '../../shell/run.js';
import { attachRun } from '../../walker/attach.js';
import { startWalker } from '../../walker/start.js';
import { eventually } from '../contract/faults/observe.js';
import type { FaultOptions, FaultOrder, FaultPlace, FaultService, StateFile } from '../contract/faults/harness.js';
import { specOf, stored } from '../contract/service.js';

const BUNDLES = join(__dirname, '../../../dist/bundles');
const ENVIRONMENT = 'test';
const WORKSPACE = 'faults';

export class LocalPlace implements FaultPlace {
  private agent: Agent | undefined;
  private readonly artifacts = new Map<string, Promise<ArtifactRef>>();

  private constructor(readonly folder: string, readonly home: Home, private readonly apart: boolean, private readonly given: boolean) {}

  static async open({ apart = false, folder }: FaultOptions = {}): Promise<LocalPlace> {
    const kept = folder ?? await realpath(await mkdtemp(join(tmpdir(), 'nx-deploy-faults-')));
    const home = agentHome({ NX_DEPLOY_HOME: join(kept, 'home') });
    await mkdir(home.folder, { recursive: true, mode: 0o700 });
    const place = new LocalPlace(kept, home, apart, folder !== undefined);
    await place.start();
    return place;
  }

  private async start(): Promise<void> {
    if (this.apart) await connectAgent(this.home, BUNDLES);
    else this.agent = await startAgent({ home: this.home, shim: join(BUNDLES, 'shim.js'), version: 'test' });
  }

  async client(): Promise<AgentClient> {
    const client = await findAgent(this.home);
    if (client === undefined) throw new Error('no agent runs');
    return client;
  }

  async pid(): Promise<number> {
    return (await this.client()).hello.pid;
  }

  service(name: string): FaultService {
    return new LocalFaultService(this, name);
  }

  async restart(): Promise<void> {
    if (this.agent === undefined) {
      const former = await this.pid();
      process.kill(former, 'SIGKILL');
      await eventually(async () => (await findAgent(this.home))?.hello.pid !== former, 'another agent');
      return;
    }
    await this.agent.stop(false);
    await this.start();
  }

  processes(): readonly string[] {
    return processesOf(this.folder).map(({ command }) => command).filter((command) => !/agent\.js|^nx-deploy-standby/.test(command));
  }

  async close(): Promise<void> {
    await (await findAgent(this.home))?.call('stop', { instances: true });
    await this.agent?.left;
    const left = await eventually(() => processesOf(this.folder).length === 0, 'nothing to be left').then(() => [], () => processesOf(this.folder));
    for (const { pid } of left) killGroup(pid);
    await rm(this.given ? this.home.folder : this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
    if (left.length > 0) throw new Error(`processes were left over: ${left.map(({ command }) => command).join('; ')}`);
  }

  /** Stored once per version. */
  artifact(order: FaultOrder): Promise<ArtifactRef> {
    const name = `${order.fixture} ${order.version}`;
    const artifact = this.artifacts.get(name) ?? stored(storedArtifacts(openBlobStore(this.home.blobs), this.home), order);
    this.artifacts.set(name, artifact);
    return artifact;
  }
}

class LocalFaultService implements FaultService {
  private readonly target: Pick<RunRequest, 'key' | 'owner'>;

  constructor(private readonly place: LocalPlace, private readonly name: string) {
    this.target = { key: { workspace: WORKSPACE, service: name, environment: ENVIRONMENT }, owner: WORKSPACE };
  }

  async prepare(order: FaultOrder): Promise<void> {
    await this.place.artifact(order);
  }

  async deploy(order: FaultOrder): Promise<ChangeResult> {
    return this.told(await this.request(order), order);
  }

  rollback(): Promise<ChangeResult> {
    return this.told(this.run({ action: 'rollback' }, {}), {});
  }

  decide(action: 'approve' | 'reject'): Promise<ChangeResult> {
    return this.told(this.run({ action }, {}), {});
  }

  async close(page: string | undefined): Promise<void> {
    const closure = page === undefined ? {} : { closure: { type: 'maintenance', page, contentType: 'text/html' } as const };
    await (await this.place.client()).call('closure', { ...this.target, ...closure, by: 'tester@here' });
  }

  async deployElsewhere(order: FaultOrder): Promise<ChangeResult> {
    const run = await this.request(order);
    const walker = await startWalker({
      runs: this.place.home.runs, run: run.request.run, program: join(BUNDLES, 'walker.js'), order: { home: this.place.home.folder, bundles: BUNDLES, run },
    });
    return last(attachRun(walker), order);
  }

  async repair(): Promise<TaskResult> {
    const request = { run: `run-${randomUUID()}`, actor: actor(), service: this.name, environment: ENVIRONMENT, order: { action: 'repair' } } as const;
    const listen = { address: '127.0.0.1' };
    return last((await this.place.client()).stream('task', { ...this.target, request, listen, node: process.execPath }), {});
  }

  async status(): Promise<ServiceStatus> {
    return (await this.place.client()).call('status', this.target);
  }

  ledger(): Promise<readonly LedgerEntry[]> {
    return fileLedger(join(this.folder, 'ledger')).entries();
  }

  private get folder(): string {
    return join(this.place.home.services, keyName(this.target.key));
  }

  async files(): Promise<readonly StateFile[]> {
    const { folder } = this;
    const { weights } = JSON.parse(await readFile(join(folder, 'service.json'), 'utf8')) as { weights: Record<string, number> };
    const live = Object.keys(weights).find((id) => (weights[id] ?? 0) > 0) ?? '';
    const release = join(folder, 'releases', `${live}.json`);
    const { config } = JSON.parse(await readFile(release, 'utf8')) as { config: { digest: string } };
    const segment = readdirSync(join(folder, 'ledger')).filter((name) => name.endsWith('.jsonl')).sort().at(-1) ?? '';
    return [
      { name: 'journal', path: join(folder, 'journal.json'), meanwhile: 'refused', afterRestart: 'refused', gone: { meanwhile: 'healed', afterRestart: 'healed' } },
      { name: 'service record', path: join(folder, 'service.json'), meanwhile: 'healed', afterRestart: 'refused' },
      { name: 'instances', path: join(folder, 'instances.json'), meanwhile: 'healed', afterRestart: 'refused', gone: { meanwhile: 'healed', afterRestart: 'healed' } },
      { name: 'sealed configuration', path: join(folder, 'config', `${config.digest.slice(0, 32)}.json`), meanwhile: 'healed', afterRestart: 'healed' },
      { name: 'release record', path: release, meanwhile: 'refused', afterRestart: 'refused', gone: { meanwhile: 'healed', afterRestart: 'refused' }, disowns: true },
      { name: 'key', path: this.place.home.targetKey, meanwhile: 'refused', afterRestart: 'refused', gone: { meanwhile: 'healed', afterRestart: 'healed' } },
      { name: 'ledger head', path: join(folder, 'ledger', 'head.json'), meanwhile: 'healed', afterRestart: 'healed' },
      { name: 'ledger segment', path: join(folder, 'ledger', segment), meanwhile: 'told', afterRestart: 'told' },
    ];
  }

  private async request(order: FaultOrder): Promise<RunRequest> {
    const artifact = await this.place.artifact(order);
    const change = {
      action: 'deploy', processes: { web: { fixed: order.instances } },
      deployable: { artifact, config: { values: order.values ?? {}, secrets: [] }, spec: specOf(order) },
    } as const;
    return this.run(change, order);
  }

  private run(change: ChangeRequest['change'], { listen, strategy, before = [], after = [], deadline = 60_000 }: Partial<FaultOrder>): RunRequest {
    return {
      ...this.target, node: process.execPath, ...(listen === undefined ? {} : { listen }),
      request: {
        run: `run-${randomUUID()}`, actor: actor(), service: this.name, environment: ENVIRONMENT, change, strategy: strategy ?? { type: 'rolling', batch: 50 },
        hooks: { before, after }, deadline, keep: 5, dryRun: false,
      },
    };
  }

  /** A command that goes away asks for a restore; whoever cancels here wants to see how that ends, and so asks the agent. */
  private async told(run: RunRequest, { watch, signal }: Pick<FaultOrder, 'watch' | 'signal'>): Promise<ChangeResult> {
    const client = await this.place.client();
    signal?.addEventListener('abort', () => void client.call('cancel', { run: run.request.run }), { once: true });
    try {
      return await last(client.stream('run', run) as AsyncIterable<RunMessage>, watch === undefined ? {} : { watch });
    } catch (error) {
      if (!(error instanceof DeployError)) throw error;
      const { run: name, service, environment } = run.request;
      return { outcome: 'refused', run: name, action: 'deploy', service, environment, durationMs: 0, stages: {}, error: error.toJSON() };
    }
  }
}

function actor(): { readonly user: string; readonly host: string; readonly pid: number } {
  return { user: 'tester', host: 'here', pid: process.pid };
}

async function last<R>(messages: AsyncIterable<RunMessage<R>>, { watch }: Pick<FaultOrder, 'watch'>): Promise<R> {
  let result: R | undefined;
  for await (const message of messages) {
    if (message.type === 'event') watch?.(message.event);
    else result = message.result;
  }
  if (result === undefined) throw new Error('the run ended without a result');
  return result;
}

/** Can the programs be started that the place consists of? */
export function missingPrograms(): string | undefined {
  return existsSync(join(BUNDLES, 'agent.js')) ? undefined : `${BUNDLES} is empty: build first`;
}
