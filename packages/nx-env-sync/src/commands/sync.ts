import { takeBackup } from '../backup/backups.js';
import { fingerprint } from '../compare/fingerprint.js';
import { EnvSyncError } from '../errors.js';
import { examineEnvironment } from '../examine-environment.js';
import { printable } from '../problem.js';
import { isSecret } from '../schema.js';
import { withLock } from '../storage/lock.js';
import { openOwn, type OpenedStore } from '../stores/open-store.js';
import type { Place, StoreContent } from '../stores/store.js';
import { suggest } from '../suggest.js';
import { nextBase, planSync, type Prints, type SyncInput, type SyncStep } from '../sync/plan.js';
import { readBase, sameBase, writeBase } from '../sync/base.js';
import { syncPolicyOf, type SyncPolicy } from '../traits.js';
import type { Answer } from './answer.js';
import { keyLines } from './backup.js';
import { confirmChange, type Ask, type Consent } from './confirm.js';
import { syncAnswer } from './sync-answer.js';

export interface SyncCommand extends Consent {
  readonly from: string;
  readonly to: string;
  /** Keys whose value is taken from the source, or left in the destination, where they would be asked about or conflict. */
  readonly take: readonly string[];
  readonly keep: readonly string[];
  readonly dryRun?: boolean;
  /** Module of the store `running`. */
  readonly runningModule?: string;
}

/** Makes one environment like another, as far as both agree about what changed since the last time. */
export async function sync(command: SyncCommand, place: Place): Promise<Answer> {
  if (command.from === command.to) throw new EnvSyncError('refused', { what: `source and destination are both ${printable(command.from, 64)}`, next: 'write --from=<environment> --to=<environment>' });
  const [source, destination] = await Promise.all([openOwn(command.from, place, command), openOwn(command.to, place, command)]);
  const { store: { write } } = destination;
  if (write === undefined) throw new EnvSyncError('refused', { what: `${destination.store.name} cannot be written to`, next: 'name an environment, or a store that takes changes' });
  const work = async (): Promise<Answer> => run(command, { source, destination, write }, place);
  return command.dryRun === true ? work() : withLock(place.workspaceRoot, `env-sync of ${command.to}`, work);
}

interface Stores { readonly source: OpenedStore; readonly destination: OpenedStore; readonly write: NonNullable<OpenedStore['store']['write']> }

async function run(command: SyncCommand, { source, destination, write }: Stores, place: Place): Promise<Answer> {
  const [from, to, base] = await Promise.all([source.store.read(), destination.store.read(), readBase(command.from, command.to, place)]);
  const prints = ({ values }: StoreContent): Prints => new Map([...values].map(([key, value]) => [key, fingerprint(base.key, key, value)]));
  const { policy, secret, fixed } = await rulesOf(destination, from, to, place);
  const input: SyncInput = {
    from: prints(from), to: prints(to), base: base.prints, policy,
    take: new Set(command.take), keep: new Set(command.keep), names: [source.store.name, destination.store.name],
  };
  refuseDecisions(input, fixed);
  const planned = planSync(input);
  const steps = command.dryRun === true ? planned : await asked(planned, input, command.ask);
  const facts = { from: source.store.name, to: destination.store.name, steps, dryRun: command.dryRun === true };
  const changes = steps.filter(({ action }) => action === 'set' || action === 'change' || action === 'remove');
  const next = nextBase(input, steps);
  if (command.dryRun === true) return syncAnswer(facts);
  if (changes.length === 0) {
    const made = sameBase(next, base.prints) ? {} : await writeBase(command.from, command.to, { ...base, prints: next }, place);
    return syncAnswer({ ...facts, notes: keyLines(made) });
  }
  if (destination.environment !== undefined) await confirmChange(destination.environment, `bring ${changes.map(({ key }) => key).join(', ')} into it`, command, place);
  const backup = destination.environment === undefined || to.values.size === 0 ? undefined : await takeBackup(destination.environment, `before env-sync from ${command.from}`, place);
  const files = await write(changes.map(({ key, action }) => ({ key, value: action === 'remove' ? undefined : from.values.get(key), secret: secret(key) })), to.revision);
  // Last: a sync that was killed before this finds both sides alike, and notes that then.
  const made = await writeBase(command.from, command.to, { ...base, prints: next }, place);
  return syncAnswer({ ...facts, files, notes: keyLines(backup ?? made), ...(backup === undefined ? {} : { backup: backup.id }) });
}

/** fixed: the schema itself says never, so that nobody decides otherwise. */
interface Rules { readonly policy: (key: string) => SyncPolicy; readonly secret: (key: string) => boolean; readonly fixed: (key: string) => boolean }

/** What the schema says of each key, for the destination. A secret stays where it is unless the schema says otherwise, wherever it is called one. */
async function rulesOf({ environment }: OpenedStore, from: StoreContent, to: StoreContent, place: Place): Promise<Rules> {
  const { schema, described } = await examineEnvironment({ environment: environment ?? 'none', ...place });
  const { rules } = environment === undefined ? described : schema;
  const secret = (key: string): boolean => {
    const rule = rules.get(key);
    return from.secrets.has(key) || to.secrets.has(key) || (rule !== undefined && isSecret(rule));
  };
  return { secret, fixed: (key) => rules.get(key)?.definition['x-sync'] === 'never', policy: (key) => syncPolicyOf({ ...rules.get(key)?.definition, 'x-secret': secret(key) }) };
}

function refuseDecisions({ from, to, take, keep }: SyncInput, fixed: Rules['fixed']): void {
  const known = [...new Set([...from.keys(), ...to.keys()])];
  const problems = [...new Set([...take, ...keep])].flatMap((key) => {
    const near = suggest(key, known);
    if (!known.includes(key)) return [`${printable(key, 64)}: neither side has it${near === undefined ? '' : `; did you mean ${near}?`}`];
    if (take.has(key) && keep.has(key)) return [`${key}: it cannot be both taken and kept`];
    return take.has(key) && fixed(key) ? [`${key}: the schema says that it is never synchronised`] : [];
  });
  if (problems.length > 0) throw new EnvSyncError('refused', { what: '--take and --keep cannot be followed', problems, next: 'nothing was changed' });
}

/** Where there is somebody to ask, what the policy wants asked is asked. */
async function asked(steps: readonly SyncStep[], input: SyncInput, ask: Ask): Promise<SyncStep[]> {
  const answered: SyncStep[] = [];
  for (const step of steps) {
    const answer = step.action === 'ask' ? await ask(`${step.key}: ${step.why}. Take it over to ${input.names[1]}? [y/N]`) : undefined;
    const [taken] = /^y(?:es)?$/i.test(answer?.trim() ?? '') ? planSync({ ...input, from: only(input.from, step.key), to: only(input.to, step.key), take: new Set([step.key]) }) : [];
    answered.push(taken === undefined ? step : { ...taken, why: step.why });
  }
  return answered;
}

function only(prints: Prints, key: string): Prints {
  const print = prints.get(key);
  return new Map(print === undefined ? [] : [[key, print]]);
}
