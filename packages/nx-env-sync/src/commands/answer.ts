/** What a command says in the end, in lines for people or as one JSON document for programs. */
import { EnvSyncError, errorCode, errorLines, type ErrorParts } from '../errors.js';

export interface Answer {
  readonly success: boolean;
  readonly lines: readonly string[];
  /** Holds no value. */
  readonly document: Readonly<Record<string, unknown>>;
}

/**
 * Runs a command and prints its answer to the standard output; with `json` that is one line of JSON and nothing else. What it refuses and where it fails
 * is printed in the same way, and is no success.
 */
export async function printAnswer(json: boolean | undefined, command: () => Promise<Answer>): Promise<{ success: boolean }> {
  const { success, lines, document } = await command().catch(failed);
  process.stdout.write(json === true ? `${JSON.stringify({ success, ...document })}\n` : lines.map((line) => `${line}\n`).join(''));
  return { success };
}

function failed(error: unknown): Answer {
  const parts = partsOf(error);
  return { success: false, lines: errorLines(parts), document: { error: { kind: error instanceof EnvSyncError ? error.kind : 'failed', ...parts } } };
}

/** The system's own errors name no value. Any other is a mistake of ours, and is shown as one. */
function partsOf(error: unknown): ErrorParts {
  if (error instanceof EnvSyncError) return error.parts;
  const code = errorCode(error);
  if (!/^E[A-Z0-9]+$/.test(code) || typeof error !== 'object' || error === null) throw error;
  const path = 'path' in error && typeof error.path === 'string' ? error.path : undefined;
  return { what: `the system refused what had to be done: ${code}`, ...(path === undefined ? {} : { where: path }), next: 'see that the disk has room and that the folder may be written to' };
}

/** `1 key`, `2 keys`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** Rows with their columns below each other, two blanks apart; the first row is the head. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd());
}
