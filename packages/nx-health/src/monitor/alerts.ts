/** Tells others of changes. One that cannot be told never ends a monitor. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Alerts as Channels } from '../config/load.js';
import { exchangeBody } from '../http/exchange.js';
import { printable } from '../result.js';
import { redacted } from '../redact.js';
import { runProgram } from '../shell/run-program.js';
import type { Change } from './monitor.js';

export interface Alerts {
  send(change: Change): void;
  /** Waits for those that are on their way, at most `ms`. */
  settled(ms: number): Promise<void>;
}

const TIMEOUT_MS = 10_000;
/** Changes that wait to be told; of more the oldest are given up. */
const MOST_WAITING = 100;

/** What is sent: `{ service, check, severity, from, to, reason, time, text }`; without `check` it is about all of them. */
export function alertDocument(service: string, { check, from, to, reason, time }: Change): object {
  const what = check === undefined ? 'all checks' : check.name;
  return {
    service, ...(check === undefined ? {} : { check: check.name, kind: check.kind, target: check.target, severity: check.severity }), ...(from === undefined ? {} : { from }), to, ...(reason === undefined ? {} : { reason }), time: new Date(time).toISOString(),
    // The key that Slack and those who understand its webhooks show.
    text: `${service}: ${what}: ${from === undefined ? '' : `${from} -> `}${to}${reason === undefined ? '' : `: ${reason}`}`,
  };
}

/** One after the other on each channel, in the order in which they came. `onFailure` gets a printable line without addresses. */
export function createAlerts(service: string, { webhook, command }: Channels, { folder, onFailure }: { readonly folder: string; readonly onFailure: (line: string) => void }): Alerts {
  const channels = [
    ...(webhook === undefined ? [] : [{ name: 'webhook', tell: (text: string) => post(webhook, text) }]),
    ...(command === undefined ? [] : [{ name: 'command', tell: (text: string) => start(command, text, folder) }]),
  ].map(({ name, tell }) => queue(tell, (why) => { onFailure(printable(`an alert could not be sent by ${name}: ${redacted(why)}`, 300)); }));
  return {
    send: (change) => {
      const text = JSON.stringify(alertDocument(service, change));
      channels.forEach(({ add }) => { add(text); });
    },
    settled: async (ms) => { await Promise.race([Promise.all(channels.map(({ done }) => done())), wait(ms, undefined, { ref: false })]); },
  };
}

function queue(tell: (text: string) => Promise<string | undefined>, onFailure: (why: string) => void): { readonly add: (text: string) => void; readonly done: () => Promise<void> } {
  const waiting: string[] = [];
  let working: Promise<void> | undefined;
  const work = async (): Promise<void> => {
    for (let text = waiting.shift(); text !== undefined; text = waiting.shift()) {
      const failure = await tell(text).catch((error: unknown) => String(error));
      if (failure !== undefined) onFailure(failure);
    }
    working = undefined;
  };
  return {
    add: (text) => {
      waiting.push(text);
      if (waiting.length > MOST_WAITING) {
        waiting.shift();
        onFailure(`more than ${MOST_WAITING} wait, the oldest is given up`);
      }
      working ??= work();
    },
    done: async () => { await working; },
  };
}

async function post(address: string, text: string): Promise<string | undefined> {
  const { code } = await exchangeBody(new URL(address), text, AbortSignal.timeout(TIMEOUT_MS));
  return code >= 200 && code < 300 ? undefined : `HTTP ${code}`;
}

async function start(argv: readonly string[], input: string, cwd: string): Promise<string | undefined> {
  const { code, signal } = await runProgram({ argv, input, cwd, signal: AbortSignal.timeout(TIMEOUT_MS) });
  return code === 0 ? undefined : code === null ? `ended by ${signal ?? 'a signal'}` : `exit code ${code}`;
}
