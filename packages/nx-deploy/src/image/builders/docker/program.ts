/** Runs docker or podman: its lines are told, and the last ones kept for a message. */
import { tmpdir } from 'node:os';
import type { Ms } from '../../../model/index.js';
import { run, type RunResult } from '../../../shell/run.js';
import type { Redactor } from '../../../shell/redactor.js';
import { cancelledBuild, missingEngine } from './failures.js';

export interface ProgramOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly timeout?: Ms;
  readonly signal?: AbortSignal;
  readonly redact?: Redactor;
  readonly onLine?: (line: string) => void;
}

/** Lines that a message shows. */
const LAST = 20;
/** A build may take long; the caller's signal is its deadline. */
const LONGEST: Ms = 24 * 60 * 60 * 1_000;

/** @throws DeployError ND-ENGINE-MISSING when there is no such program, ND-CANCELLED or the signal's own reason when it was aborted. */
export async function runProgram(argv: readonly string[], { env, timeout = LONGEST, signal, redact, onLine }: ProgramOptions): Promise<RunResult & { readonly lines: readonly string[] }> {
  const lines: string[] = [];
  const result = await run(argv, {
    cwd: tmpdir(), env, timeout, ...(signal === undefined ? {} : { signal }), ...(redact === undefined ? {} : { redact }),
    onLine: (line) => {
      lines.push(line);
      if (lines.length > LAST) lines.shift();
      onLine?.(line);
    },
  });
  if (result.cancelled) throw cancelledBuild(signal?.reason);
  if (result.startError !== undefined) throw missingEngine(argv[0] ?? '');
  return { ...result, lines };
}
