/** What every check has beside what its kind asks for. */
import * as z from 'zod';
import { choice, duration, whole } from './values.js';

export const SEVERITIES = ['critical', 'degrading'] as const;
/** `critical`: when it fails, the whole is unhealthy. `degrading`: then the whole is degraded at most. */
export type Severity = (typeof SEVERITIES)[number];

export interface Schedule {
  readonly timeoutMs: number;
  readonly intervalMs: number;
  /** Attempts after the first that failed, before it counts as a failure. */
  readonly retries: number;
  readonly retryDelayMs: number;
  /** Failures in a row until it counts as unhealthy, and passes in a row until it no longer does; where it is asked again and again. */
  readonly failures: number;
  readonly recoveries: number;
  /** A pass that takes longer is degraded. */
  readonly slowMs?: number;
  readonly severity: Severity;
  readonly tags: readonly string[];
}

const tag = z.string({ error: 'must be a name of letters, digits, "_", "." and "-"' }).regex(/^[A-Za-z0-9][\w.-]{0,62}$/, { error: 'must be a name of letters, digits, "_", "." and "-"' })
  .meta({ description: 'Name by which checks are chosen.' });

export const schedule = {
  timeout: duration(1, { description: 'How long one attempt may take.' }).prefault('5s'),
  interval: duration(10, { description: 'Pause between two checks of a monitor.' }).prefault('30s'),
  retries: whole(0, 10, { description: 'Attempts after one that failed, before it counts.' }).default(0),
  retryDelay: duration(0, { description: 'Pause before such an attempt.' }).prefault('500ms'),
  failures: whole(1, 100, { description: 'Failures in a row until a monitor takes it for unhealthy.' }).default(3),
  recoveries: whole(1, 100, { description: 'Passes in a row until a monitor takes it for healthy again.' }).default(2),
  slow: duration(1, { description: 'A pass that takes longer is degraded.', examples: ['1s'] }).optional(),
  severity: choice(SEVERITIES, { description: 'What its failure does to the whole: critical makes it unhealthy, degrading degraded.' }).default('critical'),
  tags: z.array(tag, { error: 'must be a list of names' }).meta({ description: 'Names by which checks are chosen.', examples: [['data']] }).default([]),
};
