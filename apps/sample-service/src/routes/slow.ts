import { setTimeout as delay } from 'node:timers/promises';
import { sendJson, wholeOf, type Handler } from './route.js';

const LONGEST_MS = 30_000;

/** Answers after `ms` (default 2000, at most 30000). */
export const slow: Handler = async ({ response, query }) => {
  const ms = wholeOf(query, 'ms', 2000, 0, LONGEST_MS);
  const left = new AbortController();
  response.once('close', () => left.abort());
  try {
    await delay(ms, undefined, { signal: left.signal });
  } catch {
    return; // the client has gone
  }
  sendJson(response, 200, { waited: ms });
};
