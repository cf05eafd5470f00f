/** What a walker outside the agent asks of the platform that lives in it: one function per verb. Arguments and results cross the socket as JSON. */
import { DeployError } from '../../errors.js';
import type { ConfigRef, Ms, Processes, Release, ReleaseId } from '../../model/index.js';
import type { ConfigValues, HookRecord, JournalRecord, Lease, LedgerBody, LockHolder, PlatformSettings } from '../../releases/index.js';
import type { LocalPlatform } from './platform.js';

/** One walker's side of the agent. */
export interface Guest {
  readonly platform: LocalPlatform;
  /** Held from `lock.acquire` until `lease.release`, or until the walker is gone. */
  lease: Lease | undefined;
}

/** What changes nothing that runs or is on record; also allowed without a lease (a dry run). */
const questions = {
  list: ({ platform }: Guest) => platform.list(),
  drift: ({ platform }: Guest) => platform.drift(),
  settings: ({ platform }: Guest) => platform.settings(),
  exists: ({ platform }: Guest, release: ReleaseId) => platform.exists(release),
  ready: ({ platform }: Guest, release: ReleaseId, deadline: Ms) => platform.ready(release, deadline),
  address: ({ platform }: Guest, release: ReleaseId) => platform.address(release),
  url: ({ platform }: Guest) => platform.url(),
  metrics: ({ platform }: Guest, release: ReleaseId, window: Ms) => platform.metrics(release, window),
  preflight: ({ platform }: Guest) => platform.preflight(),
  'ledger.entries': ({ platform }: Guest) => platform.state.ledger.entries(),
  'ledger.verify': ({ platform }: Guest) => platform.state.ledger.verify(),
  'journal.read': ({ platform }: Guest) => platform.state.journal.read(),
  'config.ref': ({ platform }: Guest, config: ConfigValues) => platform.state.config.ref(config),
  'config.open': ({ platform }: Guest, ref: ConfigRef) => platform.state.config.open(ref),
  'releases.get': ({ platform }: Guest, id: ReleaseId) => platform.state.releases.get(id),
  'releases.list': ({ platform }: Guest) => platform.state.releases.list(),
  'hook.read': ({ platform }: Guest) => platform.state.hook.read(),
  'lock.holder': ({ platform }: Guest) => platform.state.lock.holder(),
  'lock.revoke': ({ platform }: Guest, run: string) => platform.state.lock.revoke(run),
  async 'lock.acquire'(guest: Guest, holder: LockHolder) {
    guest.lease = await guest.platform.state.lock.acquire(holder);
  },
  'lease.assert': (guest: Guest) => assertLease(guest),
  async 'lease.release'(guest: Guest) {
    const { lease } = guest;
    guest.lease = undefined;
    await lease?.release();
  },
};

/** Changes; refused once the lease is lost, so that a walker that woke up too late does no harm. */
const changes = {
  revert: ({ platform }: Guest, to?: PlatformSettings) => platform.revert(to),
  stage: ({ platform }: Guest, release: Release) => platform.stage(release),
  remove: ({ platform }: Guest, release: ReleaseId) => platform.remove(release),
  scale: ({ platform }: Guest, release: ReleaseId, processes: Processes) => platform.scale(release, processes),
  route: ({ platform }: Guest, weights: Readonly<Record<ReleaseId, number>>, arriving?: ReleaseId) => platform.route(weights, arriving),
  keep: ({ platform }: Guest, until: Readonly<Record<ReleaseId, string>>) => platform.keep(until),
  'ledger.append': ({ platform }: Guest, body: LedgerBody) => platform.state.ledger.append(body),
  'journal.write': ({ platform }: Guest, record: JournalRecord) => platform.state.journal.write(record),
  'journal.clear': ({ platform }: Guest) => platform.state.journal.clear(),
  'hook.write': ({ platform }: Guest, record: HookRecord) => platform.state.hook.write(record),
  'hook.clear': ({ platform }: Guest) => platform.state.hook.clear(),
  'config.seal': ({ platform }: Guest, config: ConfigValues) => platform.state.config.seal(config),
  'config.remove': ({ platform }: Guest, ref: ConfigRef) => platform.state.config.remove(ref),
  'releases.put': ({ platform }: Guest, release: Release) => platform.state.releases.put(release),
  'releases.remove': ({ platform }: Guest, id: ReleaseId) => platform.state.releases.remove(id),
};

type Verbs = typeof questions & typeof changes;
export type Verb = keyof Verbs;
type Rest<F> = F extends (guest: Guest, ...args: infer Args) => unknown ? Args : never;
export type Arguments<V extends Verb> = Rest<Verbs[V]>;
export type Answer<V extends Verb> = Awaited<ReturnType<Verbs[V]>>;

/** How a walker reaches the verbs. */
export type Ask = <V extends Verb>(verb: V, ...args: Arguments<V>) => Promise<Answer<V>>;

/** Does this verb change something? Then it may still be at work when its walker is gone. */
export function isChange(verb: string): boolean {
  return Object.hasOwn(changes, verb);
}

/** Does what the walker asks. Rejects with ND-AGENT-VERSION for a verb that this agent does not know, ND-LOCKED for a change without the lease. */
export async function perform(guest: Guest, verb: string, args: readonly unknown[]): Promise<unknown> {
  const known: Readonly<Record<string, unknown>> = { ...questions, ...changes };
  if (!Object.hasOwn(known, verb)) throw new DeployError('ND-AGENT-VERSION', { what: `this agent does not know ${JSON.stringify(verb)}`, next: 'run `npx nx-deploy agent restart`' });
  if (isChange(verb)) await assertLease(guest);
  return (known[verb] as (guest: Guest, ...args: readonly unknown[]) => Promise<unknown>)(guest, ...args);
}

async function assertLease({ lease }: Guest): Promise<void> {
  if (lease === undefined) throw new DeployError('ND-LOCKED', { what: 'this run does not hold the lock', next: 'run the command again' });
  await lease.assert();
}
