/** A stream that is read by numbers of bytes. */
export class Bytes {
  readonly #source: AsyncIterator<Buffer>;
  readonly #tooShort: () => Error;
  #rest: Buffer = Buffer.alloc(0);

  /** @param tooShort what is thrown when the stream ends within what is asked for */
  constructor(source: AsyncIterable<Buffer>, tooShort: () => Error) {
    this.#source = source[Symbol.asyncIterator]();
    this.#tooShort = tooShort;
  }

  /** Exactly so many, in one piece. */
  async take(count: number): Promise<Buffer> {
    while (this.#rest.length < count) this.#rest = Buffer.concat([this.#rest, await this.#next()]);
    return this.#cut(count);
  }

  /** The same at once when they are here already, which most are of a stream of small files: awaiting each costs more than unpacking it. */
  now(count: number): Buffer | undefined {
    return this.#rest.length < count ? undefined : this.#cut(count);
  }

  /** Exactly so many, piece by piece. */
  async *pieces(count: number): AsyncGenerator<Buffer> {
    for (let left = count; left > 0;) {
      if (this.#rest.length === 0) this.#rest = await this.#next();
      const piece = this.#cut(Math.min(left, this.#rest.length));
      left -= piece.length;
      yield piece;
    }
  }

  /** Reads on to the end, which is where a stream that verifies itself fails; the number of bytes. */
  async rest(): Promise<number> {
    let count = this.#rest.length;
    for (;;) {
      const next = await this.#source.next();
      if (next.done === true) return count;
      count += next.value.length;
    }
  }

  async #next(): Promise<Buffer> {
    const next = await this.#source.next();
    if (next.done === true) throw this.#tooShort();
    return next.value;
  }

  #cut(count: number): Buffer {
    const piece = this.#rest.subarray(0, count);
    this.#rest = this.#rest.subarray(count);
    return piece;
  }
}
