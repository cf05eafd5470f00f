import type { Ms } from '../model/index.js';
import type { Segment } from './color.js';
import { BasePrinter, LABEL_WIDTH, styleOf, took, type Counted, type StageState } from './printer.js';
import { sanitize } from './sanitize.js';
import { trafficText } from './traffic.js';

/** A reason to wait that goes on is repeated no more often than this. */
const REPEAT: Ms = 5_000;
/** The figures of the traffic are told no more often than this. */
const FIGURES: Ms = 10_000;

/** Lines with the time, for logs of a pipeline. */
export class LinePrinter extends BasePrinter {
  private current: string | undefined;
  private readonly told = new Map<string, Ms>();
  /** When progress was told, or the part that it belongs to began. */
  private progressed: Ms = 0;
  private figures: { readonly text: string; readonly at: Ms } | undefined;

  override end(): void {
    this.current = undefined;
  }

  override progress(text: string): void {
    if (this.now() - this.progressed < REPEAT) return;
    this.progressed = this.now();
    this.keep(this.current ?? 'progress', [[sanitize(text)]]);
  }

  protected override stage(stage: string, state: StageState, ms: Ms | undefined): void {
    this.current = state === 'start' ? stage : undefined;
    this.progressed = this.now();
    this.keep(stage, [[`${state === 'start' ? 'started' : state}${took(state, ms)}`, styleOf(state)]]);
  }

  protected override step(text: string): void {
    // What the step before waited for is waited for anew.
    this.told.clear();
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

  protected override traffic(counted: Counted): void {
    const text = trafficText(counted);
    const at = this.now();
    if (text === '' || text === this.figures?.text || at - (this.figures?.at ?? -FIGURES) < FIGURES) return;
    this.figures = { text, at };
    this.keep('traffic', [[text]]);
  }

  protected override keep(label: string, segments: readonly Segment[]): void {
    const time = `${new Date(this.now()).toISOString().slice(0, 19)}Z`;
    this.write(`${this.render([[time, 'dim'], [`  ${label.padEnd(LABEL_WIDTH)}  `], ...segments])}\n`);
  }

  protected override raw(lines: readonly string[]): void {
    this.write(`${lines.join('\n')}\n`);
  }
}
