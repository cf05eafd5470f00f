import { EventEmitter } from 'node:events';
import { stripVTControlCharacters } from 'node:util';
import { DeployError } from '../errors.js';
import type { DeployEvent, Observed } from '../model/index.js';
import { createPrinter, type Printer, type PrinterOptions } from './print.js';

const START = Date.UTC(2026, 0, 31, 12, 0, 0);

interface Screen {
  readonly printer: Printer;
  readonly stream: { written: string; columns?: number };
  readonly advance: (ms: number) => void;
}

const open: Printer[] = [];
afterEach(() => { open.splice(0).forEach((printer) => { printer.end(); }); });

function screen(options: Partial<PrinterOptions> & { columns?: number } = {}): Screen {
  let now = START;
  const stream = { written: '', ...(options.columns === undefined ? {} : { columns: options.columns }), write(text: string) { this.written += text; } };
  const printer = createPrinter({ stream, tty: false, color: false, now: () => now, ...options });
  open.push(printer);
  return { printer, stream, advance: (ms) => { now += ms; } };
}

/** What a terminal would show: each line after its last rewrite. */
const visible = (written: string): string[] => written.split('\n').map((line) => line.split('\r\u001b[K').at(-1) ?? '');

const fleet = (ready: number, weight: number): Observed => ({
  ra: { processes: { web: { running: 2, ready: 2, draining: 0 } }, weight: 100 - weight },
  rb: { processes: { web: { running: 2, ready, draining: 1 }, worker: { running: 1, ready: 1, draining: 0 } }, weight },
});
const desired = { ra: { processes: { web: { fixed: 1 } }, weight: 50 }, rb: { processes: { web: { min: 1, max: 3 } }, weight: 50 } };

const deploy: readonly DeployEvent[] = [
  { type: 'plan', release: 'rb', from: { ra: { processes: { web: { fixed: 2 } }, weight: 100 } }, steps: [{ reach: desired }] },
  { type: 'stage', stage: 'validate', state: 'start' },
  { type: 'stage', stage: 'validate', state: 'done', ms: 12 },
  { type: 'note', text: 'something to know' },
  { type: 'stage', stage: 'walk', state: 'start' },
  { type: 'step', index: 0, of: 1, desired },
  { type: 'fleet', observed: fleet(1, 0) },
  { type: 'fleet', observed: fleet(1, 0) },
  { type: 'waiting', release: 'rb', for: 'web.2 answers HTTP 503' },
  { type: 'output', source: 'preDeploy', line: '\u001b[32mgreen\u001b[0m caf\u00e9' },
  { type: 'restore', reason: 'rb did not become ready' },
  { type: 'fleet', observed: {} },
  { type: 'step', index: 0, of: 1, desired: {} },
  { type: 'stage', stage: 'walk', state: 'failed', ms: 65_000 },
];

