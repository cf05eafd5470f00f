import type { IncomingMessage, ServerResponse } from 'node:http';

/** Answers under way, so that a shutdown can wait for the last of them. */
export class Traffic {
  readonly #open = new Set<ServerResponse>();
  readonly #idle: (() => void)[] = [];
  #served = 0;
  #draining = false;

  get draining(): boolean {
    return this.#draining;
  }

  get inFlight(): number {
    return this.#open.size;
  }

  /** Requests taken since the start. */
  get served(): number {
    return this.#served;
  }

  track(_request: IncomingMessage, response: ServerResponse): void {
    this.#served += 1;
    this.#open.add(response);
    if (this.#draining) response.setHeader('connection', 'close');
    response.once('close', () => {
      this.#open.delete(response);
      if (this.#open.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
    });
  }

  /** From here on every answer tells its client to leave the connection. */
  drain(): void {
    this.#draining = true;
    for (const response of this.#open) if (!response.headersSent) response.setHeader('connection', 'close');
  }

  /** Resolves when nothing is in flight. */
  idle(): Promise<void> {
    return this.#open.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#idle.push(resolve));
  }
}
