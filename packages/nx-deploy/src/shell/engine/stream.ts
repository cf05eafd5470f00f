/** A program of an engine's client whose output is read while it runs. */
import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { tmpdir } from 'node:os';
import { killGroup } from '../run.js';

export interface Streamed {
  /** False when there is no such program. */
  readonly started: boolean;
  readonly stdin: Writable;
  /** What is in them waits for whoever reads, also when the program has ended. */
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Resolves with the exit code of the client; -1 when a signal ended it, or it never started. */
  readonly ended: Promise<number>;
  /** Ends the client. */
  end(): void;
  /** From here on this process does not wait for it: it ends when its input is closed, as that then is. */
  leave(): void;
}

/** The client leads a process group, which ends with `end`. */
export function stream(argv: readonly string[], env: Readonly<Record<string, string>>): Streamed {
  const [file = '', ...args] = argv;
  const child = spawn(file, args, { cwd: tmpdir(), env, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = new Promise<number>((resolve) => {
    child.once('exit', (code) => resolve(code ?? -1));
    child.once('error', () => resolve(-1));
  });
  // Whoever reads sees the end; a broken pipe tells no more.
  for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe.on('error', () => undefined);
  // Node throws away what nobody has begun to read of a program that has ended.
  const [stdout, stderr] = [child.stdout.pipe(new PassThrough()), child.stderr.pipe(new PassThrough())];
  return {
    started: child.pid !== undefined, stdin: child.stdin, stdout, stderr, ended, end: () => killGroup(child.pid),
    leave: () => {
      child.unref();
      // Pipes of a program are sockets.
      for (const pipe of [child.stdin, child.stdout, child.stderr]) (pipe as unknown as Socket).unref();
    },
  };
}
