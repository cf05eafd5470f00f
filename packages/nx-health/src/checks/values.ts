/** Schemas of single values, each with the phrase that its problem prints (`must be ...`). */
import * as z from 'zod';
import { DURATION_PATTERN, LONGEST_MS, parsePeriod } from '../duration.js';
import { parseStatusRanges, type StatusRange } from '../status.js';

/** A type alias and no interface: zod takes nothing else. */
export type Described<T> = { description: string; examples?: T[] };

const durationRule = 'must be a duration like "500ms", "30s", "5m", "2h" or "7d"';

/** ms of a duration from `least` ms to the longest that a timer can wait, 24 days. */
export function duration(least: number, described: Described<string>) {
  return period(least, described, { most: LONGEST_MS, text: '24 days' });
}

/** ms of a duration that no timer waits for. */
export function period(least: number, described: Described<string>, longest?: { readonly most: number; readonly text: string }) {
  return z.string({ error: durationRule }).regex(new RegExp(DURATION_PATTERN), { error: durationRule, abort: true })
    .refine((text) => (parsePeriod(text) ?? Infinity) <= (longest?.most ?? Number.MAX_VALUE), { error: `must be a duration of at most ${longest?.text ?? '100 years'}`, abort: true })
    .refine((text) => (parsePeriod(text) ?? 0) >= least, { error: `must be a duration of at least ${least}ms`, abort: true })
    .transform((text) => parsePeriod(text) ?? 0).meta(described);
}

export function whole(least: number, most: number, described: Described<number>) {
  const error = `must be a whole number from ${least} to ${most}`;
  return z.int({ error }).min(least, { error }).max(most, { error }).meta(described);
}

export function amount(least: number, most: number, described: Described<number>) {
  const error = `must be a number from ${least} to ${most}`;
  return z.number({ error }).min(least, { error }).max(most, { error }).meta(described);
}

/** One line of text that is not empty. */
export function line(rule: string, described: Described<string>) {
  const error = `must be ${rule}`;
  return z.string({ error }).regex(/^[^\0\r\n]+$/, { error }).meta(described);
}

export function flag(described: Described<boolean>) {
  return z.boolean({ error: 'must be true or false' }).meta(described);
}

export function choice<const T extends readonly [string, ...string[]]>(values: T, described: Described<T[number]>) {
  return z.enum(values, { error: `must be ${values.map((value) => `"${value}"`).join(', ').replace(/, ([^,]*)$/, ' or $1')}` }).meta(described);
}

export const HOST_RULE = 'a host name or an IP address';

export function host(described: Described<string>) {
  const error = `must be ${HOST_RULE}`;
  return z.string({ error }).regex(/^[A-Za-z0-9._:%-]{1,255}$/, { error }).meta(described);
}

export const port = (described: Described<number>) => whole(1, 65_535, described);

/** An address with one of the schemes; what it holds may be secret, and is not quoted in its problem (see `SECRET`). */
export function url(schemes: readonly string[], described: Described<string>) {
  const error = `must be an address that starts with ${schemes.map((scheme) => `${scheme}//`).join(' or ')}`;
  return z.string({ error }).refine((text) => URL.canParse(text) && schemes.includes(new URL(text).protocol), { error }).meta(described);
}

/** Words of a command; no shell reads them. */
export function argv(described: Described<string[]>) {
  const error = 'must be a command as a list of words, for example ["pg_isready", "-q"]';
  return z.array(z.string({ error: 'must be text' }).regex(/^[^\0]*$/, { error: 'must be text without NUL' }), { error }).min(1, { error })
    .refine((words) => words[0] !== '', { error: 'must begin with the name of a program' }).meta(described);
}

/** A regular expression of JavaScript, without slashes around it. */
export function pattern(described: Described<string>) {
  const error = 'must be a regular expression';
  return z.string({ error }).min(1, { error }).refine(isPattern, { error }).meta(described);
}

function isPattern(text: string): boolean {
  try {
    return new RegExp(text, 'u') instanceof RegExp;
  } catch {
    return false;
  }
}

/** `200-299,401`, or `none`. */
export function statuses(described: Described<string>) {
  const error = 'must be statuses such as "200" or "200-299,401", or "none"';
  return z.string({ error }).refine((text) => text === 'none' || ranges(text) !== undefined, { error, abort: true }).transform((text) => ranges(text) ?? []).meta(described);
}

function ranges(text: string): readonly StatusRange[] | undefined {
  try {
    return parseStatusRanges(text);
  } catch {
    return undefined;
  }
}

/**
 * An object with these keys and no others. For unknown keys the message is the list of known ones, from which
 * problems.ts makes one problem per unknown key.
 */
export function section<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  return z.strictObject(shape, { error: (issue) => (issue.code === 'unrecognized_keys' ? Object.keys(shape).join(' ') : 'must be an object') });
}

/** Two limits of something that is bad when it is much. */
export function limits(most: number, unit: string, usual: { readonly degraded: number; readonly unhealthy: number }) {
  return {
    degraded: amount(0, most, { description: `From how much on it is degraded, ${unit}.` }).default(usual.degraded),
    unhealthy: amount(0, most, { description: `From how much on it is unhealthy, ${unit}.` }).default(usual.unhealthy),
  };
}