describe('lines for a pipeline', () => {
  it('carry the time, a label and what happened', () => {
    const { printer, stream, advance } = screen();
    for (const event of deploy) {
      printer.event(event);
      advance(1_000);
    }
    printer.end();
    expect(stream.written.split('\n')).toEqual([
      '2026-01-31T12:00:00Z  plan          rb: 1 step from ra 2@100',
      '2026-01-31T12:00:01Z  validate      started',
      '2026-01-31T12:00:02Z  validate      done in 12ms',
      '2026-01-31T12:00:03Z  note          something to know',
      '2026-01-31T12:00:04Z  walk          started',
      '2026-01-31T12:00:05Z  walk          step 1/1: ra 1@50, rb 1-3@50',
      '2026-01-31T12:00:06Z  fleet         ra 2/2 ready 100%, rb 1/2 ready 0% worker 1/1 (1 draining)',
      '2026-01-31T12:00:08Z  walk          waiting for rb: web.2 answers HTTP 503',
      '2026-01-31T12:00:09Z  output        preDeploy: green caf\\u{e9}',
      '2026-01-31T12:00:10Z  restore       rb did not become ready',
      '2026-01-31T12:00:11Z  fleet         nothing runs',
      '2026-01-31T12:00:12Z  walk          step 1/1: nothing',
      '2026-01-31T12:00:13Z  walk          failed after 1m 05s',
      '',
    ]);
  });

  it('tell of the same wait every five seconds at most, of another at once', () => {
    const { printer, stream, advance } = screen();
    for (let tick = 0; tick < 30; tick += 1) {
      printer.event({ type: 'waiting', release: 'rb', for: 'a' });
      if (tick === 3) printer.event({ type: 'waiting', release: 'rb', for: 'b' });
      advance(500);
    }
    expect(stream.written.trim().split('\n').map((line) => `${line.slice(17, 19)} ${line.at(-1) ?? ''}`)).toEqual(['00 a', '01 b', '05 a', '10 a']);
  });

  it('tell the figures of the traffic every ten seconds at most, and only when they have changed', () => {
    const { printer, stream, advance } = screen();
    const told = (second: number, requests: number): void => printer.event({ type: 'traffic', window: second * 1_000, releases: {
      ra: { requests, errors: 0, ejected: 0, latency: { p50: 1, p95: 12, p99: 20 } }, rb: { requests: Math.floor(requests / 10), errors: 2, ejected: 1, latency: { p50: 1, p95: 1_500, p99: 20 } },
    } });
    for (let second = 0; second < 50; second += 1) {
      told(second, second < 3 ? 0 : second < 12 ? 100 : second < 20 ? 200 : 300);
      advance(1_000);
    }
    expect(stream.written.trim().split('\n')).toEqual([
      '2026-01-31T12:00:03Z  traffic       ra 100 requests, 0 errors, p95 12ms; rb 10 requests, 2 errors (1 ejected), p95 1.5s',
      '2026-01-31T12:00:13Z  traffic       ra 200 requests, 0 errors, p95 12ms; rb 20 requests, 2 errors (1 ejected), p95 1.5s',
      '2026-01-31T12:00:23Z  traffic       ra 300 requests, 0 errors, p95 12ms; rb 30 requests, 2 errors (1 ejected), p95 1.5s',
    ]);
  });

  it('tell of a soak once, without the time that is left', () => {
    const { printer, stream } = screen();
    printer.event({ type: 'waiting', release: 'rb', for: 'soak of 10m 00s', ms: 600_000 });
    expect(stream.written).toBe('2026-01-31T12:00:00Z  walk          waiting for rb: soak of 10m 00s\n');
    stream.written = '';
    printer.event({ type: 'step', index: 2, of: 3, desired: { ra: { ...desired.ra, weight: 0, until: '2026-02-01T12:00:00.123Z' }, rb: { ...desired.rb, weight: 100 } } });
    printer.event({ type: 'waiting', release: 'rb', for: 'soak of 10m 00s', ms: 600_000 });
    expect(stream.written).toBe('2026-01-31T12:00:00Z  walk          step 3/3: ra 1@0 until 2026-02-01T12:00:00Z, rb 1-3@100\n2026-01-31T12:00:00Z  walk          waiting for rb: soak of 10m 00s\n');
  });

  it('tell of a stage that took an unknown time', () => {
    const { printer, stream } = screen();
    printer.event({ type: 'stage', stage: 'record', state: 'done' });
    printer.event({ type: 'step', index: 1, of: 3, desired: {} });
    expect(stream.written).toContain('record        done\n');
    expect(stream.written).toContain('walk          step 2/3: nothing\n');
  });
});

