import type { SyncAction, SyncStep } from '../sync/plan.js';
import { counted, table, type Answer } from './answer.js';

export interface SyncFacts {
  readonly from: string;
  readonly to: string;
  readonly steps: readonly SyncStep[];
  readonly dryRun: boolean;
  /** What was written, and the backup of what was there. */
  readonly files?: readonly string[];
  readonly backup?: string;
  readonly notes?: readonly string[];
}

const WORDS: Readonly<Record<SyncAction, string>> = { set: 'set', change: 'change', remove: 'remove', ask: 'ask', kept: 'kept', own: 'own', conflict: 'CONFLICT', never: 'never', same: 'same' };
const QUIET: readonly SyncAction[] = ['same', 'own', 'never'];

/** A sync that leaves something undecided is no success; a dry run says only what would be. */
export function syncAnswer({ from, to, steps, dryRun, files = [], backup, notes = [] }: SyncFacts): Answer {
  const count = (...actions: SyncAction[]): number => steps.filter(({ action }) => actions.includes(action)).length;
  const shown = steps.filter(({ action }) => !QUIET.includes(action));
  const [changed, conflicts, open] = [count('set', 'change', 'remove'), count('conflict'), count('ask')];
  const undecided = steps.filter(({ action }) => action === 'conflict' || action === 'ask').map(({ key }) => key);
  const left = [...(conflicts === 0 ? [] : [`${counted(conflicts, 'conflict')} left`]), ...(open === 0 ? [] : [`${open} to be decided`])];
  const verdict = [`${counted(changed, 'key')} ${dryRun ? 'would change' : 'changed'}`, ...left, `${count('same')} the same`, ...(count('kept', 'own', 'never') === 0 ? [] : [`${count('kept', 'own', 'never')} left as they are`])];
  const success = dryRun || undecided.length === 0;
  return {
    success,
    lines: [
      ...notes,
      ...(shown.length === 0 ? [] : table([['KEY', 'ACTION', 'WHY'], ...shown.map(({ key, action, why }) => [key, WORDS[action], why])])),
      `${success ? '' : 'error: '}${from} -> ${to}: ${verdict.join(', ')}`,
      ...(files.length === 0 ? [] : [`  written: ${files.join(', ')}`]),
      ...(backup === undefined ? [] : [`  undo: env-restore --environment=${to} --backup=${backup}`]),
      ...(undecided.length === 0 ? [] : [`  next: decide by --take=<key> or --keep=<key>, for ${undecided.join(', ')}`]),
    ],
    document: { from, to, dryRun, steps, undecided, files, ...(backup === undefined ? {} : { backup }) },
  };
}
