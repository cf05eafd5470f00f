import { formatDuration, type Ms, type Observed } from '../model/index.js';
import type { Segment, Style } from './color.js';
import { BasePrinter, LABEL_WIDTH, styleOf, type Counted, type StageState } from './printer.js';
import { sanitize } from './sanitize.js';
import { releaseLines } from './traffic.js';

const TICK: Ms = 200;
const CLEAR = '\r\u001b[K';
/** Columns that stay free at the end of a lower line: `^C` is echoed where the cursor stands, and must not wrap. */
const ECHO = 2;

interface Current {
  readonly stage: string;
  /** It says no end of itself (a watch): the next thing to happen ends it. */
  readonly open?: true;
  readonly since: Ms;
  step: string;
  fleet: string;
  waiting: string;
  /** When the wait is over, where that is known. */
  until: Ms | undefined;
  counted: Counted | undefined;
}

/** One line per stage, written over until the stage ends, with one line per release below it once there is traffic; everything else appears above. */
export class LivePrinter extends BasePrinter {
  private current: Current | undefined;
  private observed: Observed = {};
  private timer: NodeJS.Timeout | undefined;
  private shown = false;
  /** How many lines stand below the line of the stage. */
  private below = 0;

  override end(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    this.interrupt('stopped', 'warn');
  }

  override progress(text: string): void {
    this.show((current) => { current.step = sanitize(text); });
  }

  protected override stage(stage: string, state: StageState, ms: Ms | undefined): void {
    if (state === 'start') {
      this.interrupt('done', 'good');
      this.start(this.begin(stage));
      return;
    }
    this.current ??= this.begin(stage);
    this.finish(state, styleOf(state), ms ?? this.now() - this.current.since);
  }

  protected override step(text: string): void {
    this.show((current) => Object.assign(current, { step: text, waiting: '', until: undefined }));
  }

  protected override fleet(text: string, observed: Observed): void {
    this.observed = observed;
    this.show((current) => { current.fleet = text; });
  }

  protected override waiting(text: string, ms: Ms | undefined): void {
    // After the last stage: the command stays to watch.
    if (this.current === undefined && ms !== undefined) this.start({ ...this.begin('watch'), open: true });
    this.show((current) => Object.assign(current, { waiting: text, until: ms === undefined ? undefined : this.now() + ms }));
  }

  protected override traffic(counted: Counted): void {
    this.show((current) => { current.counted = counted; });
  }

  protected override keep(label: string, segments: readonly Segment[]): void {
    this.raw([this.render([[`${label.padEnd(LABEL_WIDTH)}  `, 'dim'], ...segments])]);
  }

  protected override raw(lines: readonly string[]): void {
    this.write(`${this.shown ? this.clear() : ''}${lines.join('\n')}\n`);
    this.shown = false;
    this.draw();
  }

  private begin(stage: string): Current {
    return { stage, since: this.now(), step: '', fleet: '', waiting: '', until: undefined, counted: undefined };
  }

  private start(current: Current): void {
    this.current = current;
    this.timer ??= setInterval(() => { this.draw(); }, TICK).unref();
    this.draw();
  }

  private interrupt(word: string, style: Style): void {
    if (this.current === undefined) return;
    const { open, since } = this.current;
    this.finish(open === true ? 'ended' : word, open === true ? 'plain' : style, this.now() - since);
  }

  private show(change: (current: Current) => void): void {
    if (this.current === undefined) return;
    change(this.current);
    this.draw();
  }

  private draw(): void {
    if (this.current === undefined) return;
    const { stage, since, step, fleet, counted, until } = this.current;
    const elapsed = formatDuration(Math.max(0, this.now() - since));
    const waiting = this.waitingText(this.current);
    const apart = counted !== undefined || until !== undefined;
    const facts = [step, ...(counted === undefined ? [fleet] : []), ...(apart ? [] : [waiting])].filter((text) => text !== '');
    const first = this.render([[stage.padEnd(LABEL_WIDTH), 'strong'], [`  ${elapsed.padEnd(8)}`], [facts.join('; ')]], this.width());
    const lower = [
      ...(apart && waiting !== '' ? [[[`  ${waiting}`]] as const] : []),
      ...(counted === undefined ? [] : releaseLines(this.observed, counted)),
    ].slice(0, this.room()).map((segments) => this.render(segments, this.width() - ECHO));
    const text = this.clear() + [first, ...lower].join('\n');
    this.below = lower.length;
    this.shown = true;
    this.write(text);
  }

  private waitingText({ waiting, until }: Current): string {
    const left = until === undefined ? 0 : until - this.now();
    return left > 0 ? `${waiting}, ${formatDuration(left)} left` : waiting;
  }

  private finish(word: string, style: Style, ms: Ms): void {
    const { stage, fleet } = this.current ?? { stage: '', fleet: '' };
    this.current = undefined;
    this.write(`${this.clear()}${this.render([[stage.padEnd(LABEL_WIDTH), 'strong'], [`  ${formatDuration(ms).padEnd(8)}`], [word, style], [fleet === '' ? '' : `  ${fleet}`]], this.width())}\n`);
    this.shown = false;
  }

  /**
   * To the beginning of what is shown, with nothing behind it. It never goes up by more lines than were written, so a window that was made narrower
   * may keep a wrapped rest of ours, and never loses a line of anybody else.
   */
  private clear(): string {
    const { below } = this;
    this.below = 0;
    return below === 0 ? CLEAR : `\r\u001b[${below}A\u001b[J`;
  }

  /** One column stays free: a line that fills the last one wraps on some terminals and could not be written over. */
  private width(): number {
    const { columns } = this.options.stream;
    return Math.max(20, columns === undefined || columns === 0 ? 80 : columns) - 1;
  }

  /** Lines that fit below the line of the stage: what has left the screen at its top cannot be written over. */
  private room(): number {
    const { rows } = this.options.stream;
    return Math.max(0, (rows === undefined || rows === 0 ? 24 : rows) - 2);
  }
}
