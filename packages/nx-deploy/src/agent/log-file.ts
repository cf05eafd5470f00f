/** Log files of instances: one line a record, `<ISO time> <o|e> <text>`, rotated by size. Written by the shim, read by the agent. */
import { closeSync, fstatSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

export const LOG_MAX_BYTES = 10 * 1024 * 1024;
/** Rotated files kept beside the current one. */
export const LOG_MAX_FILES = 3;
const LINE_LIMIT = 16 * 1024;

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
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  let fd = openSync(file, 'a', 0o600);
  let size = fstatSync(fd).size;
  let dropped = 0;
  const put = (line: string): void => {
    try {
      writeSync(fd, line);
      size += Buffer.byteLength(line);
    } catch {
      dropped += 1;
    }
  };
  const rotate = (): void => {
    closeSync(fd);
    for (let index = maxFiles; index >= 1; index -= 1) {
      try {
        if (index === maxFiles) rmSync(rotated(file, index), { force: true });
        else renameSync(rotated(file, index), rotated(file, index + 1));
      } catch {
        // There are not that many rotated files yet.
      }
    }
    renameSync(file, rotated(file, 1));
    fd = openSync(file, 'a', 0o600);
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
      }
      put(`${mark}${text.length > LINE_LIMIT ? `${text.slice(0, LINE_LIMIT)} [cut]` : text}\n`);
    },
    close: () => closeSync(fd),
  };
}

export function rotated(file: string, index: number): string {
  return `${file}.${index}`;
}

/** Splits a byte stream into lines; a line longer than the limit is given out in pieces, so that memory stays bounded. */
export function lineSplitter(onLine: (line: string) => void): { push(chunk: Buffer): void; end(): void } {
  const decoder = new TextDecoder();
  let rest = '';
  return {
    push(chunk) {
      const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = parts.pop() ?? '';
      for (const part of parts) onLine(part.endsWith('\r') ? part.slice(0, -1) : part);
      while (rest.length >= LINE_LIMIT) {
        onLine(rest.slice(0, LINE_LIMIT));
        rest = rest.slice(LINE_LIMIT);
      }
    },
    end() {
      rest += decoder.decode();
      if (rest !== '') onLine(rest);
      rest = '';
    },
  };
}

/** Replaces secret values in a line. Values under six characters are left: they would garble ordinary text. */
export function redactor(secrets: Readonly<Record<string, string>>): (line: string) => string {
  const pairs = Object.entries(secrets).filter(([, value]) => value.length >= 6).sort(([, a], [, b]) => b.length - a.length);
  return (line) => pairs.reduce((text, [name, value]) => text.replaceAll(value, `[${name}]`), line);
}
