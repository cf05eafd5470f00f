/** Follows a walker from another process. Readers come and go: the walker knows nothing of them. */
import { open, type FileHandle } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunMessage } from '../control/protocol.js';
import { DeployError } from '../errors.js';
import type { Ms } from '../model/index.js';
import { isMissing } from '../releases/index.js';
import { isAlive } from '../shell/process-table.js';
import { readWalker, walkerLives, type RunFolder } from './run-folder.js';

const POLL: Ms = 40;
/** A walker that is being started has no record yet. */
const START_GRACE: Ms = 5_000;
const CHUNK = 64 * 1024;
const LINE_FEED = 10;

/**
 * What the run told from its beginning, then what it tells, up to its result. Ends early when `signal` aborts.
 * Rejects with ND-INTERRUPTED when the walker has ended without a result.
 */
export async function* attachRun(run: RunFolder, signal?: AbortSignal): AsyncIterable<RunMessage> {
  const tail = new Tail(run.events);
  const since = performance.now();
  try {
    while (signal?.aborted !== true) {
      // Asked before reading: what a walker wrote before it ended is read all the same.
      const living = await walkerLives(run) || (performance.now() - since < START_GRACE && await readWalker(run) === undefined);
      for await (const message of tail.more()) {
        yield message;
        if (message.type === 'result') return;
      }
      if (!living) throw interrupted(run);
      await sleep(POLL, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
    }
  } finally {
    await tail.close();
  }
}

/** Asks the walker to take back what it has begun. False when there is none any more. */
export async function cancelRun(run: RunFolder): Promise<boolean> {
  const walker = await readWalker(run);
  if (walker === undefined || !await isAlive(walker.pid, walker.identity)) return false;
  try {
    process.kill(walker.pid, 'SIGTERM');
    return true;
  } catch {
    return false;
  }
}

function interrupted({ log }: RunFolder): DeployError {
  return new DeployError('ND-INTERRUPTED', {
    what: 'the walker ended without a result', why: 'it was killed, or the machine went down', where: log,
    next: 'run status: it shows what runs; the next command first settles what was begun',
  });
}

/** A file that grows. Lines that are no messages (cut short by a full disk) are passed over. */
class Tail {
  private handle: FileHandle | undefined;
  private position = 0;
  private rest = Buffer.alloc(0);

  constructor(private readonly file: string) {}

  async *more(): AsyncIterable<RunMessage> {
    this.handle ??= await open(this.file, 'r').catch((error: unknown) => {
      if (isMissing(error)) return undefined;
      throw error;
    });
    if (this.handle === undefined) return;
    const chunk = Buffer.alloc(CHUNK);
    for (;;) {
      const { bytesRead } = await this.handle.read(chunk, 0, CHUNK, this.position);
      if (bytesRead === 0) return;
      this.position += bytesRead;
      const bytes = Buffer.concat([this.rest, chunk.subarray(0, bytesRead)]);
      const end = bytes.lastIndexOf(LINE_FEED) + 1;
      this.rest = bytes.subarray(end);
      for (const line of bytes.subarray(0, end).toString('utf8').split('\n')) {
        const message = parse(line);
        if (message !== undefined) yield message;
      }
    }
  }

  async close(): Promise<void> {
    await this.handle?.close();
  }
}

function parse(line: string): RunMessage | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && 'type' in value ? value as RunMessage : undefined;
  } catch {
    return undefined;
  }
}
