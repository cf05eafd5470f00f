import { dirname, join, resolve } from 'node:path';
import type { Check } from '../../checks/check.js';
import { HealthError } from '../../errors.js';
import { createAlerts } from '../../monitor/alerts.js';
import { openHistory, type History } from '../../monitor/history.js';
import { serveMetrics } from '../../monitor/metrics-server.js';
import { startMonitor, type Change, type Sample } from '../../monitor/monitor.js';
import { createScreen } from '../../monitor/screen.js';
import { printable } from '../../result.js';
import { Problems, refuse } from '../probe.js';
import { guarded, select, type FileOptions, type Selection, type TaskContext } from '../selection.js';

export interface MonitorExecutorOptions extends FileOptions {
  readonly history?: string;
  readonly historySize?: number;
  readonly metricsPort?: number;
  readonly duration?: string;
  readonly live?: boolean;
  readonly json?: boolean;
}

const DRAW_MS = 500;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Of the project, in the workspace. */
export function defaultHistory(projectName: string): string {
  return join('.nx-health', projectName.replace(/[^\w.-]+/g, '-'), 'history.jsonl');
}

/** Asks until a signal, or for as long as `duration` says: then it fails if the whole was unhealthy meanwhile, or a check has no result. */
export default async function monitorExecutor(options: MonitorExecutorOptions, context: TaskContext): Promise<{ success: boolean }> {
  const problems = new Problems();
  const { historySize = 20, metricsPort } = options;
  if (!(historySize >= 1 && historySize <= 10_000)) problems.add('historySize', 'a number of MB from 1 to 10000', historySize);
  if (metricsPort !== undefined && !(Number.isInteger(metricsPort) && metricsPort >= 0 && metricsPort <= 65_535)) problems.add('metricsPort', 'a port from 0 to 65535', metricsPort);
  const forMs = options.duration === undefined ? undefined : problems.duration('duration', options.duration);
  if (problems.lines.length > 0) return refuse('nx-health:monitor', problems);
  return guarded(async () => watch(await select(options, context), { ...options, historySize, forMs }, context));
}

type Settings = MonitorExecutorOptions & { readonly historySize: number; readonly forMs: number | undefined };

async function watch({ chosen, checks, alerts: channels, file }: Selection, options: Settings, { root, projectName = 'health' }: TaskContext): Promise<{ success: boolean }> {
  const stop = new AbortController();
  const history = options.history === 'none' ? undefined : openHistory(resolve(root, options.history ?? defaultHistory(projectName)), { mostBytes: options.historySize * 1_000_000 });
  const view = viewOf(chosen, options, () => monitor.samples());
  const alerts = createAlerts(projectName, channels, { folder: dirname(file), onFailure: (line) => { view.say(line); } });
  const metrics = options.metricsPort === undefined ? undefined : await serveMetrics(options.metricsPort, chosen.length, () => monitor.samples());
  const keep = keeper(history, (line) => { view.say(line); });
  let failed = false;
  const release = onSignals(() => { stop.abort(); });
  const timer = options.forMs === undefined ? undefined : setTimeout(() => { stop.abort(); }, options.forMs);
  view.say(`monitoring ${chosen.length} checks${metrics === undefined ? '' : `, metrics at http://127.0.0.1:${metrics.port}/metrics`}`);
  const monitor = startMonitor({
    chosen, all: checks, signal: stop.signal,
    onSample: (sample) => {
      keep(sample);
      metrics?.count(sample);
    },
    onChange: (change) => {
      failed ||= change.check === undefined && change.to === 'unhealthy';
      view.change(change);
      // That all is well at the start is no news.
      if (change.from !== undefined || change.to !== 'healthy') alerts.send(change);
    },
  });
  try {
    await monitor.ended;
    await alerts.settled(10_000);
  } finally {
    stop.abort();
    clearTimeout(timer);
    release();
    view.end();
    history?.close();
    await metrics?.close();
  }
  if (options.forMs === undefined) return { success: true };
  const known = monitor.samples().map(({ check }) => check.name);
  const problems = chosen.filter(({ name }) => !known.includes(name)).map(({ name, target }) => `${name}: ${target}`);
  if (problems.length > 0) throw new HealthError({ what: 'checks had no result before the monitor ended', problems, next: 'make --duration longer than their timeouts and retries' });
  return { success: !failed };
}

/** A disk that is full is what a monitor is there to tell of: it goes on, and says once that nothing is kept. */
function keeper(history: History | undefined, say: (line: string) => void): (sample: Sample) => void {
  let lost = false;
  return (sample) => {
    try {
      history?.append(recordOf(sample));
      lost = false;
    } catch (error) {
      if (!(error instanceof HealthError)) throw error;
      if (!lost) say(`${error.parts.what}; results are not kept until it can`);
      lost = true;
    }
  };
}

function recordOf({ check: { name, kind, severity, intervalMs }, result, shown, time }: Sample) {
  return { v: 1, t: time, check: name, kind, severity, status: result.status, shown: shown.status, ms: result.ms, every: intervalMs, ...(result.reason === undefined ? {} : { reason: result.reason }) } as const;
}

interface View {
  say(line: string): void;
  change(change: Change): void;
  end(): void;
}

/** On a terminal a table that is written over; otherwise a line for each change. */
function viewOf(chosen: readonly Check[], { live = process.stdout.isTTY, json = false }: MonitorExecutorOptions, samples: () => readonly Sample[]): View {
  if (json) return { say: () => undefined, change: (change) => { print(JSON.stringify(changeDocument(change))); }, end: () => undefined };
  if (!live) return { say: (line) => { print(`${new Date().toISOString()} ${line}`); }, change: (change) => { print(`${new Date(change.time).toISOString()} ${changeText(change)}`); }, end: () => undefined };
  const screen = createScreen(process.stdout);
  const draw = (): void => { screen.draw(samples(), chosen.length); };
  const timer = setInterval(draw, DRAW_MS);
  return {
    say: (line) => { screen.say(line); },
    change: (change) => { if (change.from !== undefined) screen.say(`${new Date(change.time).toISOString()} ${changeText(change)}`); },
    end: () => {
      clearInterval(timer);
      draw();
      screen.end();
    },
  };
}

function changeText({ check, from, to, reason }: Change): string {
  return `${check === undefined ? 'all checks' : check.name}: ${from === undefined ? '' : `${from} -> `}${to}${reason === undefined ? '' : `: ${reason}`}`;
}

function changeDocument({ check, from, to, reason, time }: Change): object {
  return { time: new Date(time).toISOString(), ...(check === undefined ? {} : { check: check.name }), ...(from === undefined ? {} : { from }), to, ...(reason === undefined ? {} : { reason }) };
}

function print(text: string): void {
  process.stdout.write(`${printable(text, 4_000)}\n`);
}

/** Returns what takes the listeners away again. */
function onSignals(stop: () => void): () => void {
  SIGNALS.forEach((name) => { process.on(name, stop); });
  return () => { SIGNALS.forEach((name) => { process.off(name, stop); }); };
}
