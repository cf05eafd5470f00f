import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Settings } from '../settings.js';
import type { Traffic } from '../traffic.js';

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly query: URLSearchParams;
  readonly settings: Settings;
  readonly traffic: Traffic;
}

export type Handler = (exchange: Exchange) => void | Promise<void>;

/** Per path the handler of each method. HEAD goes where GET goes: Node leaves the body out. */
export type Routes = Readonly<Record<string, Readonly<Record<string, Handler>>>>;

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

/** A whole number of the query within [min, max]; `fallback` when it is absent or no number. */
export function wholeOf(query: URLSearchParams, key: string, fallback: number, min: number, max: number): number {
  const text = query.get(key);
  if (text === null || !/^\d+$/.test(text)) return fallback;
  return Math.min(Math.max(Number(text), min), max);
}
