/** Splits a byte stream into lines with bounded memory. */

export interface LineOptions {
  /** Characters of the longest line that is given out. */
  readonly limit: number;
  /** `pieces`: a longer line is given out in several parts. `cut`: what is over the limit is dropped, and {@link CUT} in its place says so. */
  readonly long: 'pieces' | 'cut';
  /** Applied to the text before it is parted. */
  readonly replace?: (text: string) => string;
  /** Characters of the longest text that `replace` looks for: a part never ends within one. */
  readonly longest?: number;
}

export const CUT = ' [cut]';

export interface LineSplitter {
  push(chunk: Buffer): void;
  /** Gives out what has no line feed yet. */
  end(): void;
}

/** Lines end with LF or CRLF; bytes that are no UTF-8 become U+FFFD. */
export function lineSplitter(options: LineOptions, onLine: (line: string) => void): LineSplitter {
  const { limit, long, replace = (text: string) => text, longest = 0 } = options;
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let rest = '';
  /** The rest of a line that was cut is passed over. */
  let passing = false;
  const first = (text: string): string => (long === 'cut' && text.length > limit ? `${text.slice(0, limit)}${CUT}` : text.slice(0, limit));
  const whole = (line: string): void => {
    if (!passing) {
      const text = replace(line.endsWith('\r') ? line.slice(0, -1) : line);
      onLine(first(text));
      if (long === 'pieces') for (let from = limit; from < text.length; from += limit) onLine(text.slice(from, from + limit));
    }
    passing = false;
  };
  const part = (): void => {
    while (rest.length > limit + longest) {
      if (!passing) rest = replace(rest);
      // What was replaced may be shorter: the end may then hold the beginning of something to replace, too near to the limit.
      if (rest.length <= limit + longest) return;
      if (!passing) onLine(first(rest));
      if (long === 'cut') passing = true;
      rest = passing ? '' : rest.slice(limit);
    }
  };
  return {
    push(chunk) {
      const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = parts.pop() ?? '';
      parts.forEach(whole);
      part();
    },
    end() {
      rest += decoder.decode();
      if (rest !== '') whole(rest);
      rest = '';
      passing = false;
    },
  };
}
