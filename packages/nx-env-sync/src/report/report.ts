import type { ProblemRule } from '../problem.js';
import type { Severity } from '../validation/validate-environment.js';

/** One line of a report. It names files, lines and keys, and never holds a value. */
export interface ReportFinding {
  readonly rule: ProblemRule;
  readonly severity: Severity;
  /** Relative to the workspace, with `/`. */
  readonly file?: string;
  /** Counted from 1. */
  readonly line?: number;
  readonly key?: string;
  readonly message: string;
}

export interface ReportKey {
  readonly key: string;
  readonly secret: boolean;
  /** Where its value comes from. */
  readonly file: string;
  readonly line: number;
}

/** What a validation has found, for programs: what `--format=json` prints. */
export interface Report {
  readonly project: string;
  /** Absent when none was named. */
  readonly environment?: string;
  /** `refused`: there is no such environment. `skipped`: another project's was asked for. */
  readonly outcome: 'valid' | 'invalid' | 'refused' | 'skipped';
  readonly keys: readonly ReportKey[];
  readonly findings: readonly ReportFinding[];
  /** What could not be looked at and why, or why it was skipped. */
  readonly notes: readonly string[];
  /** What to do next, and what there is to choose from. */
  readonly next: readonly string[];
}

export type ReportFormat = 'text' | 'json' | 'sarif';
