/** The containers of one service on an engine, as the engine tells them. */
import { DeployError } from '../../errors.js';
import type { Ms } from '../../model/index.js';
import type { ServiceKey } from '../../releases/index.js';
import type { EngineClient } from '../../shell/engine/index.js';
import { furtherNetworks, instanceName, instanceVariables, seconds, startArguments, type InstanceOrder } from './arguments.js';
import { LABELS, serviceLabels } from './labels.js';

export interface Container {
  readonly id: string;
  readonly name: string;
  readonly release: string;
  readonly process: string;
  readonly slot: number;
  /** Fixed, on the network of nx-deploy. */
  readonly address: string | undefined;
  readonly port: number;
  /** Docker's word: created, running, paused, restarting, removing, exited, dead. */
  readonly state: string;
  /** How often the engine started it again. */
  readonly restarts: number;
  readonly exitCode: number;
  readonly pid: number;
  /** ISO time. */
  readonly startedAt: string;
  /** Why it ended, or could not be started, where the engine says so. */
  readonly fault: string | undefined;
}

/** Starting waits for the engine's disk; stopping for the program. */
const START: Ms = 3 * 60_000;
const STOP_SLACK: Ms = 60_000;
/** A container may go between the list and the look at it. */
const LOOKS = 5;

export class Containers {
  constructor(private readonly client: EngineClient, private readonly key: ServiceKey) {}

  /**
   * Those of this service, whatever their state, in the order of their names. Whoever holds the lock is the only one who makes any: as long as all that were seen last
   * are there, there are no others, and one question is enough.
   */
  async all(): Promise<readonly Container[]> {
    if (this.alone && this.ids !== undefined) {
      const known = this.ids.length === 0 ? [] : await this.parsed(this.ids);
      if (known !== undefined) return known;
    }
    for (let looks = 1; ; looks += 1) {
      const ids = await this.list();
      const found = ids.length === 0 ? [] : await this.parsed(ids);
      if (found !== undefined) {
        this.ids = ids;
        return found;
      }
      if (looks >= LOOKS) throw new DeployError('ND-ENGINE-FAILED', { what: 'the containers cannot be looked at', where: this.client.name, why: `they came and went ${LOOKS} times meanwhile`, next: 'run the command again' });
    }
  }

  /** From here on, nobody else makes containers of this service; or no longer. */
  hold(alone: boolean): void {
    this.alone = alone;
    this.ids = undefined;
  }

  /** Is nobody else making containers of this service now? */
  get isHeld(): boolean {
    return this.alone;
  }

  private alone = false;
  private ids: readonly string[] | undefined;

  /** Undefined when one of them is gone. */
  private async parsed(ids: readonly string[]): Promise<readonly Container[] | undefined> {
    const found = await this.client.objects.inspect('look at the containers', 'container', ids);
    if (found.includes(undefined)) return undefined;
    return (found as readonly Inspected[]).map(parse).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  private async list(): Promise<readonly string[]> {
    return (await this.client.objects.list('list the containers', { labels: serviceLabels(this.key, 'instance') })).map(({ id }) => id);
  }

  /**
   * Rejects as the engine refuses: ND-OWNER-CONFLICT where the name is taken by a container of somebody else, which is left alone. What a refused start leaves behind is removed.
   * `values`: variables of the release's configuration.
   */
  async start(order: InstanceOrder, values: Readonly<Record<string, string>>): Promise<void> {
    const name = instanceName(order);
    const what = `start ${order.process}.${order.slot} of ${order.release.id}`;
    await this.client.withEnvironment({ ...values, ...instanceVariables(order) }, async ({ args, inherited }) => {
      const words = startArguments(order, args);
      const networks = furtherNetworks(order);
      try {
        if (networks.length === 0) {
          await this.client.ask(what, words, { inherited, timeout: START });
          return;
        }
        const [, , ...rest] = words;
        await this.client.ask(what, ['create', ...rest], { inherited, timeout: START });
        for (const network of networks) await this.client.ask(`join the network ${network}`, ['network', 'connect', network, name]);
        await this.client.ask(what, ['start', name], { timeout: START });
      } catch (error) {
        await this.removeNamed(name);
        throw error;
      } finally {
        // Whoever looked meanwhile may not have seen it.
        this.ids = undefined;
      }
    });
  }

  /** SIGTERM, after `timeout` SIGKILL, then it is gone. One that is gone already is no failure. */
  async end({ id, process, slot, release }: Container, timeout: Ms): Promise<void> {
    await this.client.objects.stop(`stop ${process}.${slot} of ${release}`, id, seconds(timeout), timeout + STOP_SLACK);
    await this.remove({ id });
  }

  async remove({ id }: Pick<Container, 'id'>): Promise<void> {
    this.ids = this.ids?.filter((known) => known !== id);
    await this.client.objects.remove('remove a container', id, STOP_SLACK);
  }

  /** The newest lines that it wrote, oldest first. */
  async lastLines({ id }: Container, count: number): Promise<readonly string[]> {
    const { output, complaints } = await this.client.call('read its last lines', ['logs', `--tail=${count}`, id]);
    // Both streams, each in its own order: which line came first is not told.
    return [...output.split('\n'), ...complaints.split('\n')].map((line) => line.trimEnd()).filter((line) => line !== '').slice(-count);
  }

  /** Only one with our labels: a name that was taken is somebody else's. */
  private async removeNamed(name: string): Promise<void> {
    const found = await this.client.objects.list('look for the container', { name, labels: serviceLabels(this.key, 'instance') }).catch(() => []);
    for (const { id } of found) await this.remove({ id }).catch(() => undefined);
  }
}

/** Does it run, or is it about to again? */
export function isUp({ state }: Container): boolean {
  return state === 'running' || state === 'restarting' || state === 'paused';
}

interface Inspected {
  readonly Id: string;
  readonly Name: string;
  readonly RestartCount?: number;
  readonly Config: { readonly Labels: Readonly<Record<string, string>> | null };
  readonly State: { readonly Status: string; readonly ExitCode: number; readonly Pid: number; readonly StartedAt: string; readonly OOMKilled?: boolean; readonly Error?: string };
}

function parse({ Id, Name, RestartCount = 0, Config: { Labels }, State }: Inspected): Container {
  const label = (name: keyof typeof LABELS): string => Labels?.[LABELS[name]] ?? '';
  const fault = State.OOMKilled === true ? 'it used more memory than it may' : State.Error === undefined || State.Error === '' ? undefined : State.Error;
  return {
    id: Id, name: Name.replace(/^\//, ''), release: label('release'), process: label('process'), slot: Number(label('slot')), port: Number(label('port')),
    address: label('address') === '' ? undefined : label('address'), state: State.Status, restarts: RestartCount, exitCode: State.ExitCode, pid: State.Pid, startedAt: State.StartedAt, fault,
  };
}
