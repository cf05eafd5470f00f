import type { ReleaseId } from './release.js';

/** One line that an instance wrote. `at` is ISO 8601 in UTC. */
export interface LogLine {
  readonly at: string;
  readonly release: ReleaseId;
  readonly instance: string;
  readonly stream: 'out' | 'err';
  readonly text: string;
}

export interface LogOptions {
  readonly instance?: string;
  /** ISO time; earlier lines are left out. */
  readonly since?: string;
  readonly follow?: boolean;
  readonly signal?: AbortSignal;
}
