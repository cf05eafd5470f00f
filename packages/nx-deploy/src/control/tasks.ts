/** The agent's side of what deals with trouble: repair, prune, destroy, unlock, and watching a run that somebody else began. */
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { DeployError } from '../errors.js';
import { runTask, type Swept, type TaskResult } from '../engine/task.js';
import { formatDuration, type Ms } from '../model/index.js';
import { localPlatform } from '../platforms/local/platform.js';
import type { LocalService } from '../platforms/local/service.js';
import { localUpkeep } from '../platforms/local/upkeep.js';
import { isTask, type LockHolder, type ServiceKey } from '../releases/index.js';
import type { Broadcast, Broadcasts, Told } from './broadcast.js';
import type { RunningChange } from './platform-calls.js';
import { endOrphanedHook } from '../engine/orphaned-hook.js';
import type { RunResult, ServiceTarget, TaskStreamRequest, UnlockRequest } from './protocol.js';
import type { Registry } from './registry.js';

export interface TaskHost {
  readonly registry: Registry;
  /** Runs of the whole agent, by name. */
  readonly runs: Map<string, RunningChange>;
  readonly broadcasts: Broadcasts;
  /** Removes stored content that none of these artifacts needs. */
  readonly prune: (used: ReadonlySet<string>, dryRun: boolean) => Promise<Swept>;
  readonly log: (message: string, facts?: object) => void;
}

const POLL = 50;

export class Tasks {
  constructor(private readonly host: TaskHost) {}

  /** A command that goes away changes nothing: none of these has anything to go back to. */
  async task(body: TaskStreamRequest, response: ServerResponse): Promise<void> {
    const { registry, log } = this.host;
    const { request, node, listen } = body;
    const { service, lines } = request.order.action === 'repair' ? await registry.rebuilt(body, node, listen) : { service: await this.host.registry.known(body), lines: [] };
    await registry.settled(service);
    await this.told(request.run, response, async (broadcast) => {
      const platform = localPlatform(service, service.record.listen ?? listen);
      const upkeep = localUpkeep(service);
      return runTask({
        platform: { ...platform, ...upkeep, mend: async () => [...new Set([...lines, ...await upkeep.mend()])] },
        request,
        emit: (event) => {
          log('event', { run: request.run, event });
          broadcast.tell({ type: 'event', at: new Date().toISOString(), event });
        },
        sweep: async (without, dryRun) => this.host.prune(await registry.artifacts({ service, ids: new Set(without.map(({ id }) => id)) }), dryRun),
      });
    });
  }

  /** Has the run that holds the lock restore what ran before; one that does not do so in time loses the lock. */
  async unlock(body: UnlockRequest, response: ServerResponse): Promise<void> {
    const service = await this.host.registry.known(body);
    const holder = await service.state.lock.holder();
    if (holder === undefined) {
      throw new DeployError('ND-NOT-LOCKED', { what: `nothing holds the lock of ${body.key.service} (${body.key.environment})`, next: 'deploy; status shows whether a change was interrupted' });
    }
    const started = performance.now();
    await this.told(body.run, response, async (broadcast) => {
      const notes: string[] = [];
      const say = (text: string): void => {
        notes.push(text);
        broadcast.tell({ type: 'event', at: new Date().toISOString(), event: { type: 'note', text } });
      };
      const how = await this.free(service, holder, body.wait, say);
      const { service: name, environment } = body.key;
      return { outcome: 'done', run: body.run, action: 'unlock', service: name, environment, notes, holder, how, durationMs: Math.round(performance.now() - started) };
    });
  }