describe('a live line', () => {
  beforeEach(() => { jest.useFakeTimers(); });
  afterEach(() => { jest.useRealTimers(); });

  it('is one per stage, and the last state stays', () => {
    const { printer, stream, advance } = screen({ tty: true, columns: 120 });
    for (const event of deploy) {
      printer.event(event);
      advance(1_000);
    }
    printer.end();
    expect(visible(stream.written)).toEqual([
      'plan          rb: 1 step from ra 2@100',
      'validate      12ms    done',
      'note          something to know',
      'output        preDeploy: green caf\\u{e9}',
      'restore       rb did not become ready',
      'walk          1m 05s  failed  nothing runs',
      '',
    ]);
  });

  it('shows the time that passes, the step, the fleet and what it waits for', () => {
    const { printer, stream, advance } = screen({ tty: true, columns: 200 });
    printer.event({ type: 'stage', stage: 'walk', state: 'start' });
    printer.event({ type: 'step', index: 0, of: 2, desired });
    printer.event({ type: 'fleet', observed: fleet(0, 25) });
    printer.event({ type: 'waiting', release: 'rb', for: 'ready' });
    advance(3_200);
    jest.advanceTimersByTime(200);
    expect(visible(stream.written)).toEqual(['walk          3.2s    step 1/2: ra 1@50, rb 1-3@50; ra 2/2 ready 75%, rb 0/2 ready 25% worker 1/1 (1 draining); waiting for rb: ready']);
    printer.event({ type: 'step', index: 1, of: 2, desired: {} });
    expect(visible(stream.written).join()).not.toContain('waiting');
  });

  it.each([[40, 39], [10, 19], [undefined, 79], [0, 79]])('fits a width of %s', (columns, width) => {
    const { printer, stream } = screen({ tty: true, ...(columns === undefined ? {} : { columns }) });
    printer.event({ type: 'stage', stage: 'before-hooks', state: 'start' });
    printer.event({ type: 'waiting', release: 'rb', for: 'x'.repeat(500) });
    expect(visible(stream.written).map((line) => line.length)).toEqual([width]);
  });

  it('comes back below a line that is printed meanwhile', () => {
    const { printer, stream } = screen({ tty: true });
    printer.event({ type: 'stage', stage: 'walk', state: 'start' });
    printer.line('in between');
    expect(visible(stream.written)).toEqual(['in between', 'walk          0ms     ']);
  });

  it('ends once, with what was under way, and stops its clock', () => {
    const { printer, stream, advance } = screen({ tty: true });
    printer.event({ type: 'stage', stage: 'stage', state: 'start' });
    advance(1_500);
    printer.end();
    printer.end();
    jest.advanceTimersByTime(5_000);
    expect(visible(stream.written)).toEqual(['stage         1.5s    stopped', '']);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('finishes a stage that never told its end, and one that never told its start', () => {
    const { printer, stream, advance } = screen({ tty: true });
    printer.event({ type: 'stage', stage: 'stage', state: 'start' });
    advance(100);
    printer.event({ type: 'stage', stage: 'preflight', state: 'start' });
    printer.event({ type: 'stage', stage: 'preflight', state: 'done' });
    printer.event({ type: 'stage', stage: 'record', state: 'done', ms: 5 });
    printer.event({ type: 'fleet', observed: {} });
    expect(visible(stream.written)).toEqual(['stage         100ms   done', 'preflight     0ms     done', 'record        5ms     done', '']);
  });
});

describe('any printer', () => {
  const error = new DeployError('ND-NOT-READY', { what: 'r\u00e9lease is not ready', problems: ['\u001b[31mred\u001b[0m', 'tab\tand\rreturn'], why: 'two\nlines', next: 'look' });

  it.each([true, false])('prints an error in ASCII (tty %s)', (tty) => {
    const { printer, stream } = screen({ tty });
    printer.event({ type: 'stage', stage: 'walk', state: 'start' });
    printer.end();
    stream.written = '';
    printer.error(error);
    expect(stream.written).toBe(['error ND-NOT-READY: r\\u{e9}lease is not ready', '  - red', '  - tab and\\rreturn', '  why: two', 'lines', '  next: look', ''].join('\n'));
  });

  it('keeps a line of JSON the same JSON, however long', () => {
    const { printer, stream } = screen();
    const value = { text: `caf\u00e9 \u{1f600} \u001b[31m \u0085 ${'x'.repeat(10_000)}` };
    printer.line(JSON.stringify(value));
    expect(stream.written).toMatch(/^[\x20-\x7e]+\n$/);
    expect(JSON.parse(stream.written)).toEqual(value);
  });

  it.each([true, false])('colours only what it is told to (tty %s)', (tty) => {
    const plain = screen({ tty });
    const colored = screen({ tty, color: true });
    for (const { printer } of [plain, colored]) {
      deploy.forEach((event) => { printer.event(event); });
      printer.error(error);
    }
    const rewrite = '\r\u001b[K';
    expect(colored.stream.written).toContain('\u001b[31merror');
    const written = (one: Screen): string => one.stream.written.replaceAll(rewrite, '');
    expect(stripVTControlCharacters(written(colored))).toBe(written(plain));
    expect(written(plain)).toMatch(/^[\n\x20-\x7e]+$/);
  });

  it('lets the colours of a line pass where there is colour, and nothing else', () => {
    const line = '\u001b[32mgood\u001b[39m \u001b[2J\u001b]0;x\u0007 \u001b caf\u00e9\u001b[1mx';
    const colored = screen({ color: true });
    const plain = screen();
    colored.printer.line(line);
    plain.printer.line(line);
    expect(colored.stream.written).toBe('\u001b[32mgood\u001b[39m \\u001b[2J\\u001b]0;x\\u0007 \\u001b caf\\u00e9\u001b[1mx\n');
    expect(plain.stream.written).toBe('\\u001b[32mgood\\u001b[39m \\u001b[2J\\u001b]0;x\\u0007 \\u001b caf\\u00e9\\u001b[1mx\n');
  });

  it('survives a stream that is gone', () => {
    const stream = Object.assign(new EventEmitter(), { write: (): boolean => { throw Object.assign(new Error('write EIO'), { code: 'EIO' }); } });
    const printer = createPrinter({ stream, tty: false, color: false });
    createPrinter({ stream, tty: false, color: false });
    printer.event({ type: 'note', text: 'x' });
    expect(stream.listenerCount('error')).toBe(1);
    expect(stream.emit('error', new Error('write EPIPE'))).toBe(true);
  });
});

describe('work that is no deploy', () => {
  test('is lines by the time in a pipeline: progress now and then, not for what is quick', () => {
    const { printer, stream, advance } = screen();
    printer.phase('layers', 'start');
    for (let percent = 0; percent <= 60; percent += 1) {
      printer.progress(`${percent} of 100\u001b[31m`);
      advance(200);
    }
    printer.phase('layers', 'done', 12_200);
    printer.phase('write', 'start');
    printer.progress('quick');
    printer.phase('write', 'failed', 10);
    expect(stream.written.split('\n').map((line) => line.slice(22))).toEqual(['layers        started', 'layers        25 of 100', 'layers        50 of 100', 'layers        done in 12.2s', 'write         started', 'write         failed after 10ms', '']);
  });

  test('is one line for each part on a terminal', () => {
    const { printer, stream, advance } = screen({ tty: true });
    printer.phase('push', 'start');
    advance(1_000);
    printer.progress('1.0 MB of 2.0 MB');
    expect(visible(stream.written)).toEqual([expect.stringMatching(/^push +1\.0s +1\.0 MB of 2\.0 MB$/)]);
    printer.phase('push', 'done', 2_000);
    expect(visible(stream.written)).toEqual([expect.stringMatching(/^push +2\.0s +done$/), '']);
  });
});
