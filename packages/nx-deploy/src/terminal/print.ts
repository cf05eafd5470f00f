import { formatError, type DeployError } from '../errors.js';
import { formatDuration, type DeployEvent, type Ms, type StageName } from '../model/index.js';
import { painter, type Style } from './color.js';
import { fleetText, observedText } from './describe.js';
import { ascii, asciiWithColors, sanitize, sanitizeLines } from './sanitize.js';

export interface PrintStream {
  write(text: string): unknown;
  readonly columns?: number;
  on?(event: 'error', listener: (error: Error) => void): unknown;
}

export interface Printer {
  event(event: DeployEvent): void;
  error(error: DeployError): void;
  /** One or several lines, uncut; what is not printable is escaped as in JSON, so that a line of JSON stays the same JSON. Colours pass where there is colour. */
  line(text: string): void;
  /** Finishes the live line and stops its clock. Idempotent; nothing may be printed afterwards but by `line` and `error`. */
  end(): void;
}

export interface PrinterOptions {
  readonly stream: PrintStream;
  /** Lines can be written over: one live line per stage. Otherwise lines with the time. */
  readonly tty: boolean;
  readonly color: boolean;
  /** Milliseconds since 1970. */
  readonly now?: () => Ms;
}

type Segment = readonly [text: string, style?: Style];

const TICK: Ms = 200;
/** A reason to wait that goes on is repeated no more often than this. */
const REPEAT: Ms = 5_000;
const LABEL_WIDTH = 12;
const CLEAR = '\r\u001b[K';

/** What is written to is often gone before a deploy ends (a closed terminal, a pipe to `head`); that is no reason to end the deploy. */
const guarded = new WeakSet<PrintStream>();

/** Shows a deploy as it goes on. Knows nothing of colour depth or wide characters: all it prints is ASCII. */
export function createPrinter(options: PrinterOptions): Printer {
  const { stream } = options;
  if (!guarded.has(stream)) {
    guarded.add(stream);
    stream.on?.('error', () => undefined);
  }
  return options.tty ? new LivePrinter(options) : new LinePrinter(options);
}

abstract class BasePrinter implements Printer {
  protected readonly now: () => Ms;
  private readonly paint;
  private lastFleet = '';

  constructor(protected readonly options: PrinterOptions) {
    this.now = options.now ?? Date.now;
    this.paint = painter(options.color);
  }

  abstract end(): void;
  protected abstract stage(stage: StageName, state: 'start' | 'done' | 'failed', ms: Ms | undefined): void;
  protected abstract step(text: string): void;
  protected abstract fleet(text: string): void;
  protected abstract waiting(text: string): void;
  /** A line that stays. */
  protected abstract keep(label: string, segments: readonly Segment[]): void;
  protected abstract raw(lines: readonly string[]): void;

  event(event: DeployEvent): void {
    switch (event.type) {
      case 'plan': this.keep('plan', [[`${sanitize(event.release)}: ${count(event.steps.length, 'step')} from ${fleetText(event.from)}`]]); break;
      case 'stage': this.stage(event.stage, event.state, event.ms); break;
      case 'step': this.step(`step ${event.index + 1}/${event.of}: ${fleetText(event.desired)}`); break;
      case 'waiting': this.waiting(`waiting for ${sanitize(event.release)}: ${sanitize(event.for)}`); break;
      case 'fleet': this.changed(observedText(event.observed)); break;
      case 'output': this.keep('output', [[`${sanitize(event.source)}: ${sanitize(event.line)}`, 'dim']]); break;
      case 'restore': this.keep('restore', [[sanitize(event.reason), 'warn']]); break;
      case 'note': this.keep('note', [[sanitize(event.text)]]); break;
    }
  }

  error(error: DeployError): void {
    const [first = '', ...rest] = formatError(error).split('\n').flatMap((line) => sanitizeLines(line));
    this.raw([this.paint('bad', first), ...rest]);
  }

  line(text: string): void {
    this.raw(text.split('\n').map(this.options.color ? asciiWithColors : ascii));
  }

  private changed(text: string): void {
    if (text === this.lastFleet) return;
    this.lastFleet = text;
    this.fleet(text);
  }

  /** At most `width` characters, colours not counted. */
  protected render(segments: readonly Segment[], width = Infinity): string {
    let left = width;
    let text = '';
    for (const [part, style = 'plain'] of segments) {
      text += this.paint(style, part.slice(0, Math.max(0, left)));
      left -= part.length;
    }
    return text;
  }

  protected write(text: string): void {
    try {
      this.options.stream.write(text);
    } catch {
      // As above: nobody reads any more.
    }
  }
}

