import { stripVTControlCharacters } from 'node:util';
import { DeployError } from '../errors.js';
import type { DeployEvent, Figures, Observed } from '../model/index.js';
import { createPrinter, type Printer } from './print.js';
import { Screen } from './screen.spec-support.js';

const A = 'r0123456789ab';
const B = 'rba9876543210';
let now: number;
let screen: Screen;
let printer: Printer;
beforeEach(() => {
  jest.useFakeTimers();
  open();
});
afterEach(() => {
  printer.end();
  jest.useRealTimers();
});

function open(columns = 80, rows = 24, color = false): void {
  now = Date.UTC(2026, 0, 31, 12);
  screen = new Screen(columns, rows);
  printer = createPrinter({ stream: screen, tty: true, color, now: () => now });
}

function tell(...events: readonly DeployEvent[]): void {
  events.forEach((event) => printer.event(event));
}

function pass(ms: number): void {
  now += ms;
  jest.advanceTimersByTime(ms);
}

function counted(requests: number, errors: number, p95: number, ejected = 0): Figures {
  return { requests, errors, ejected, latency: { p50: 1, p95, p99: p95 * 2 } };
}

function fleet(a: number, b: number, weight: number): Observed {
  return {
    [A]: { processes: { web: { running: a, ready: a, draining: 0 }, worker: { running: 1, ready: 1, draining: 0 } }, weight: 100 - weight },
    [B]: { processes: { web: { running: b, ready: b - 1, draining: 2 } }, weight },
  };
}

const walking: readonly DeployEvent[] = [
  { type: 'stage', stage: 'walk', state: 'start' },
  { type: 'step', index: 1, of: 4, desired: { [A]: { processes: { web: { fixed: 4 } }, weight: 95 }, [B]: { processes: { web: { fixed: 2 } }, weight: 5 } } },
  { type: 'fleet', observed: fleet(4, 2, 5) },
];
const traffic: DeployEvent = { type: 'traffic', window: 12_000, releases: { [A]: counted(12_345, 0, 12), [B]: counted(63, 2, 1_500, 1) } };
const block = [
  `  ${A}  4/4 ready  95%  12345 requests              0 errors  p95 12ms  worker 1/1`,
  `  ${B}  1/2 ready   5%     63 requests  2 errors (1 ejected)  p95 1.5s  2 draining`,
];

test('below the line of the stage: one line per release, in columns, written over', () => {
  open(120);
  tell(...walking, traffic);
  pass(1_000);
  const line = `walk          1.0s    step 2/4: ${A} 4@95, ${B} 2@5`;
  expect(screen.text).toEqual([line, ...block]);
  tell({ type: 'traffic', window: 13_000, releases: { [A]: counted(12_345, 0, 12), [B]: counted(64, 2, 1_500, 1) } });
  expect(screen.text).toEqual([line, block[0], block[1]?.replace('63', '64')]);
  expect(screen.wraps).toBe(0);
});

test('the block vanishes with the stage, and nothing of it is left', () => {
  open(160);
  tell({ type: 'note', text: 'before' }, ...walking, traffic, { type: 'fleet', observed: { [B]: { processes: { web: { running: 2, ready: 2, draining: 0 } }, weight: 100 } } });
  pass(2_000);
  tell({ type: 'stage', stage: 'walk', state: 'done', ms: 2_000 });
  printer.line('after');
  expect(screen.text).toEqual(['note          before', `walk          2.0s    done  ${B} 2/2 ready 100%`, 'after', '']);
});

test('what is printed meanwhile stands above it, and an end in the middle (Ctrl-C) clears it', () => {
  tell(...walking, traffic);
  tell({ type: 'output', source: 'preDeploy', line: 'hello' });
  printer.line('SIGINT: asking the agent to restore what ran before');
  pass(400);
  expect(screen.text.slice(0, 2)).toEqual(['output        preDeploy: hello', 'SIGINT: asking the agent to restore what ran before']);
  expect(screen.text).toHaveLength(5);
  printer.end();
  printer.error(new DeployError('ND-CANCELLED', { what: 'it was cancelled' }));
  expect(screen.text.slice(2)).toEqual([expect.stringMatching(/^walk +400ms +stopped/), 'error ND-CANCELLED: it was cancelled', '']);
  pass(5_000);
  expect(screen.text).toHaveLength(5);
  expect(jest.getTimerCount()).toBe(0);
});

