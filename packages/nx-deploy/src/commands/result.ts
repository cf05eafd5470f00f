/** How a command ended: as an exit code for the bin and as one JSON document. */
import { writeFile } from 'node:fs/promises';
import { asDeployError, DeployError, errorCode, type SerializedError } from '../errors.js';
import type { Outcome } from '../engine/request.js';
import type { CommandContext } from './context.js';

/** A command that only looks has nothing to restore. */
export type LookOutcome = 'done' | 'failed' | 'refused';

/** 0 done or nothing to do; 1 failed and restored; 2 failed and NOT restored; 3 refused; 4 a person is asked. */
export const EXIT_CODES: Readonly<Record<Outcome | LookOutcome, number>> = {
  done: 0, unchanged: 0, planned: 0, restored: 1, failed: 1, 'not-restored': 2, refused: 3, paused: 4,
};

export interface CommandResult {
  readonly exitCode: number;
  /** Plain JSON, always with `outcome` and `exitCode`. */
  readonly document: object;
}

/** change: may have begun to change something when it fails. look: only reads. */
export type CommandKind = 'change' | 'look';

export interface ReportOptions {
  /** File that gets the document. */
  readonly outputFile?: string;
}

export function outcomeOf(error: DeployError, kind: CommandKind = 'change'): Outcome | LookOutcome {
  if (kind === 'look') return error.severity === 'refused' ? 'refused' : 'failed';
  const outcomes = { refused: 'refused', failed: 'restored', 'not-restored': 'not-restored' } as const;
  return outcomes[error.severity];
}

/** Runs a command; an error becomes its printed message, its document and its exit code. */
export async function report(context: CommandContext, options: ReportOptions, work: () => Promise<CommandResult>, kind: CommandKind = 'change'): Promise<CommandResult> {
  let result: CommandResult;
  try {
    result = await work();
  } catch (thrown) {
    const error = asDeployError(thrown);
    context.output.end();
    context.output.error(error);
    result = failure(error, kind);
  }
  if (options.outputFile !== undefined) await writeDocument(options.outputFile, result, (error) => context.output.error(error));
  return result;
}

export function failure(error: DeployError, kind: CommandKind = 'change'): CommandResult {
  const outcome = outcomeOf(error, kind);
  const exitCode = EXIT_CODES[outcome];
  const document: { outcome: Outcome | LookOutcome; exitCode: number; error: SerializedError } = { outcome, exitCode, error: error.toJSON() };
  return { exitCode, document };
}

/** That it cannot be written changes nothing of what was done: it is said, and the exit code stays. */
export async function writeDocument(file: string, result: CommandResult, say: (error: DeployError) => void): Promise<void> {
  try {
    await writeFile(file, `${JSON.stringify(result.document, undefined, 2)}\n`);
  } catch (error) {
    say(new DeployError('ND-OPTION-INVALID', {
      what: `the result could not be written to ${file}`, why: errorCode(error) ?? String(error), next: 'name a file in a folder that exists with --outputFile',
    }));
  }
}
