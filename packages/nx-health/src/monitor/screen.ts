/** A table that is written over as it changes, on a terminal. */
import { overall } from '../checks/run-checks.js';
import { durationText } from '../duration.js';
import { printable, type HealthStatus } from '../result.js';
import { table } from '../report/table.js';
import type { Sample } from './monitor.js';

export interface Terminal {
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

export interface Screen {
  /** Writes the table over the one before. */
  draw(samples: readonly Sample[], all: number): void;
  /** A line that stays, above the table. */
  say(line: string): void;
  /** Leaves the table as it is. */
  end(): void;
}

const BADNESS: Readonly<Record<HealthStatus, number>> = { unhealthy: 0, degraded: 1, healthy: 2 };

export function createScreen(terminal: Terminal, now: () => number = Date.now): Screen {
  let shown: readonly string[] = [];
  /** Up to the first line of the table, and away with it and all below. */
  const erase = (): string => (shown.length === 0 ? '' : `\r\u001b[${shown.length}A\u001b[J`);
  const show = (lines: readonly string[], above = ''): void => {
    const width = Math.max(10, (terminal.columns ?? 80) - 1);
    const cut = lines.map((line) => line.slice(0, width));
    terminal.write(`${erase()}${above}${cut.map((line) => `${line}\n`).join('')}`);
    shown = cut;
  };
  return {
    draw: (samples, all) => {
      const lines = tableLines(samples, all, Math.max(1, (terminal.rows ?? 24) - 5), now());
      show(lines);
    },
    say: (line) => { show(shown, `${printable(line, 1_000)}\n`); },
    end: () => { shown = []; },
  };
}

/** As many as there is room for, the worst first; otherwise as they stand in the file. */
function tableLines(samples: readonly Sample[], all: number, room: number, now: number): readonly string[] {
  const sorted = samples.length > room ? [...samples].sort((a, b) => BADNESS[a.shown.status] - BADNESS[b.shown.status]) : samples;
  const rows = sorted.slice(0, room).map(({ check: { name, kind }, result, shown, time }) => [name, kind, shown.status, String(result.ms), durationText(Math.max(0, now - time)), shown.reason ?? '']);
  const hidden = samples.length - rows.length;
  return [
    ...table(['check', 'kind', 'status', '>ms', '>ago', 'reason'], rows, 200),
    `${samples.length < all ? `${samples.length} of ${all} checks have a result` : `${overall(samples.map(({ check, shown }) => ({ check, result: shown })))}: ${all} checks`}${hidden > 0 ? `, ${hidden} are not shown` : ''}`,
  ];
}
