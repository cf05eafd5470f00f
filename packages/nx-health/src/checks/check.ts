/** A check that is ready to be run, by its name. */
import { setTimeout as wait } from 'node:timers/promises';
import { attempt } from '../attempt.js';
import { LONGEST_MS } from '../duration.js';
import { describeError, printable, QUOTE_LENGTH, WORKING_LENGTH, type CheckResult, type Finding } from '../result.js';
import type { Described, Place } from './kind.js';
import type { Schedule } from './schedule.js';

export interface RunOptions {
  readonly signal?: AbortSignal;
  /** Of another check, for those that `uses` names. */
  readonly result: (name: string) => Promise<CheckResult>;
}

export interface Check extends Schedule {
  readonly name: string;
  readonly kind: string;
  /** What is asked, for people: one line of printable ASCII of at most 200 characters, without credentials. */
  readonly target: string;
  /** Names of checks whose results it is made of. */
  readonly uses: readonly string[];
  /** Asks, and again as often as `retries` says while it is unhealthy. Never rejects. `ms` is that of the last attempt. */
  run(options: RunOptions): Promise<CheckResult>;
}

/** `secrets`: texts that no reason may hold, whatever they look like. */
export function toCheck(name: string, kind: string, { ask, ...described }: Described, { folder, secrets = [] }: { readonly folder: string; readonly secrets?: readonly string[] }): Check {
  const { retries, retryDelayMs, slowMs } = described;
  // One that is made of others waits for them, and each of them has a time of its own.
  const timeoutMs = described.uses.length > 0 ? LONGEST_MS : described.timeoutMs;
  const hide = blotter(secrets);
  const hanging = new Hanging();
  const once = async ({ signal, result }: RunOptions): Promise<CheckResult> => {
    const since = await hanging.since();
    if (since !== undefined) return { status: 'unhealthy', ms: 0, reason: `an earlier attempt has not returned for ${Math.round(since / 1_000)} s` };
    const place: Place = { folder, result };
    let asked: Promise<Finding> | undefined;
    const found = await attempt({ timeoutMs, ...(signal === undefined ? {} : { signal }) }, (asking) => {
      // What is thrown before the first wait is a rejection too.
      asked = (async () => ask(asking, place))().then(({ reason, ...rest }) => ({ ...rest, ...(reason === undefined ? {} : { reason: hide(reason) }) }), (error: unknown) => ({ status: 'unhealthy', reason: hide(describeError(error, WORKING_LENGTH)) }));
      return asked;
    });
    hanging.unless(asked);
    return slowMs !== undefined && found.status === 'healthy' && found.ms > slowMs ? { ...found, status: 'degraded', reason: `it took ${found.ms} ms, more than ${slowMs} ms` } : found;
  };
  return {
    ...described, name, kind,
    // Blotted out first, and cut then: a secret that is cut in the middle is not known as one any more.
    target: printable(hide(described.target), QUOTE_LENGTH),
    run: async (options) => {
      for (let left = retries; ; left -= 1) {
        const found = await once(options);
        if (found.status !== 'unhealthy' || left === 0 || options.signal?.aborted === true) return found;
        // An abort ends the pause, and the attempt behind it at once.
        await wait(retryDelayMs, undefined, options.signal === undefined ? {} : { signal: options.signal }).catch(() => undefined);
      }
    },
  };
}

/** ms that what was ended may take to be over. */
const GRACE_MS = 200;

/** Attempts whose time was up and that go on all the same, as a call of the system on a file system that is gone does: another would only wait behind them. */
class Hanging {
  private readonly left = new Map<Promise<unknown>, number>();

  unless(asked: Promise<unknown> | undefined): void {
    if (asked === undefined) return;
    this.left.set(asked, performance.now());
    const over = (): void => { this.left.delete(asked); };
    asked.then(over, over);
  }

  /** ms since the first of them should have been over; undefined when there is none. */
  async since(): Promise<number | undefined> {
    const [first] = this.left;
    if (first === undefined) return undefined;
    const [asked, at] = first;
    await Promise.race([asked.catch(() => undefined), wait(GRACE_MS, undefined, { ref: false })]);
    return this.left.has(asked) ? performance.now() - at : undefined;
  }
}

/** Shorter ones are no secrets, and would blot out half of every text. */
const SHORTEST = 4;

/** Blots secrets out, also as they stand in an address, in JSON (and in JSON that is quoted) and as printable text, and the passwords of addresses among them. */
function blotter(secrets: readonly string[]): (text: string) => string {
  const forms = secrets.flatMap((secret) => [secret, ...passwordOf(secret)])
    .flatMap((secret) => [secret, encodeURIComponent(secret), inPath(secret), inJson(secret), inJson(inJson(secret))])
    .flatMap((form) => [form, printable(form, WORKING_LENGTH)]).filter((form) => form.length >= SHORTEST);
  // The longest first: one may be a part of another.
  const sorted = [...new Set(forms)].sort((a, b) => b.length - a.length);
  return (text) => sorted.reduce((line, form) => line.replaceAll(form, '***'), text);
}

/** A path leaves some of what else is escaped as it is, a slash say. */
function inPath(text: string): string {
  const address = new URL('http://host');
  address.pathname = text;
  return address.pathname.slice(1);
}

function inJson(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

function passwordOf(text: string): readonly string[] {
  if (!URL.canParse(text)) return [];
  const { password } = new URL(text);
  try {
    return password === '' ? [] : [password, decodeURIComponent(password)];
  } catch {
    return [password];
  }
}
