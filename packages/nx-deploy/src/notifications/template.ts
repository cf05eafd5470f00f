/** Texts with `{placeholders}`. */
import { formatDuration } from '../model/index.js';
import type { Notice, NoticeKind } from './notice.js';

export const PLACEHOLDERS = ['service', 'environment', 'run', 'action', 'by', 'outcome', 'release', 'previous', 'version', 'url', 'duration', 'code', 'reason', 'level', 'event', 'at'] as const;
type Placeholder = (typeof PLACEHOLDERS)[number];

const TEXTS: Readonly<Record<NoticeKind, string>> = {
  start: '{service} ({environment}): {action} of {release} {version} begins, by {by}',
  success: '{service} ({environment}): {release} {version} is deployed, by {by} in {duration} {url}',
  failure: '{service} ({environment}): {action} of {release} {version} failed ({outcome}), by {by}: {code} {reason}',
  rollback: '{service} ({environment}): {release} runs again instead of {previous}, by {by} {reason}',
  'watch-rollback': '{service} ({environment}): {release} runs again instead of {previous}, by its watch: {reason}',
  approval: '{service} ({environment}): {action} of {release} {version} waits for an answer: {reason}',
};
const ESCALATED: Readonly<Record<Notice['level'], string>> = { 1: '', 2: ' [failing for 15 minutes]', 3: ' [failing for 30 minutes]', 4: ' [failing for an hour]' };

export type Templates = Readonly<Partial<Record<NoticeKind, string>>>;

/** Names in braces that are no placeholders. */
export function unknownPlaceholders(template: string): readonly string[] {
  return [...template.matchAll(/\{([^{}]*)\}/g)].map(([, name = '']) => name).filter((name) => !PLACEHOLDERS.some((known) => known === name));
}

/** One line per line of the template, in printable ASCII; what is not known is left out. */
export function textOf(notice: Notice, templates: Templates = {}): string {
  const own = templates[notice.kind];
  const text = (own ?? TEXTS[notice.kind]).replace(/\{([a-z]+)\}/g, (all, name: string) => (isPlaceholder(name) ? valueOf(notice, name) : all));
  const lines = text.split('\n').map((line) => line.replace(/[^\x20-\x7e]/g, '?').replace(/ {2,}/g, ' ').trim());
  return own === undefined ? `${lines.join('\n')}${ESCALATED[notice.level]}` : lines.join('\n');
}

/** Of e-mails. */
export function subjectOf({ service, environment, kind, level }: Notice): string {
  return `${service} (${environment}): ${kind}${ESCALATED[level]}`;
}

function isPlaceholder(name: string): name is Placeholder {
  return PLACEHOLDERS.some((known) => known === name);
}

function valueOf(notice: Notice, name: Placeholder): string {
  if (name === 'duration') return notice.durationMs === undefined ? '' : formatDuration(notice.durationMs);
  if (name === 'event') return notice.kind;
  return String(notice[name] ?? '').replace(/\s+/g, ' ');
}
