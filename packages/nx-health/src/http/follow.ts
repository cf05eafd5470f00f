/** Redirects, as many as are allowed. */
import type { Asking } from '../attempt.js';
import { exchange, type Answer, type Sent } from './exchange.js';

const REDIRECTS = [301, 302, 303, 307, 308];
/** Sent to any origin; of every other header nobody knows that it holds no secret. */
const HARMLESS = /^(?:accept|accept-language|user-agent)$/i;

export interface Followed {
  readonly answer: Answer;
  readonly url: URL;
}

/** Asks, and goes where the answer leads; with `redirects` 0 it is taken as it is. Rejects with a reason when it leads round, too far, down to http, or nowhere. */
export async function follow(start: URL, { sent, http2, redirects }: { readonly sent: Sent; readonly http2: boolean; readonly redirects: number }, asking: Asking): Promise<Followed> {
  const seen = new Set<string>();
  let url = start;
  let { headers } = sent;
  for (;;) {
    const ask = http2 ? (await import('./exchange-http2.js')).exchangeHttp2 : exchange;
    const answer = await ask(url, { ...sent, headers }, asking);
    if (redirects === 0 || !REDIRECTS.includes(answer.code) || answer.headers.location === undefined) return { answer, url };
    seen.add(url.href);
    const next = target(answer.headers.location, url);
    if (seen.has(next.href)) throw new Error(`redirect loop: ${next.pathname} leads back to itself`);
    if (seen.size > redirects) throw new Error(`more than ${redirects} redirects, the last to ${next.protocol}//${next.host}${next.pathname}`);
    if (next.origin !== url.origin) headers = Object.fromEntries(Object.entries(headers).filter(([name]) => HARMLESS.test(name)));
    url = next;
  }
}

function target(location: string, from: URL): URL {
  if (!URL.canParse(location, from.href)) throw new Error('redirect to what is no address');
  const next = new URL(location, from);
  if (next.protocol !== 'http:' && next.protocol !== 'https:') throw new Error(`redirect to ${next.protocol}, which is not followed`);
  if (from.protocol === 'https:' && next.protocol === 'http:') throw new Error('redirect from https to http, which is not followed');
  return next;
}
