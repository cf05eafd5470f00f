import type { Fault } from './report.js';

/** Why a request is not ok. */
export class Failure extends Error {
  override readonly name = 'Failure';
  constructor(readonly fault: Fault, message: string) {
    super(message);
  }
}

/** A connection that broke before an answer began. */
export class NoAnswer extends Failure {
  constructor(readonly code: string | undefined, message: string, readonly reusedSocket: boolean) {
    super('failed', message);
  }

  /** Whether the server just closed an idle connection: then every client sends an idempotent request again. */
  get staleConnection(): boolean {
    return this.reusedSocket && (this.code === 'ECONNRESET' || this.code === 'EPIPE');
  }
}

const codeOf = (error: Error): string | undefined => ('code' in error && typeof error.code === 'string' ? error.code : undefined);

export function noAnswer(error: Error, reusedSocket: boolean): NoAnswer {
  const code = codeOf(error);
  return new NoAnswer(code, code === undefined || error.message.includes(code) ? error.message : `${code}: ${error.message}`, reusedSocket);
}

export function cut(error: unknown, after: string): Failure {
  return new Failure('cut', `${error instanceof Error ? error.message : String(error)} after ${after}`);
}

/** The beginning of an answer for a message: one line of printable ASCII. */
export function excerpt(body: Buffer): string {
  return body.subarray(0, 120).toString('latin1').replace(/[^\x20-\x7e]+/g, ' ').trim();
}
