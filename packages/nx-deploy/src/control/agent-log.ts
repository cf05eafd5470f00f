/** The agent's own log: one JSON object a line, by pino, rotated at start and by size. */
import { mkdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import pino from 'pino';

const MAX_BYTES = 10 * 1024 * 1024;

export interface AgentLog {
  readonly file: string;
  info(message: string, facts?: object): void;
  warn(message: string, error?: unknown): void;
}

export function createAgentLog(folder: string): AgentLog {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, 'agent.log');
  rotateWhenBig(file);
  const destination = pino.destination({ dest: file, sync: true, append: true, mode: 0o600 });
  // A disk without room costs lines of the log, never the agent.
  destination.on('error', () => undefined);
  const logger = pino({ base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime, redact: ['*.config.values', '*.values', '*.env'] }, destination);
  let lines = 0;
  const count = (): void => {
    lines += 1;
    if (lines % 1_000 === 0 && rotateWhenBig(file)) destination.reopen();
  };
  return {
    file,
    info: (message, facts = {}) => { logger.info(facts, message); count(); },
    warn: (message, error) => { logger.warn({ err: error }, message); count(); },
  };
}

function rotateWhenBig(file: string): boolean {
  try {
    if (statSync(file).size < MAX_BYTES) return false;
    renameSync(file, `${file}.1`);
    return true;
  } catch {
    return false;
  }
}
