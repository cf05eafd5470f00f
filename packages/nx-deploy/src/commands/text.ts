/** The answers of the commands as lines for people. */
import type { CommitLine } from 'nx-build-manifest';
import type { Hello, PausedStatus, RunResult, ServiceStatus, ServiceSummary } from '../control/protocol.js';
import type { TargetKey } from '../config/plugin-options.js';
import type { ChangeResult } from '../engine/request.js';
import type { TaskResult } from '../engine/task.js';
import { formatDuration, STAGES, type LogLine, type Ms } from '../model/index.js';
import { formatBytes, renderSummary, sanitize, table } from '../terminal/index.js';

export interface ChangeFacts {
  readonly result: ChangeResult;
  /** Between the release before and this one. */
  readonly commits: readonly CommitLine[];
  /** Where it waits for an answer. */
  readonly paused?: Asked;
  /** The command of a target, to copy. */
  readonly command: (target: TargetKey) => string;
  readonly color: boolean;
  /** How long what was deployed is looked after, where the command does not stay for that. */
  readonly watch?: Ms;
}

/** What a person is asked. Times are ISO 8601 in UTC. */
export type Asked = Pick<PausedStatus, 'run' | 'gate' | 'since' | 'expires'> & Partial<Pick<PausedStatus, 'id'>>;

export function askedOf({ id, run, gate, since, expires }: PausedStatus): Asked {
  return { id, run, gate, since, expires };
}

/** Names what it answers, so that it answers nothing else whenever it is run. */
export function answerCommand(command: string, { id, run }: { readonly id?: string | undefined; readonly run: string }): string {
  return `${command} ${id === undefined ? `--run=${run}` : `--gate=${id}`}`;
}

/** What a change came to. A refused one has its error and no summary; a dry run has its plan. */
export function summaryLines({ result, commits, command, color, paused, watch = 0 }: ChangeFacts): readonly string[] {
  const { outcome } = result;
  if (outcome === 'refused') return [];
  if (outcome === 'planned') return [...(result.plan ?? '').split('\n'), 'dry run: nothing was changed'];
  const { traffic, stages: _stages, manifest: _manifest, paused: _paused, ...rest } = result;
  const back = outcome === 'done' && result.previous !== undefined && result.decision !== 'rejected';
  return renderSummary({
    ...rest,
    outcome,
    ...(commits.length === 0 ? {} : { commits: { list: commits } }),
    stages: STAGES.flatMap((stage) => (result.stages[stage] === undefined ? [] : [{ stage, ms: result.stages[stage] }])),
    ...(traffic === undefined ? {} : { traffic: { requests: traffic.requests, failed: traffic.errors } }),
    ...(paused === undefined ? {} : { paused }),
    // The first release has nothing to be taken back to.
    ...(watch > 0 && back && result.action === 'deploy' ? { watch } : {}),
    commands: {
      ...(paused === undefined ? {} : { approve: answerCommand(command('approve'), paused), reject: answerCommand(command('reject'), paused) }),
      status: command('status'), logs: command('logs'), ...(back ? { rollback: command('rollback') } : {}),
    },
  }, { color }).concat(result.ledgerHead === undefined ? [] : [`  ledger    ${result.ledgerHead.slice(0, 16)}`]);
}

/** The last line of repair, prune, destroy or unlock. A refused one has its error alone. */
export function taskLines({ outcome, action, service, environment, durationMs, notes, removed, how, ledgerHead }: TaskResult): readonly string[] {
  if (outcome === 'refused') return [];
  const name = `${service} ${environment}`;
  const space = removed === undefined ? '' : `: ${count(removed.releases.length, 'release')} (${formatBytes(removed.releases.reduce((sum, { bytes }) => sum + bytes, 0))}), ${count(removed.content.files, 'stored file')} that nothing needs (${formatBytes(removed.content.bytes)})`;
  const took = `in ${formatDuration(durationMs)}`;
  if (outcome === 'not-restored') return [`${action} failed: ${name} ${took}`];
  if (outcome === 'planned') return [`would remove from ${name}${space}`, 'dry run: nothing was changed'];
  if (outcome === 'unchanged') return [{ repair: `nothing to repair: ${name}`, prune: `nothing to remove: ${name}`, destroy: `nothing to destroy: ${name}`, unlock: name }[action]];
  return [{
    repair: `repaired: ${name} ${took}, ${count(notes.length, 'note')} above`,
    prune: `removed from ${name}${space} ${took}`,
    destroy: `destroyed: ${name} ${took}; removed${space}; its ledger stays, head ${(ledgerHead ?? '').slice(0, 16)}`,
    unlock: how === 'revoked' ? `unlocked: ${name}; run repair, or deploy again` : `unlocked: ${name}`,
  }[action]];
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** What is about to be destroyed. */
export function doomLine({ service, environment, instances, releases, url }: ServiceStatus): string {
  const stored = new Set(releases.filter(({ available }) => available).map(({ id }) => id)).size;
  return `${service} (${environment})${url === undefined ? '' : ` at ${url}`}: ${count(instances.length, 'instance')} will be ended, ${count(stored, 'release')} with their values and logs removed; this cannot be undone`;
}

/** How the watching ended: by whoever watched, with the run, or at once. */
export function followedLines(result: RunResult | undefined, how: 'left' | 'ended' | 'none'): readonly string[] {
  if (how === 'none') return ['no run is under way'];
  if (how === 'left') return ['no longer watching; the run goes on', ''];
  return result === undefined ? ['the run has ended', ''] : [`the ${result.action} ${result.run} has ended: ${result.outcome}`, ''];
}

export function agentLines(hello: Hello | undefined, services: readonly ServiceSummary[], home: string): readonly string[] {
  if (hello === undefined) return [`no agent runs (home ${home})`];
  const rows = services.map(({ key, url = '', instances }) => [key.service, key.environment, key.workspace, String(instances), url]);
  return [
    `agent process ${hello.pid} since ${hello.startedAt}`,
    `home ${hello.home}`,
    `log ${hello.log}`,
    ...section(table([{ title: 'service' }, { title: 'environment' }, { title: 'workspace' }, { title: 'instances', align: 'right' }, { title: 'url' }], rows)),
  ];
}

/** A table with rows, below an empty line; nothing where it has none. */
export function section(lines: readonly string[]): readonly string[] {
  return lines.length <= 2 ? [] : ['', ...lines];
}

export function logText(line: LogLine): string {
  return `${line.at} ${line.release} ${line.instance} ${line.stream === 'err' ? 'err' : 'out'} ${sanitize(line.text)}`;
}
