/** What is told to people, and to programs, of a change. */
import { createHash } from 'node:crypto';
import type { Ms, ReleaseId } from '../model/index.js';

/**
 * start: a change begins. success: a deploy is done. failure: it is not, and was taken back or not. rollback: an earlier release runs again because somebody asked for it.
 * watch-rollback: because the watch after a deploy said so. approval: a person is asked.
 */
export const NOTICE_KINDS = ['start', 'success', 'failure', 'rollback', 'watch-rollback', 'approval'] as const;
export type NoticeKind = (typeof NOTICE_KINDS)[number];

/** 1: at once. 2: the service has failed for 15 minutes. 3: for 30. 4: for an hour. */
export type Level = 1 | 2 | 3 | 4;

/** Names and figures only: no value of the configuration, no output of a program. Sent as JSON by webhooks. */
export interface Notice {
  /** The same for the same event of the same run, however often it is sent. */
  readonly id: string;
  readonly kind: NoticeKind;
  readonly level: Level;
  /** ISO time. */
  readonly at: string;
  readonly service: string;
  readonly environment: string;
  readonly run: string;
  readonly action: 'deploy' | 'rollback';
  /** `user@host`. */
  readonly by: string;
  readonly outcome?: string;
  readonly release?: ReleaseId;
  readonly previous?: ReleaseId;
  readonly version?: string;
  readonly url?: string;
  readonly durationMs?: Ms;
  /** Code of the error. */
  readonly code?: string;
  /** Why it failed, why it was rolled back, or what is asked; one line. */
  readonly reason?: string;
}

export function noticeId(run: string, kind: NoticeKind): string {
  return createHash('sha256').update(JSON.stringify([run, kind])).digest('hex').slice(0, 32);
}
