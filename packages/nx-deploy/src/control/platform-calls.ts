/** The agent's side of walkers that are processes of their own: sessions, each with a platform and at most one lease that ends with its stream. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { DeployError } from '../errors.js';
import { isChange, perform, type Guest } from '../platforms/local/calls.js';
import { localPlatform } from '../platforms/local/platform.js';
import type { LocalService } from '../platforms/local/service.js';
import type { LockHolder } from '../releases/index.js';
import { endLeftHook } from './recovery.js';
import type { Calls, PlatformCall, ServiceTarget, SessionMessage, SessionRequest } from './protocol.js';
import type { Registry } from './registry.js';

/** A run that goes on: it can be cancelled by name, and its end waited for. */
export interface RunningChange {
  readonly cancel: AbortController;
  readonly ended: Promise<void>;
}

export interface SessionHost {
  readonly registry: Registry;
  /** Runs of the whole agent, by name. */
  readonly runs: Map<string, RunningChange>;
  /** Called when a run has ended: stored content may be unused now. */
  readonly afterRun: () => Promise<void>;
}

interface Session extends Guest {
  readonly service: LocalService;
  readonly node: string | undefined;
  readonly atWork: Set<Promise<unknown>>;
  readonly cancel: AbortController;
  run: { readonly name: string; readonly end: () => void } | undefined;
}

export class Sessions {
  private readonly open = new Map<string, Session>();

  constructor(private readonly host: SessionHost) {}

  /** Holds a session until its stream ends. */
  async stream(body: SessionRequest, response: ServerResponse): Promise<void> {
    const { registry } = this.host;
    if (body.action !== 'deploy' && await registry.find(body) === undefined) throw neverDeployed(body);
    const service = await registry.open(body, body.node);
    await registry.settled(service);
    const listen = body.listen ?? service.record.listen ?? { address: '127.0.0.1' };
    const session: Session = {
      service, platform: localPlatform(service, listen, body.steering), lease: undefined, run: undefined,
      node: body.action === 'deploy' ? body.node : undefined, atWork: new Set(), cancel: new AbortController(),
    };
    const id = randomUUID();
    const tell = (message: SessionMessage): void => void response.write(`${JSON.stringify(message)}\n`);
    session.cancel.signal.addEventListener('abort', () => tell({ type: 'cancel' }), { once: true });
    this.open.set(id, session);
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    tell({ type: 'opened', session: id, name: session.platform.name, can: session.platform.can });
    if (!response.closed) await once(response, 'close');
    this.open.delete(id);
    // The lock is free at once; what a walker that was killed had asked for is waited for by whoever holds it next.
    session.service.leave(session.lease === undefined ? [...session.atWork] : [this.afterDeath(session)]);
    await this.release(session);
  }

  /** Rejects with ND-INTERRUPTED when the session is over, and with what the verb rejects with. */
  async call({ session: id, verb, args }: PlatformCall): Promise<Calls['platform']['out']> {
    const session = this.open.get(id);
    if (session === undefined) {
      throw new DeployError('ND-INTERRUPTED', {
        what: 'the agent no longer knows the run that asks', why: 'its connection broke, or another agent has taken over', next: 'run status: it shows what runs',
      });
    }
    const work = perform(session, verb, args);
    if (isChange(verb)) await this.tracked(session, work);
    const value = await work;
    if (verb === 'lock.acquire') await this.acquired(id, session, (args[0] as LockHolder).run);
    if (verb === 'lease.release') await this.release(session);
    return value === undefined ? {} : { value };
  }

  /** A walker that gave its lock back has no hook under way. */
  private async afterDeath({ service, atWork }: Session): Promise<void> {
    await Promise.allSettled([...atWork]);
    await endLeftHook(service).catch((error: unknown) => service.host.log('the hook of a walker that is gone could not be ended', error));
  }

  private async tracked(session: Session, work: Promise<unknown>): Promise<void> {
    session.atWork.add(work);
    await work.finally(() => session.atWork.delete(work));
  }

  private async acquired(id: string, session: Session, name: string): Promise<void> {
    let end: () => void = () => undefined;
    this.host.runs.set(name, { cancel: session.cancel, ended: new Promise((resolve) => { end = resolve; }) });
    session.run = { name, end };
    // The walker may have died while it waited for the lock.
    if (!this.open.has(id)) await this.release(session);
    else if (session.node !== undefined) await session.service.update({ node: session.node });
  }

  private async release(session: Session): Promise<void> {
    const { lease, run } = session;
    session.lease = undefined;
    session.run = undefined;
    await lease?.release();
    if (run === undefined) return;
    this.host.runs.delete(run.name);
    run.end();
    await this.host.afterRun();
  }
}

export function neverDeployed({ key }: ServiceTarget): DeployError {
  return new DeployError('ND-NOT-DEPLOYED', { what: `${key.service} (${key.environment}) was never deployed here`, next: 'deploy it first' });
}
