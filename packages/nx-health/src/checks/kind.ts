/** What a kind of check is: its settings, and how it asks. */
import * as z from 'zod';
import type { Asking } from '../attempt.js';
import type { CheckResult, Finding } from '../result.js';
import type { Schedule } from './schedule.js';
import { schedule } from './schedule.js';
import { section } from './values.js';

/** Where a check stands: among others of the same file. */
export interface Place {
  /** That relative paths start from; absolute. */
  readonly folder: string;
  /** Of another check. */
  result(name: string): Promise<CheckResult>;
}

export type Ask = (asking: Asking, place: Place) => Promise<Finding>;

/** A check as its settings describe it, before it has a name. */
export interface Described extends Schedule {
  /** What is asked, for people, whole: what is secret is blotted out of it, and it is cut then. No passwords of addresses. */
  readonly target: string;
  /** Names of checks that it asks for. */
  readonly uses: readonly string[];
  readonly ask: Ask;
}

export type Opening = { readonly ok: true; readonly check: Described } | { readonly ok: false; readonly issues: readonly z.core.$ZodIssue[] };

export interface CheckKind {
  readonly name: string;
  readonly description: string;
  /** Of a whole check, its schedule included. */
  readonly schema: z.ZodType;
  open(raw: unknown): Opening;
}

interface Definition<Shape extends z.core.$ZodLooseShape> {
  readonly name: string;
  readonly description: string;
  /** Settings of its own. */
  readonly shape: Shape;
  readonly target: (settings: z.output<z.ZodObject<Shape, z.core.$strict>>) => string;
  readonly ask: (settings: z.output<z.ZodObject<Shape, z.core.$strict>>, asking: Asking, place: Place) => Promise<Finding>;
  /** What the settings together cannot be; continues `the check `. */
  readonly refuse?: (settings: z.output<z.ZodObject<Shape, z.core.$strict>>) => string | undefined;
  readonly uses?: (settings: z.output<z.ZodObject<Shape, z.core.$strict>>) => readonly string[];
}

/** Of any check, whatever else it has; made once, for making a schema takes longer than using it. */
const SCHEDULE = z.object(schedule);

/** A kind is one file: this, the line in kinds.ts, and its peers in the shared suite. */
export function kind<Shape extends z.core.$ZodLooseShape>({ name, description, shape, target, ask, uses, refuse }: Definition<Shape>): CheckKind {
  const own = z.object(shape);
  const schema = section({ kind: z.literal(name).meta({ description }), ...shape, ...schedule });
  return {
    name, description, schema,
    open: (raw) => {
      const read = schema.safeParse(raw);
      if (!read.success) return { ok: false, issues: read.error.issues };
      const { timeout, interval, retries, retryDelay, failures, recoveries, slow, severity, tags } = SCHEDULE.parse(raw);
      const settings = own.parse(raw);
      const refusal = refuse?.(settings);
      if (refusal !== undefined) return { ok: false, issues: [{ code: 'custom', path: [], message: refusal, input: raw }] };
      return {
        ok: true,
        check: {
          timeoutMs: timeout, intervalMs: interval, retries, retryDelayMs: retryDelay, failures, recoveries, severity, tags, ...(slow === undefined ? {} : { slowMs: slow }),
          target: target(settings), uses: uses?.(settings) ?? [], ask: (asking, place) => ask(settings, asking, place),
        },
      };
    },
  };
}
