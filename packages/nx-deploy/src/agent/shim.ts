/**
 * The process between the agent and an instance: it starts the program, keeps its log, passes SIGTERM on, and notes how it ended.
 * Because it holds the program's pipes, an instance outlives the agent. It reads its order from stdin, so that no secret is in any argv.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { attach } from '../shell/detach.js';
import { lineSplitter } from '../shell/lines.js';
import { redactor } from '../shell/redactor.js';
import { createLogWriter, LINE_LIMIT } from './log-file.js';

export interface ShimOrder {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Values that are replaced by their name in the log. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly logFile: string;
  readonly logMaxBytes?: number;
  /** Gets a {@link ShimExit} as JSON when the program has ended. */
  readonly exitFile: string;
}

export interface ShimExit {
  readonly code: number | null;
  readonly signal: string | null;
  readonly at: string;
  /** Why the program could not be started at all. */
  readonly error?: string;
}

/** Grandchildren may hold the pipes open after the program itself has ended. */
const FLUSH_MS = 500;

export function superviseOne(order: ShimOrder, exit: (code: number) => void): void {
  const log = createLogWriter(order.logFile, order.logMaxBytes);
  const redact = redactor(order.secrets);
  const lines = { limit: LINE_LIMIT, long: 'pieces', ...redact } as const;
  const finish = (end: ShimExit): void => {
    const temp = `${order.exitFile}.tmp`;
    writeFileSync(temp, JSON.stringify(end), { mode: 0o600 });
    renameSync(temp, order.exitFile);
    exit(end.code ?? 1);
  };
  log.write('out', redact.replace(`[nx-deploy: starting ${order.argv.map((arg) => JSON.stringify(arg)).join(' ')}]`));
  const child = attach(order.argv, { cwd: order.cwd, env: order.env });
  const splitters = (['out', 'err'] as const).map((stream) => {
    const splitter = lineSplitter(lines, (line) => log.write(stream, line));
    (stream === 'out' ? child.stdout : child.stderr)?.on('data', (chunk: Buffer) => splitter.push(chunk));
    return splitter;
  });
  const done = (end: Omit<ShimExit, 'at'>): void => {
    splitters.forEach((splitter) => splitter.end());
    const how = end.error ?? (end.signal === null ? `exited with code ${end.code ?? 0}` : `ended by ${end.signal}`);
    log.write('out', `[nx-deploy: ${how}]`);
    finish({ ...end, at: new Date().toISOString() });
  };
  let over = false;
  const once = (end: Omit<ShimExit, 'at'>): void => {
    if (over) return;
    over = true;
    done(end);
  };
  child.once('error', (error) => once({ code: null, signal: null, error: `could not be started: ${error.message}` }));
  child.once('exit', (code, signal) => setTimeout(() => once({ code, signal }), FLUSH_MS));
  child.once('close', (code, signal) => once({ code, signal }));
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  process.on('SIGINT', () => child.kill('SIGTERM'));
  process.on('SIGHUP', () => undefined);
}

/* istanbul ignore next -- the program's own start, run in tests as a process */
if (require.main === module) {
  process.title = process.argv[2] ?? 'nx-deploy-shim';
  const chunks: Buffer[] = [];
  process.stdin.on('data', (chunk: Buffer) => chunks.push(chunk));
  process.stdin.on('end', () => {
    let order: ShimOrder;
    try {
      order = JSON.parse(Buffer.concat(chunks).toString('utf8')) as ShimOrder;
    } catch {
      // Node would print what it could not read, and with it secrets.
      process.stderr.write('the order did not arrive whole; nothing is started\n');
      process.exit(1);
    }
    superviseOne(order, (code) => process.exit(code));
  });
}
