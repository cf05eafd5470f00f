/** A program of an engine's client whose output is read while it runs. */
import type { Readable, Writable } from 'node:stream';
import { tmpdir } from 'node:os';
import { killGroup } from '../run.js';

export interface Streamed {
  /** False when there is no such program. */
  readonly started: boolean;
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Resolves with the exit code of the client; -1 when a signal ended it. */
  readonly ended: Promise<number>;
  /** Ends the client. */
  end(): void;
}

/** The client leads a process group, which ends with `end`. */
export async function stream(argv: readonly string[], env: Readonly<Record<string, string>>): Promise<Streamed> {
  const { execa } = await import('execa');
  const [file = '', ...args] = argv;
  const child = execa(file, args, { cwd: tmpdir(), env, extendEnv: false, detached: true, reject: false, buffer: false, cleanup: false, stdin: 'pipe', stdout: 'pipe', stderr: 'pipe' });
  // Whoever reads sees the end; a broken pipe tells no more.
  for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe.on('error', () => undefined);
  return {
    started: child.pid !== undefined, stdin: child.stdin, stdout: child.stdout, stderr: child.stderr,
    ended: child.then(({ exitCode }) => exitCode ?? -1),
    end: () => killGroup(child.pid),
  };
}
