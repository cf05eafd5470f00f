/** wrk: a load generator in C that takes little of a core itself, so that it is the proxy that is measured. */
import { run } from './programs.js';

export interface Throughput {
  /** Answers per second. */
  readonly rate: number;
  readonly requests: number;
  /** Connections that failed and answers that were no 2xx or 3xx. */
  readonly failed: number;
}

/** What wrk prints. Throws when it is not what is known. */
export function readWrk(text: string): Throughput {
  const figure = (pattern: RegExp): number | undefined => {
    const found = pattern.exec(text)?.[1];
    return found === undefined ? undefined : Number(found);
  };
  const rate = figure(/^Requests\/sec:\s+([\d.]+)$/m);
  const requests = figure(/^\s*(\d+) requests in /m);
  if (rate === undefined || requests === undefined) throw new Error(`wrk printed no figures:\n${text}`);
  const socket = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text);
  const broken = (socket?.slice(1) ?? []).reduce((sum, count) => sum + Number(count), 0);
  return { rate, requests, failed: broken + (figure(/Non-2xx or 3xx responses: (\d+)/) ?? 0) };
}

/** Asks over kept connections, each again as soon as it is answered. One thread. */
export async function askAsFastAsPossible(url: string, options: { readonly connections: number; readonly seconds: number }): Promise<Throughput> {
  const { connections, seconds } = options;
  return readWrk((await run(['wrk', '-t', '1', '-c', String(connections), '-d', `${seconds}s`, '--timeout', '5s', url], (seconds + 20) * 1_000)).stdout);
}