test.each([20, 25, 40, 60, 80, 200])('no line wraps, nor does an echoed ^C, at %i columns', (columns) => {
  open(columns);
  tell({ type: 'note', text: 'short' }, ...walking, traffic, { type: 'waiting', release: B, for: 'x'.repeat(300), ms: 60_000 });
  pass(1_000);
  screen.write('^C');
  expect(screen.wraps).toBe(0);
  expect(screen.text).toHaveLength(5);
  tell({ type: 'stage', stage: 'walk', state: 'failed' });
  expect(screen.text).toEqual(['note          short'.slice(0, columns), expect.stringContaining('walk'), '']);
});

test('a window that changes its size loses no line of anybody else', () => {
  open(120);
  printer.line('the line above');
  tell(...walking, traffic);
  for (const columns of [60, 30, 100, 40, 140]) {
    screen.resize(columns);
    pass(200);
    tell(traffic);
  }
  tell({ type: 'stage', stage: 'walk', state: 'done', ms: 1 });
  expect(screen.text).toEqual(['the line above', expect.stringMatching(/^walk +1ms +done/), '']);
  expect(screen.wraps).toBe(0);
});

test.each([[3, 2], [2, 1], [1, 1], [0, 3]])('a window of %i rows shows %i lines of it', (rows, lines) => {
  open(120, rows);
  printer.line('above');
  tell(...walking, traffic);
  pass(600);
  tell({ type: 'stage', stage: 'walk', state: 'done', ms: 1 });
  expect(screen.text).toEqual(['above', expect.stringMatching(/^walk +1ms +done/), '']);
  open(120, rows);
  tell(...walking, traffic);
  expect(screen.text).toHaveLength(lines);
});

test('a release that has gone stays as long as the router counts it; one without requests has no p95', () => {
  open(120);
  tell(...walking, traffic, { type: 'fleet', observed: { [A]: { processes: { web: { running: 4, ready: 4, draining: 0 } }, weight: 100 } } });
  expect(screen.text[2]).toContain(`${B}  0/0 ready    0%     63 requests`);
  tell({ type: 'traffic', window: 1, releases: { [A]: counted(0, 0, 0), [B]: counted(0, 0, 0) } });
  expect(screen.text.slice(1)).toEqual([`  ${A}  4/4 ready  100%  0 requests  0 errors  p95 -`]);
});

test('a soak shows the time that is left, until it is over', () => {
  tell(...walking, { type: 'waiting', release: B, for: 'soak of 10m 00s', ms: 600_000 });
  expect(screen.text[1]).toBe(`  waiting for ${B}: soak of 10m 00s, 10m 00s left`);
  pass(168_000);
  expect(screen.text[1]).toBe(`  waiting for ${B}: soak of 10m 00s, 7m 12s left`);
  tell(traffic);
  expect(screen.text[1]).toBe(`  waiting for ${B}: soak of 10m 00s, 7m 12s left`);
  expect(screen.text).toHaveLength(4);
  pass(600_000);
  expect(screen.text[1]).toBe(`  waiting for ${B}: soak of 10m 00s`);
  tell({ type: 'step', index: 2, of: 4, desired: {} });
  expect(screen.text).toHaveLength(3);
});

test('a watch after the last stage has a line of its own', () => {
  tell({ type: 'stage', stage: 'record', state: 'start' }, { type: 'stage', stage: 'record', state: 'done', ms: 5 }, { type: 'waiting', release: B, for: 'a watch of 30.0s', ms: 30_000 });
  pass(10_000);
  expect(screen.text.slice(1)).toEqual(['watch         10.0s', `  waiting for ${B}: a watch of 30.0s, 20.0s left`]);
  printer.end();
  expect(screen.text).toEqual(['record        5ms     done', 'watch         10.0s   ended', '']);
});

test('colour changes no column, and figures that are bad are red', () => {
  tell(...walking, traffic);
  const plain = screen.text;
  open(80, 24, true);
  tell(...walking, traffic);
  expect(screen.text).toEqual(plain);
  expect(screen.written).toContain('\u001b[31m  2 errors (1 ejected)');
});

test('names from elsewhere are made printable', () => {
  tell({ type: 'stage', stage: 'walk', state: 'start' }, { type: 'traffic', window: 1, releases: { 'r\u001b[2J\u00e9\n': counted(1, 0, 1) } });
  expect(screen.text[1]).toContain('  r\\u{e9}\\n  0/0 ready');
  expect(stripVTControlCharacters(screen.written).replaceAll('\r', '')).toMatch(/^[\n\x20-\x7e]*$/);
});
