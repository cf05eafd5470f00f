import type { IncomingHttpHeaders } from 'node:http';
import { Failure } from './failure.js';
import type { Kind } from './report.js';

/** One request on its way. */
export class Shot {
  retried = false;
  release: string | undefined;
  readonly #abort = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #answered = false;

  /** `due`: when it had to be sent, on the monotonic clock. `timeout`: ms until it is given up. */
  constructor(readonly kind: Kind, readonly id: string, readonly due: number, timeout: number) {
    this.#timer = setTimeout(() => this.abort(`not finished ${timeout} ms after it was sent`), timeout);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Whether an answer has begun: what breaks from then on is cut, not failed. */
  get hasAnswer(): boolean {
    return this.#answered;
  }

  /** Called with the first headers of the answer. */
  answered(headers: IncomingHttpHeaders): void {
    this.#answered = true;
    const release = headers['x-release'];
    if (typeof release === 'string') this.release = release;
  }

  abort(reason: string): void {
    this.#abort.abort(reason);
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  /** What an error of this request means: the reason of an abort wins over the error that the abort caused. */
  failureOf(thrown: unknown): Failure {
    if (this.signal.aborted) return new Failure(this.#answered ? 'cut' : 'failed', String(this.signal.reason));
    if (thrown instanceof Failure) return thrown;
    return new Failure('failed', thrown instanceof Error ? thrown.message : String(thrown));
  }
}
