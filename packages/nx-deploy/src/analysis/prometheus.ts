/** Asks a Prometheus, or what speaks as one (Thanos, Mimir, VictoriaMetrics). */
import { isNativeError } from 'node:util/types';
import { errorCode } from '../errors.js';
import type { Ms, ProbeTarget } from '../model/index.js';
import type { Answer, Asker } from './probing.js';

type Target = Extract<ProbeTarget, { type: 'prometheus' }>;

/** No answer to a query for one number is longer. */
const MOST_BYTES = 64 * 1024;

/** Its message is told as it is. */
class TooLong extends Error {}

/**
 * An instant query (HTTP API v1, `POST /api/v1/query`, form encoded so that a long query fits). Its result is a scalar, or a vector of exactly one sample. An empty
 * vector, several samples and NaN say nothing; an infinite number is one like any other.
 */
export function prometheusAsker(target: Target, timeout: Ms, token: string | undefined): Asker {
  return {
    async ask(signal): Promise<Answer> {
      if (target.token !== undefined && token === undefined) return { kind: 'error', reason: `the variable ${target.token} is not set` };
      const late = AbortSignal.timeout(timeout);
      try {
        return read(await post(target, token, AbortSignal.any([signal, late])), target);
      } catch (thrown) {
        return { kind: 'error', reason: late.aborted ? `no answer within ${timeout}ms` : reasonOf(thrown) };
      }
    },
  };
}

interface Reply {
  readonly status: number;
  readonly text: string;
}

async function post({ url, query }: Target, token: string | undefined, signal: AbortSignal): Promise<Reply> {
  const response = await fetch(`${url.replace(/\/+$/, '')}/api/v1/query`, {
    method: 'POST', redirect: 'error', signal, body: new URLSearchParams({ query }),
    headers: { connection: 'close', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
  });
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const body = response.body as AsyncIterable<Uint8Array> | null;
  for await (const chunk of body ?? []) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > MOST_BYTES) throw new TooLong(`its answer is longer than ${MOST_BYTES} bytes: the query must give one number`);
  }
  return { status: response.status, text: Buffer.concat(chunks).toString('utf8') };
}

function read({ status, text }: Reply, target: Target): Answer {
  const answer = parsed(text);
  // What a proxy on the way says of an error may hold the token.
  if (status !== 200 || answer?.status !== 'success') return { kind: 'error', reason: `HTTP ${status}` };
  const samples = samplesOf(answer.data);
  if (samples === undefined) return { kind: 'error', reason: 'its answer is neither a scalar nor a vector' };
  const [value] = samples;
  if (value === undefined) return { kind: 'unknown', reason: 'no data' };
  if (samples.length > 1) return { kind: 'unknown', reason: `${samples.length} samples, where one is needed` };
  if (Number.isNaN(value)) return { kind: 'unknown', reason: 'not a number (NaN)' };
  const good = target.bound === 'below' ? value < target.limit : value > target.limit;
  return good ? { kind: 'good' } : { kind: 'bad', reason: `${value} is not ${target.bound} ${target.limit}` };
}

function parsed(text: string): { readonly status?: unknown; readonly data?: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Values come as `[time, "text"]`: `NaN`, `+Inf` and `-Inf` among them. */
function samplesOf(data: unknown): readonly number[] | undefined {
  if (typeof data !== 'object' || data === null || !('resultType' in data) || !('result' in data) || !Array.isArray(data.result)) return undefined;
  const pairs: unknown = data.resultType === 'scalar' ? [data.result] : data.resultType === 'vector' ? data.result.map((sample: unknown) => (sample as { value?: unknown } | null)?.value) : undefined;
  return Array.isArray(pairs) ? pairs.map((pair: unknown) => (Array.isArray(pair) && typeof pair[1] === 'string' ? numberOf(pair[1]) : NaN)) : undefined;
}

function numberOf(text: string): number {
  if (/^[+-]?Inf$/.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  return text.trim() === '' ? NaN : Number(text);
}

/** By the code of the system where there is one: messages of fetch may hold the token. */
function reasonOf(thrown: unknown): string {
  if (thrown instanceof TooLong) return thrown.message;
  return errorCode(isNativeError(thrown) && isNativeError(thrown.cause) ? thrown.cause : thrown) ?? 'it cannot be asked';
}
