/** Calls `fire` at a fixed rate, whatever becomes of what it starts: an open model, as the public is. */
export class Pace {
  #timer: NodeJS.Timeout | undefined;
  #fired = 0;
  readonly start = performance.now();

  /** `rate` per second; `fire` gets the time at which it was due, which is earlier than now when the process was late. */
  constructor(private readonly rate: number, private readonly fire: (due: number) => void) {
    this.#wake();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #due(): number {
    return this.start + (this.#fired * 1000) / this.rate;
  }

  #wake(): void {
    const now = performance.now();
    for (let due = this.#due(); due <= now; due = this.#due()) {
      this.#fired += 1;
      this.fire(due);
    }
    this.#timer = setTimeout(() => this.#wake(), Math.max(1, this.#due() - now));
  }
}