  private async free(service: LocalService, holder: LockHolder, wait: number, say: (text: string) => void): Promise<'ended' | 'revoked'> {
    const { state, record: { key } } = service;
    const { lock } = state;
    const { action, run, actor, since } = holder;
    const { runs, broadcasts, log } = this.host;
    say(`the ${action} ${run} holds the lock, by ${actor.user}@${actor.host} (process ${actor.pid}) since ${since}`);
    const running = runs.get(run);
    running?.cancel.abort();
    say(asked(holder, running !== undefined, wait));
    const end = performance.now() + wait;
    do {
      if ((await lock.holder())?.run !== run) {
        say('it has ended, and the lock is free');
        return 'ended';
      }
      await sleep(Math.min(POLL, wait));
    } while (performance.now() < end);
    if (!await lock.revoke(run)) return 'ended';
    // Whoever gets the lock next waits for this.
    const hook = endOrphanedHook({ state, told: true, say });
    service.leave([hook]);
    log('a run was given up', { holder });
    // It may never end: nobody is to wait for it.
    runs.delete(run);
    broadcasts.get(run)?.tell({ type: 'result', at: new Date().toISOString(), result: givenUp(holder, key) });
    say('it did not end in time, so the lock was taken away from it: it can change nothing any more; what it had begun is on record, and the next deploy or repair settles it');
    await hook;
    return 'revoked';
  }

  /** Streams what the run that holds the lock says, from the events that are still known until its result. Ends at once when there is none. */
  async watch(target: ServiceTarget, response: ServerResponse): Promise<void> {
    const lock = (await this.host.registry.find(target))?.state.lock;
    open(response);
    const holder = await lock?.holder();
    const broadcast = holder === undefined ? undefined : this.host.broadcasts.get(holder.run);
    const write = (message: Told): void => void response.write(`${JSON.stringify(message)}\n`);
    const leave = broadcast?.follow(write);
    if (holder !== undefined && broadcast === undefined) write({ type: 'event', at: new Date().toISOString(), event: { type: 'note', text: elsewhere(holder) } });
    while (holder !== undefined && !response.closed && (await lock?.holder())?.run === holder.run) await sleep(POLL);
    // The result is told a moment after the lock is free.
    while (broadcast !== undefined && !response.closed && this.host.broadcasts.get(holder?.run ?? '') === broadcast && !broadcast.ended) await sleep(POLL);
    leave?.();
    response.end();
  }

  private async told(run: string, response: ServerResponse, work: (broadcast: Broadcast) => Promise<TaskResult>): Promise<void> {
    const { runs, broadcasts, log } = this.host;
    let end: () => void = () => undefined;
    runs.set(run, { cancel: new AbortController(), ended: new Promise((resolve) => { end = resolve; }) });
    const broadcast = broadcasts.begin(run);
    open(response);
    broadcast.follow((message) => response.write(`${JSON.stringify(message)}\n`));
    try {
      const result = await work(broadcast);
      log('result', { result });
      broadcast.tell({ type: 'result', at: new Date().toISOString(), result });
      response.end();
    } finally {
      runs.delete(run);
      broadcasts.end(run);
      end();
    }
  }
}

function asked({ action }: LockHolder, known: boolean, wait: Ms): string {
  if (isTask(action)) return `a ${action} cannot be cancelled, and has nothing to go back to; it has ${formatDuration(wait)} to end`;
  return known ? 'it was asked to restore what ran before' : 'it cannot be asked to restore';
}

function open(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/x-ndjson' }).flushHeaders();
}

function elsewhere({ action, run, actor }: LockHolder): string {
  return `the ${action} ${run} of ${actor.user}@${actor.host} goes on in a process of its own; its steps are not known here`;
}

/** What whoever waits for the run is told in its place. */
function givenUp({ run, action }: LockHolder, { service, environment }: ServiceKey): RunResult {
  const error = new DeployError('ND-LEASE-LOST', {
    what: `the lock was taken away from the ${action} ${run}`, why: isTask(action) ? 'it did not end in the time that unlock gave it' : 'it did not end in time when unlock asked it to', next: 'see what status says, then run repair or deploy again',
  }).toJSON();
  const common = { outcome: 'not-restored', run, service, environment, durationMs: 0, error } as const;
  return action === 'deploy' || action === 'rollback' ? { ...common, action, stages: {} } : { ...common, action, notes: [] };
}
