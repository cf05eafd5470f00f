/** What a sync would do, decided key by key against the state of the last one. Nothing here knows a value. */
import type { SyncPolicy } from '../traits.js';

/**
 * set, change, remove: the destination becomes like the source. ask: the same, once somebody agrees. kept: the destination differs, and is meant to.
 * own: only the destination has it, and always had. conflict: both changed, or nobody can say who did. never: the policy says so. same: no difference.
 */
export type SyncAction = 'set' | 'change' | 'remove' | 'ask' | 'kept' | 'own' | 'conflict' | 'never' | 'same';

export interface SyncStep {
  readonly key: string;
  readonly action: SyncAction;
  readonly why: string;
}

/** Fingerprints by key; a key that is not there has none. */
export type Prints = ReadonlyMap<string, string>;

export interface SyncInput {
  readonly from: Prints;
  readonly to: Prints;
  /** What the source had at the last sync, of the keys that the two have agreed upon. */
  readonly base: Prints;
  readonly policy: (key: string) => SyncPolicy;
  /** Keys that are decided: for the source, whatever the policy, or for the destination. */
  readonly take: ReadonlySet<string>;
  readonly keep: ReadonlySet<string>;
  /** Names of the two, as shown to people. */
  readonly names: readonly [from: string, to: string];
}

/** One step for each key of both sides, sorted. */
export function planSync(input: SyncInput): SyncStep[] {
  return [...new Set([...input.from.keys(), ...input.to.keys()])].sort().map((key) => ({ key, ...stepOf(key, input) }));
}

type Step = Omit<SyncStep, 'key'>;

function stepOf(key: string, input: SyncInput): Step {
  const [source, destination] = [input.from.get(key), input.to.get(key)];
  if (source === destination) return { action: 'same', why: '' };
  const policy = input.policy(key);
  if (policy === 'never' && !input.take.has(key)) return { action: 'never', why: 'x-sync is never' };
  if (input.keep.has(key)) return { action: 'kept', why: 'decided by --keep' };
  if (input.take.has(key)) return { action: takeOver(source, destination), why: 'decided by --take' };
  const step = compare(key, input);
  const takes = step.action === 'set' || step.action === 'change' || step.action === 'remove';
  return takes && policy === 'ask' ? { action: 'ask', why: step.why } : step;
}

function compare(key: string, { from, to, base, names: [source, destination] }: SyncInput): Step {
  const [theirs, ours, before] = [from.get(key), to.get(key), base.get(key)];
  if (before === undefined) {
    if (theirs === undefined) return { action: 'own', why: `only ${destination} has it` };
    return ours === undefined ? { action: 'set', why: `new in ${source}` } : { action: 'conflict', why: 'they differ, and no earlier sync tells which is meant' };
  }
  if (theirs === before) return { action: 'kept', why: `${ours === undefined ? 'removed from' : 'changed in'} ${destination} since the last sync` };
  if (ours === before) return { action: takeOver(theirs, ours), why: `${theirs === undefined ? 'removed from' : 'changed in'} ${source} since the last sync` };
  return { action: 'conflict', why: 'both changed it since the last sync' };
}

function takeOver(source: string | undefined, destination: string | undefined): SyncAction {
  if (source === undefined) return 'remove';
  return destination === undefined ? 'set' : 'change';
}

/** What the next sync compares with, when these steps were done. A key that was left undecided keeps what it had. */
export function nextBase({ from, base, keep }: Pick<SyncInput, 'from' | 'base' | 'keep'>, steps: readonly SyncStep[]): Prints {
  const next = new Map<string, string>();
  for (const { key, action } of steps) {
    const agreed = action === 'same' || action === 'set' || action === 'change' || action === 'remove' || keep.has(key);
    const print = (agreed ? from : base).get(key);
    if (print !== undefined) next.set(key, print);
  }
  return next;
}
