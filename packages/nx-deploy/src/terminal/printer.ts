/** What every printer does: turns events into words. How a line gets onto the screen is the business of each kind. */
import { formatError, type DeployError } from '../errors.js';
import { formatDuration, type DeployEvent, type Figures, type Ms, type Observed, type ReleaseId } from '../model/index.js';
import { painter, type Segment, type Style } from './color.js';
import { fleetText, observedText } from './describe.js';
import { ascii, asciiWithColors, sanitize, sanitizeLines } from './sanitize.js';

export interface PrintStream {
  write(text: string): unknown;
  readonly columns?: number;
  readonly rows?: number;
  on?(event: 'error', listener: (error: Error) => void): unknown;
}

export interface Printer {
  event(event: DeployEvent): void;
  /** A part of a longer work that is no deploy, shown as a stage of one is. `ms`: how long it took. */
  phase(name: string, state: StageState, ms?: Ms): void;
  /** How far the part under way is: replaces what was said before, and is left out where lines stay and the last one is fresh. */
  progress(text: string): void;
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

/** Per release, since the change began. */
export type Counted = Readonly<Record<ReleaseId, Figures>>;
export type StageState = 'start' | 'done' | 'failed';

export const LABEL_WIDTH = 12;

export abstract class BasePrinter implements Printer {
  protected readonly now: () => Ms;
  private readonly paint;
  private lastFleet = '';

  constructor(protected readonly options: PrinterOptions) {
    this.now = options.now ?? Date.now;
    this.paint = painter(options.color);
  }

  abstract end(): void;
  abstract progress(text: string): void;
  protected abstract stage(stage: string, state: StageState, ms: Ms | undefined): void;
  protected abstract step(text: string): void;
  protected abstract fleet(text: string, observed: Observed): void;
  /** `ms`: how long it will take, where that is known. */
  protected abstract waiting(text: string, ms: Ms | undefined): void;
  protected abstract traffic(counted: Counted): void;
  /** A line that stays. */
  protected abstract keep(label: string, segments: readonly Segment[]): void;
  protected abstract raw(lines: readonly string[]): void;

  event(event: DeployEvent): void {
    switch (event.type) {
      case 'plan': this.keep('plan', [[`${sanitize(event.release)}: ${count(event.steps.length, 'step')} from ${fleetText(event.from)}`]]); break;
      case 'stage': this.stage(event.stage, event.state, event.ms); break;
      case 'step': this.step(`step ${event.index + 1}/${event.of}: ${fleetText(event.desired)}`); break;
      case 'waiting': this.waiting(`waiting for ${sanitize(event.release)}: ${sanitize(event.for)}`, event.ms); break;
      case 'fleet': this.changed(event.observed); break;
      case 'traffic': this.traffic(event.releases); break;
      case 'output': this.keep('output', [[`${sanitize(event.source)}: ${sanitize(event.line)}`, 'dim']]); break;
      case 'restore': this.keep('restore', [[sanitize(event.reason), 'warn']]); break;
      case 'note': this.keep('note', [[sanitize(event.text)]]); break;
    }
  }

  phase(name: string, state: StageState, ms?: Ms): void {
    this.stage(sanitize(name), state, ms);
  }

  error(error: DeployError): void {
    const [first = '', ...rest] = formatError(error).split('\n').flatMap((line) => sanitizeLines(line));
    this.raw([this.paint('bad', first), ...rest]);
  }

  line(text: string): void {
    this.raw(text.split('\n').map(this.options.color ? asciiWithColors : ascii));
  }

  private changed(observed: Observed): void {
    const text = observedText(observed);
    if (text === this.lastFleet) return;
    this.lastFleet = text;
    this.fleet(text, observed);
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
      // What is written to is often gone before a deploy ends; that is no reason to end the deploy.
    }
  }
}

export function styleOf(state: StageState): Style {
  return state === 'done' ? 'good' : state === 'failed' ? 'bad' : 'plain';
}

export function took(state: StageState, ms: Ms | undefined): string {
  return ms === undefined ? '' : ` ${state === 'done' ? 'in' : 'after'} ${formatDuration(ms)}`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