/** Lines with the time, for logs of a pipeline. */
class LinePrinter extends BasePrinter {
  private current: StageName | undefined;
  private readonly told = new Map<string, Ms>();

  override end(): void {
    this.current = undefined;
  }

  protected override stage(stage: StageName, state: 'start' | 'done' | 'failed', ms: Ms | undefined): void {
    this.current = state === 'start' ? stage : undefined;
    const took = ms === undefined ? '' : ` ${state === 'done' ? 'in' : 'after'} ${formatDuration(ms)}`;
    this.keep(stage, [[`${state === 'start' ? 'started' : state}${took}`, styleOf(state)]]);
  }

  protected override step(text: string): void {
    this.keep(this.current ?? 'walk', [[text]]);
  }

  protected override fleet(text: string): void {
    this.keep('fleet', [[text]]);
  }

  protected override waiting(text: string): void {
    const now = this.now();
    const before = this.told.get(text);
    if (before !== undefined && now - before < REPEAT) return;
    this.told.set(text, now);
    this.keep(this.current ?? 'walk', [[text]]);
  }

  protected override keep(label: string, segments: readonly Segment[]): void {
    const time = `${new Date(this.now()).toISOString().slice(0, 19)}Z`;
    this.write(`${this.render([[time, 'dim'], [`  ${label.padEnd(LABEL_WIDTH)}  `], ...segments])}\n`);
  }

  protected override raw(lines: readonly string[]): void {
    this.write(`${lines.join('\n')}\n`);
  }
}

/** One line per stage, written over until the stage ends; everything else appears above it. */
class LivePrinter extends BasePrinter {
  private current: { readonly stage: StageName; readonly since: Ms; step: string; fleet: string; waiting: string } | undefined;
  private timer: NodeJS.Timeout | undefined;
  private shown = false;

  override end(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    if (this.current !== undefined) this.finish('stopped', 'warn', this.now() - this.current.since);
  }

  protected override stage(stage: StageName, state: 'start' | 'done' | 'failed', ms: Ms | undefined): void {
    if (state === 'start') {
      if (this.current !== undefined) this.finish('done', 'good', this.now() - this.current.since);
      this.current = { stage, since: this.now(), step: '', fleet: '', waiting: '' };
      this.timer ??= setInterval(() => { this.draw(); }, TICK).unref();
      this.draw();
      return;
    }
    this.current ??= { stage, since: this.now(), step: '', fleet: '', waiting: '' };
    this.finish(state, styleOf(state), ms ?? this.now() - this.current.since);
  }

  protected override step(text: string): void {
    this.show((current) => { current.step = text; current.waiting = ''; });
  }

  protected override fleet(text: string): void {
    this.show((current) => { current.fleet = text; });
  }

  protected override waiting(text: string): void {
    this.show((current) => { current.waiting = text; });
  }

  protected override keep(label: string, segments: readonly Segment[]): void {
    this.raw([this.render([[`${label.padEnd(LABEL_WIDTH)}  `, 'dim'], ...segments])]);
  }

  protected override raw(lines: readonly string[]): void {
    this.write(`${this.shown ? CLEAR : ''}${lines.join('\n')}\n`);
    this.shown = false;
    this.draw();
  }

  private show(change: (current: NonNullable<LivePrinter['current']>) => void): void {
    if (this.current === undefined) return;
    change(this.current);
    this.draw();
  }

  private draw(): void {
    if (this.current === undefined) return;
    const { stage, since, step, fleet, waiting } = this.current;
    const elapsed = formatDuration(Math.max(0, this.now() - since));
    const facts = [step, fleet, waiting].filter((text) => text !== '');
    this.shown = true;
    this.write(CLEAR + this.render([[stage.padEnd(LABEL_WIDTH), 'strong'], [`  ${elapsed.padEnd(8)}`], [facts.join('; ')]], this.width()));
  }

  private finish(word: string, style: Style, ms: Ms): void {
    const { stage, fleet } = this.current ?? { stage: '', fleet: '' };
    this.current = undefined;
    this.write(`${CLEAR}${this.render([[stage.padEnd(LABEL_WIDTH), 'strong'], [`  ${formatDuration(ms).padEnd(8)}`], [word, style], [fleet === '' ? '' : `  ${fleet}`]], this.width())}\n`);
    this.shown = false;
  }

  /** One column stays free: a line that fills the last one wraps on some terminals and could not be written over. */
  private width(): number {
    const { columns } = this.options.stream;
    return Math.max(20, columns === undefined || columns === 0 ? 80 : columns) - 1;
  }
}

function styleOf(state: 'start' | 'done' | 'failed'): Style {
  return state === 'done' ? 'good' : state === 'failed' ? 'bad' : 'plain';
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
