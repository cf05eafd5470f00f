/** Where a command's words go, and how they look. */
import type { DeployError } from '../errors.js';
import type { DeployEvent } from '../model/index.js';

export interface Output {
  readonly color: boolean;
  /** One event of a run under way. */
  event(event: DeployEvent): void;
  /** A part of the work: its name, and how long it took where it has ended. */
  phase(name: string, state: 'start' | 'done' | 'failed', ms?: number): void;
  /** How far that is. */
  progress(text: string): void;
  /** Lines of the answer itself. */
  line(text: string): void;
  error(error: DeployError): void;
  /** Aborts when nobody reads any more, where that can be known. */
  readonly closed?: AbortSignal;
  /** Ends a live line, if there is one. */
  end(): void;
}
