/** Schemas of single values, each with the phrase that its problem prints (`must be ...`). */
import { isIP } from 'node:net';
import * as z from 'zod';
import { DURATION_PATTERN, parseDuration } from '../model/index.js';
import type { Ms } from '../model/index.js';
import { NAME_PATTERN, NAME_RULE } from './names.js';

/** Node's timers hold no more than this (2^31 - 1 ms); a longer wait would fire at once. */
export const LONGEST: Ms = 24 * 86_400_000;
const UNITS: Readonly<Record<string, number>> = { B: 1, KB: 1e3, MB: 1e6, GB: 1e9, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };
const SIZE_PATTERN = '^(\\d{1,12}(\\.\\d{1,6})?)(B|KB|MB|GB|KiB|MiB|GiB)$';

/** Bytes of `"512MB"` (10^6) or `"512MiB"` (2^20); undefined when the text has another form. */
export function parseSize(text: string): number | undefined {
  const match = new RegExp(SIZE_PATTERN).exec(text);
  const unit = UNITS[match?.[3] ?? ''];
  return match === null || unit === undefined ? undefined : Math.round(Number(match[1]) * unit);
}

/**
 * What `meta` does without the copy that it makes: for a schema that nobody else has. Every step of a chain makes one, and all commands wait for the whole
 * schema: hence one `check` for several too.
 */
function described<Schema extends z.ZodType>(schema: Schema, meta: z.core.GlobalMeta): Schema {
  z.globalRegistry.add(schema, meta);
  return schema;
}

const durationRule = 'must be a duration like "500ms", "60s", "10m" or "24h"';

/** A duration of `least` to 24 days. */
export function duration(least: Ms, about: { description: string; default?: string; examples?: string[] }) {
  return described(z.string({ error: durationRule }).check(
    z.regex(new RegExp(DURATION_PATTERN), { error: durationRule, abort: true }),
    z.refine((text: string) => (parseDuration(text) ?? 0) <= LONGEST, { error: 'must be a duration of at most 24 days', abort: true }),
    z.refine((text: string) => (parseDuration(text) ?? 0) >= least, { error: `must be a duration of at least ${least}ms` }),
  ), about);
}

/** A size in bytes of at least 1 MB: less than that no process fits into. */
export function size(about: { description: string; examples?: string[] }) {
  const rule = 'must be a size like "512MB" or "1GiB", at least 1MB';
  return described(z.string({ error: rule }).check(
    z.regex(new RegExp(SIZE_PATTERN), { error: rule, abort: true }),
    z.refine((text: string) => (parseSize(text) ?? 0) >= 1e6, { error: rule }),
  ), about);
}

export function whole(least: number, most: number, about: { description: string; default?: number; examples?: number[] }) {
  const error = `must be a whole number from ${least} to ${most}`;
  return described(z.int({ error }).check(z.gte(least, { error }), z.lte(most, { error })), about);
}

export function name(about: { description: string; examples?: string[] }) {
  const error = `must be ${NAME_RULE}`;
  return described(z.string({ error }).regex(new RegExp(NAME_PATTERN), { error }), about);
}

/** Text without NUL that matches the pattern. */
export function text(pattern: string, rule: string, about: { description: string; default?: string; examples?: string[] }) {
  const error = `must be ${rule}`;
  return described(z.string({ error }).regex(new RegExp(pattern), { error }), about);
}

export const ENV_NAME = '^[A-Za-z_][A-Za-z0-9_]*$';

const WORD = z.string({ error: 'must be text' }).regex(/^[^\0]*$/, { error: 'must be text without NUL' });

/** A command as a list of its words: no shell reads it. */
export function argv(about: { description: string; default?: string[]; examples?: string[][] }) {
  const error = 'must be a command as a list of words, for example ["node", "main.js"]';
  return described(z.array(WORD, { error }).check(
    z.minLength(1, { error }),
    z.refine((words: readonly string[]) => words[0] !== '', { error: 'must begin with the name of a program' }),
  ), about);
}

export const PATH_PATTERN = '^/[!-~]*$';
export const PATH_RULE = 'a path that begins with "/", in printable ASCII without spaces';

const HOST_LABEL = '[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?';
export const HOST_PATTERN = `^(?=.{1,253}$)${HOST_LABEL}(\\.${HOST_LABEL})*$`;

export function address(about: { description: string; default?: string; examples?: string[] }) {
  const error = 'must be an IP address to bind, for example "127.0.0.1" (this machine only) or "0.0.0.0" (every network)';
  return described(z.string({ error }).refine((candidate) => isIP(candidate) !== 0, { error }), about);
}

/**
 * An object with these keys and no others. For unknown keys the message is the list of known ones, from which
 * problems.ts makes one problem per unknown key.
 */
export function section<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  return z.strictObject(shape, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? Object.keys(shape).join(' ') : 'must be an object'),
  });
}
