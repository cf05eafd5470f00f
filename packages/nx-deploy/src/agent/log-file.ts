/** Log files of instances: one line a record, `<ISO time> <o|e> <text>`, rotated by size. Written by the shim, read by the agent. */
import { closeSync, fstatSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

export const LOG_MAX_BYTES = 10 * 1024 * 1024;
/** Rotated files kept beside the current one. */
export const LOG_MAX_FILES = 3;
/** Characters of a line; a longer one is parted. */
export const LINE_LIMIT = 16 * 1024;

export type LogStream = 'out' | 'err';

export interface LogWriter {
  write(stream: LogStream, text: string): void;
  close(): void;
}

/**
 * Writes are synchronous: a service that logs faster than the disk takes it is slowed by its own pipe, and memory stays small.
 * On a full disk lines are dropped and counted; the service goes on.
 */
export function createLogWriter(file: string, maxBytes = LOG_MAX_BYTES, maxFiles = LOG_MAX_FILES): LogWriter {
  const open = (): number => {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    return openSync(file, 'a', 0o600);
  };
  let fd = open();
  let size = fstatSync(fd).size;
  let dropped = 0;
  /** The last write ended within its line. */
  let torn = false;
  const put = (line: string): void => {
    const bytes = Buffer.from(torn ? `\n${line}` : line);
    let written = 0;
    try {
      written = writeSync(fd, bytes);
    } catch {
      // Counted below.
    }
    size += written;
    if (written > 0) torn = written < bytes.length;
    if (written < bytes.length) dropped += 1;
  };
  const rotate = (): void => {
    try {
      shift(file, maxFiles);
      const next = open();
      closeSync(fd);
      fd = next;
      torn = false;
    } catch {
      // No room for another file: the present one goes on, under its name.
      move(rotated(file, 1), file);
    }
    size = 0;
  };
  return {
    write(stream, text) {
      if (size >= maxBytes) rotate();
      const mark = `${new Date().toISOString()} ${stream === 'out' ? 'o' : 'e'} `;
      if (dropped > 0) {
        const lost = dropped;
        dropped = 0;
        put(`${mark}[nx-deploy: ${lost} lines were lost, the log could not be written]\n`);
        // Not even that could be written.
        if (dropped > 0) dropped = lost;
      }
      put(`${mark}${text.length > LINE_LIMIT ? `${text.slice(0, LINE_LIMIT)} [cut]` : text}\n`);
    },
    close: () => closeSync(fd),
  };
}

/** The oldest file makes room, the others move up by one. */
function shift(file: string, maxFiles: number): void {
  rmSync(rotated(file, maxFiles), { force: true });
  for (let index = maxFiles - 1; index >= 0; index -= 1) move(index === 0 ? file : rotated(file, index), rotated(file, index + 1));
}

function move(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch {
    // There is none: not that many yet, or someone has removed it.
  }
}

export function rotated(file: string, index: number): string {
  return `${file}.${index}`;
}
