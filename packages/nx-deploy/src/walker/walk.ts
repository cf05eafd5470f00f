/** One change in a process of its own, from its platform to the last line of its events. */
import type { EventLog } from './event-log.js';
import { runChange } from '../engine/change.js';
import type { ChangeRequest, ChangeResult } from '../engine/request.js';
import { asDeployError } from '../errors.js';
import type { Platform } from '../platforms/platform.js';

export interface OpenPlatform {
  readonly platform: Platform;
  close(): Promise<void>;
}

export interface Task {
  readonly request: ChangeRequest;
  /** Reaches the platform. `cancel` may be called at any time to have the change taken back. */
  open(cancel: () => void): Promise<OpenPlatform>;
}

/** Resolves when the result is on the disk; rejects only when it cannot be put there. */
export async function walk(task: Task, events: EventLog, cancel: AbortController): Promise<void> {
  const { request } = task;
  const started = performance.now();
  let opened: OpenPlatform | undefined;
  let result: ChangeResult;
  try {
    opened = await task.open(() => cancel.abort());
    result = await runChange({ platform: opened.platform, request, emit: (event) => events.event(event), signal: cancel.signal });
  } catch (thrown) {
    // Nothing has begun: the change itself never rejects.
    const error = asDeployError(thrown);
    result = {
      outcome: error.severity === 'refused' ? 'refused' : 'restored',
      run: request.run, action: request.change.action === 'rollback' ? 'rollback' : 'deploy', service: request.service, environment: request.environment,
      stages: {}, durationMs: Math.round(performance.now() - started), error: error.toJSON(),
    };
  }
  events.result(result);
  // The lock was given back with the end of the change.
  await opened?.close().catch(() => undefined);
}
