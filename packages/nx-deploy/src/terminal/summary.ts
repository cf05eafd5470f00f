/** The last thing a deploy or a rollback prints: what happened, what changed, where to look, how to go back. */
import { formatDuration, type Ms, type ReleaseId, type StageName } from '../model/index.js';
import { painter, type Style } from './color.js';
import { sanitize } from './sanitize.js';

export interface Summary {
  readonly outcome: 'done' | 'unchanged' | 'restored' | 'not-restored' | 'paused';
  readonly action: 'deploy' | 'rollback';
  readonly service: string;
  readonly environment: string;
  readonly release?: ReleaseId;
  readonly previous?: ReleaseId;
  /** Newest first. `more`: how many are left out. */
  readonly commits?: { readonly list: readonly { readonly hash: string; readonly subject: string }[]; readonly more?: number };
  /** Bytes of the artifact. */
  readonly size?: { readonly bytes: number; readonly before?: number };
  /** Names of keys, never values. */
  readonly configuration?: { readonly added: readonly string[]; readonly removed: readonly string[]; readonly changed: readonly string[] };
  readonly stages?: readonly { readonly stage: StageName; readonly ms: Ms }[];
  readonly durationMs: Ms;
  /** What a person is asked, and until when (ISO 8601). */
  readonly paused?: { readonly gate: string; readonly expires: string };
  /** The answer that the change got. */
  readonly decision?: 'approved' | 'rejected' | 'expired';
  /** What the router counted while the change went on. */
  readonly traffic?: { readonly requests: number; readonly failed: number };
  /** How long the agent looks after the release from here on. */
  readonly watch?: Ms;
  readonly url?: string;
  /** Command lines to copy. */
  readonly commands?: { readonly approve?: string; readonly reject?: string; readonly status?: string; readonly logs?: string; readonly rollback?: string };
}

const COMMITS_SHOWN = 10;
const LABEL_WIDTH = 9;

const HEADLINE: Readonly<Record<Summary['outcome'], { readonly style: Style; readonly text: (summary: Summary) => string }>> = {
  done: { style: 'good', text: ({ action }) => (action === 'deploy' ? 'deployed' : 'rolled back') },
  unchanged: { style: 'good', text: () => 'nothing to do' },
  restored: { style: 'bad', text: ({ action }) => `${action} failed, restored what ran before` },
  paused: { style: 'warn', text: () => 'paused' },
  'not-restored': { style: 'bad', text: ({ action }) => `${action} failed and could NOT be restored` },
};

/** One line of text each, without a newline at the end; parts that are not known are left out. */
export function renderSummary(summary: Summary, options: { readonly color: boolean }): string[] {
  const paint = painter(options.color);
  const headline = HEADLINE[summary.outcome];
  const name = paint('strong', `${sanitize(summary.service)} ${sanitize(summary.environment)}`);
  const lines = [
    ...(refused(summary)
      ? [`${paint('good', 'rejected:')} ${name}, ${summary.release === undefined ? 'what ran before' : sanitize(summary.release)} has all of the traffic again`]
      : [`${paint(headline.style, `${headline.text(summary)}:`)} ${name} in ${formatDuration(summary.durationMs)}`, ...row('release', releaseText(summary))]),
    ...pausedRows(summary),
    ...row('changed', ...changes(summary)),
    ...row('time', timeText(summary)),
    ...row('requests', summary.traffic === undefined ? undefined : `${summary.traffic.requests} seen, ${summary.traffic.failed} failed`),
    ...row('watch', summary.watch === undefined ? undefined : `${formatDuration(summary.watch)} from now on; taken back by itself if it does badly`),
    ...row('url', summary.url),
    ...row('status', summary.commands?.status),
    ...row('logs', summary.commands?.logs),
    ...row('rollback', summary.commands?.rollback),
  ];
  return lines;
}

/** What was asked about was taken back. */
function refused({ outcome, decision }: Summary): boolean {
  return outcome === 'done' && (decision === 'rejected' || decision === 'expired');
}

function pausedRows({ outcome, paused, commands }: Summary): string[] {
  if (outcome !== 'paused' || paused === undefined) return [];
  return [
    ...row('asked', paused.gate),
    ...row('until', `${paused.expires.slice(0, 19)}Z; without an answer it is taken back then`),
    ...row('approve', commands?.approve),
    ...row('reject', commands?.reject),
  ];
}

function row(label: string, ...values: readonly (string | undefined)[]): string[] {
  return values.filter((value) => value !== undefined).map((value, index) => `  ${(index === 0 ? label : '').padEnd(LABEL_WIDTH)} ${sanitize(value)}`);
}

function releaseText({ release, previous, outcome }: Summary): string | undefined {
  if (release === undefined) return undefined;
  if (outcome === 'unchanged') return `${release} already runs`;
  if (outcome === 'paused') return `${release} waits for an answer${previous === undefined || previous === release ? '' : ` (before: ${previous})`}`;
  if (outcome === 'not-restored') return `${release} (state unknown, see status)`;
  if (outcome !== 'done') return `${release} (not live)`;
  return previous === undefined || previous === release ? release : `${release} (before: ${previous})`;
}

function changes({ commits, size, configuration }: Summary): (string | undefined)[] {
  return [...commitLines(commits), sizeText(size), ...configurationLines(configuration)];
}

function commitLines(commits: Summary['commits']): string[] {
  if (commits === undefined) return [];
  const shown = commits.list.slice(0, COMMITS_SHOWN).map(({ hash, subject }) => `${hash.slice(0, 10)} ${sanitize(subject, 100)}`);
  const more = commits.list.length - shown.length + (commits.more ?? 0);
  return more > 0 ? [...shown, `and ${more} more commit${more === 1 ? '' : 's'}`] : shown;
}

function sizeText(size: Summary['size']): string | undefined {
  if (size === undefined) return undefined;
  const { bytes, before } = size;
  if (before === undefined) return `artifact ${formatBytes(bytes)}`;
  const difference = bytes - before;
  return difference === 0 ? `artifact ${formatBytes(bytes)}, same size` : `artifact ${formatBytes(bytes)}, ${difference > 0 ? '+' : '-'}${formatBytes(Math.abs(difference))}`;
}

function configurationLines(configuration: Summary['configuration']): string[] {
  if (configuration === undefined) return [];
  return (['added', 'removed', 'changed'] as const)
    .filter((kind) => configuration[kind].length > 0)
    .map((kind) => `configuration ${kind}: ${[...configuration[kind]].sort().join(', ')}`);
}

function timeText({ stages = [] }: Summary): string | undefined {
  return stages.length === 0 ? undefined : stages.map(({ stage, ms }) => `${stage} ${formatDuration(ms)}`).join(', ');
}

/** `512 B`, `1.5 kB`, `28.9 MB`: powers of 1,000. */
export function formatBytes(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  let value = bytes / 1_000;
  let unit = 0;
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  return `${value.toFixed(1)} ${units[unit] ?? ''}`;
}
