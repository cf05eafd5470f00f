/** One change in a process of its own, from its platform to the last line of its events. */
import type { EventLog } from './event-log.js';
import { runChange } from '../engine/change.js';
import { noticesSent } from '../engine/notices.js';
import type { ChangeRequest, ChangeResult } from '../engine/request.js';
import { asDeployError } from '../errors.js';
import type { Emit, Metrics } from '../model/index.js';
import type { Platform } from '../platforms/platform.js';
import type { BeginWatch, Watched } from './watching.js';

export interface OpenPlatform {
  readonly platform: Platform;
  close(): Promise<void>;
}

export interface Task {
  readonly request: ChangeRequest;
  /** Whom the walker looks after once the deploy is done; undefined: somebody else does. */
  readonly watched?: Watched;
  /** Reaches the platform. `cancel` may be called at any time to have the change taken back. */
  open(cancel: () => void, emit: Emit): Promise<OpenPlatform>;
}

/** Resolves when the result is on the disk and nothing is looked after any more; rejects only when the result cannot be put there. */
export async function walk(task: Task, events: EventLog, cancel: AbortController, beginWatch?: BeginWatch): Promise<void> {
  const { request } = task;
  const started = performance.now();
  let opened: OpenPlatform | undefined;
  let result: ChangeResult;
  let ended: Promise<unknown> = Promise.resolve();
  let told = false;
  // The result is the last line.
  const emit: Emit = (event) => { if (!told) events.event(event); };
  try {
    opened = await task.open(() => cancel.abort(), emit);
    const { platform } = opened;
    let baseline: Metrics | undefined;
    result = await runChange({ platform, request, emit, signal: cancel.signal, onBaseline: (metrics) => { baseline = metrics; } });
    if (beginWatch !== undefined) ({ result, ended } = await beginWatch({ platform, request, result, baseline, emit }, cancel.signal));
  } catch (thrown) {
    // Nothing has begun: neither the change nor the watch ever rejects.
    const error = asDeployError(thrown);
    result = {
      outcome: error.severity === 'refused' ? 'refused' : 'restored',
      run: request.run, action: request.change.action === 'rollback' ? 'rollback' : 'deploy', service: request.service, environment: request.environment,
      stages: {}, durationMs: Math.round(performance.now() - started), error: error.toJSON(),
    };
  }
  told = true;
  events.result(result);
  await ended;
  await noticesSent();
  // The lock was given back with the end of the change.
  await opened?.close().catch(() => undefined);
}
