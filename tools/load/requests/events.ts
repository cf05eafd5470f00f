import { cut, Failure } from '../failure.js';
import type { Shot } from '../shot.js';
import type { Wire } from '../wire.js';

interface SentEvent {
  readonly id: string | undefined;
  readonly event: string;
  readonly data: string;
}

/** The fields of one block between empty lines (HTML Living Standard, section 9.2.6). */
function eventOf(block: string): SentEvent {
  const field = (name: string): string | undefined =>
    block.split('\n').find((line) => line.startsWith(`${name}:`))?.slice(name.length + 1).trimStart();
  return { id: field('id'), event: field('event') ?? 'message', data: field('data') ?? '' };
}

/** Follows one stream: ids 1 to `count`, each once and in order, then `end`. */
class Stream {
  next = 1;
  ended = false;
  #rest = '';

  constructor(private readonly count: number) {}

  take(text: string): void {
    const blocks = (this.#rest + text).split('\n\n');
    this.#rest = blocks.pop() ?? '';
    for (const block of blocks) if (!block.startsWith(':')) this.#event(eventOf(block));
  }

  finish(): void {
    if (!this.ended) throw new Failure('cut', `the stream ended after event ${this.next - 1} of ${this.count}, without event end`);
    if (this.#rest.trim() !== '') throw new Failure('cut', 'the stream ended within an event');
  }

  #event({ id, event }: SentEvent): void {
    if (event === 'end') {
      if (this.ended) throw new Failure('duplicated', 'event end came twice');
      if (this.next <= this.count) throw new Failure('cut', `event end came after event ${this.next - 1} of ${this.count}`);
      this.ended = true;
      return;
    }
    const number = Number(id);
    if (number < this.next) throw new Failure('duplicated', `event ${number} came again before event ${this.next}`);
    if (number !== this.next || this.ended) throw new Failure('wrong', `event ${String(id)} came where ${this.ended ? 'none' : this.next} had to`);
    this.next += 1;
  }
}

export async function events(shot: Shot, wire: Wire, { count, interval }: { count: number; interval: number }): Promise<void> {
  const response = await wire.send(shot, { method: 'GET', path: `/events?count=${count}&interval=${interval}`, reuse: true });
  const stream = new Stream(count);
  response.setEncoding('utf8');
  try {
    for await (const text of response as AsyncIterable<string>) stream.take(text);
  } catch (error) {
    throw error instanceof Failure ? error : cut(error, `event ${stream.next - 1} of ${count}`);
  }
  stream.finish();
}
