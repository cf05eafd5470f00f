/** A deployment report as data, which Markdown and HTML show each in their way. */

export type Tone = 'good' | 'bad' | 'warning' | 'plain';

export interface Bar {
  readonly label: string;
  readonly value: number;
  /** The value for people. */
  readonly text: string;
  readonly tone: Tone;
}

export type Block =
  | { readonly kind: 'note'; readonly text: string; readonly tone: Tone }
  | { readonly kind: 'facts'; readonly rows: readonly (readonly [string, string])[] }
  | { readonly kind: 'table'; readonly title: string; readonly head: readonly string[]; readonly rows: readonly (readonly string[])[]; readonly folded?: boolean }
  /** Bars from 0 to `most`. */
  | { readonly kind: 'chart'; readonly title: string; readonly bars: readonly Bar[]; readonly most: number };

export interface Section {
  readonly title: string;
  readonly blocks: readonly Block[];
}

export interface Report {
  readonly title: string;
  readonly sections: readonly Section[];
}

/** A chart whose longest bar is the largest value. */
export function chart(title: string, bars: readonly Bar[]): Block {
  return { kind: 'chart', title, bars, most: Math.max(1, ...bars.map(({ value }) => value)) };
}
