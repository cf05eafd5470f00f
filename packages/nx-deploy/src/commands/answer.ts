/** The answers to a change that waits for a person. */
import { DeployError } from '../errors.js';
import { hooksOf, newRun, submit } from './change.js';
import { actor, resolveProject, type CommandContext } from './context.js';
import { reportEvents, type ChangeOptions } from './events-file.js';
import { probeMeans } from './probing.js';
import type { CommandResult } from './result.js';
import { watchOrder } from './watch-order.js';

export interface AnswerOptions extends ChangeOptions {
  /** Why; it stays in the ledger. */
  readonly note?: string | number;
  /** The run that is answered: refused when another one waits. */
  readonly run?: string;
  /** The question that is answered, as its id or its text: refused when another one is asked by now. */
  readonly gate?: string | number;
}

/** Characters; the ledger is kept for good. */
const NOTE_LENGTH = 500;

/** The change goes on, with the release and the values that it had: it needs no build and no environment files. */
export function approve(context: CommandContext, options: AnswerOptions): Promise<CommandResult> {
  return answer(context, options, 'approve');
}

/** The change is taken back: what ran before gets all of the traffic again. */
export function reject(context: CommandContext, options: AnswerOptions): Promise<CommandResult> {
  return answer(context, options, 'reject');
}

function answer(command: CommandContext, options: AnswerOptions, action: 'approve' | 'reject'): Promise<CommandResult> {
  return reportEvents(command, options, async (context) => {
    const note = noteOf(options.note);
    const meant = { ...(options.run === undefined ? {} : { run: named('run', options.run) }), ...(options.gate === undefined ? {} : { gate: named('gate', options.gate) }) };
    const resolved = resolveProject(context);
    const probing = action === 'approve' ? probeMeans(context, resolved) : undefined;
    return submit(context, resolved, {
      listens: false,
      request: {
        run: newRun(), actor: actor(), service: resolved.service, environment: resolved.environment,
        change: { action, ...meant, ...(note === undefined ? {} : { note }) },
        strategy: resolved.strategy, hooks: hooksOf(context, resolved, 'Deploy'), deadline: resolved.deadline, keep: resolved.keep, dryRun: false,
        ...(probing === undefined ? {} : { probing }),
        // What is taken back ran before, and was watched then.
        ...(action === 'approve' ? { watch: watchOrder(context, resolved, undefined) } : {}),
      },
    });
  });
}

/** An empty one comes from a variable of a script that is not set; to take it for none would answer anything. */
function named(option: 'run' | 'gate', given: string | number): string {
  const text = String(given);
  if (text !== '') return text;
  throw new DeployError('ND-OPTION-INVALID', { what: `--${option} is empty`, next: `status shows the ${option === 'run' ? 'run' : 'question'} that waits` });
}

function noteOf(given: string | number | undefined): string | undefined {
  const note = String(given ?? '').trim();
  if (note.length <= NOTE_LENGTH) return note === '' ? undefined : note;
  throw new DeployError('ND-OPTION-INVALID', { what: `the note has ${note.length} characters`, why: `at most ${NOTE_LENGTH} are kept`, next: 'give a shorter --note, for example a link' });
}
