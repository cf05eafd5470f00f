/** Writes what a walker tells. Written at once and in order: what was told before a kill is there after it. */
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import type { RunMessage } from '../control/protocol.js';
import type { ChangeResult } from '../engine/request.js';
import type { DeployEvent } from '../model/index.js';
import { PRIVATE_FILE } from '../releases/index.js';

export interface EventLog {
  /** Never throws: a disk without room costs events, not the walk. */
  event(event: DeployEvent): void;
  /** The last line; on the disk when this returns. Throws when it cannot be written. */
  result(result: ChangeResult): void;
}

export function openEventLog(file: string): EventLog {
  const descriptor = openSync(file, 'a', PRIVATE_FILE);
  /** A line that could not be written whole is ended before the next, so that readers lose that one only. */
  let torn = false;
  const append = (message: RunMessage): void => {
    const bytes = Buffer.from(`${torn ? '\n' : ''}${JSON.stringify(message)}\n`);
    torn = true;
    for (let done = 0; done < bytes.length;) done += writeSync(descriptor, bytes, done);
    torn = false;
  };
  return {
    event(event) {
      try {
        append({ type: 'event', at: new Date().toISOString(), event });
      } catch {
        // Told nowhere; the result still is.
      }
    },
    result(result) {
      try {
        append({ type: 'result', at: new Date().toISOString(), result });
        fsyncSync(descriptor);
      } finally {
        closeSync(descriptor);
      }
    },
  };
}
