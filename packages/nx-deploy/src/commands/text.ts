/** The answers of the commands as lines for people. */
import type { CommitLine } from 'nx-build-manifest';
import type { Hello, RunResult, ServiceStatus, ServiceSummary } from '../control/protocol.js';
import type { ChangeResult } from '../engine/request.js';
import type { TaskResult } from '../engine/task.js';
import { formatDuration, STAGES, type LogLine } from '../model/index.js';
import { formatBytes, renderSummary, sanitize, table } from '../terminal/index.js';

export interface ChangeFacts {
  readonly result: ChangeResult;
  /** Between the release before and this one. */
  readonly commits: readonly CommitLine[];
  readonly project: string;
  readonly color: boolean;
}

/** What a change came to. A refused one has its error and no summary; a dry run has its plan. */
export function summaryLines({ result, commits, project, color }: ChangeFacts): readonly string[] {
  const { outcome } = result;
  if (outcome === 'refused') return [];
  if (outcome === 'planned') return [...(result.plan ?? '').split('\n'), 'dry run: nothing was changed'];
  const command = (target: string): string => `nx run ${project}:${target} --configuration=${result.environment}`;
  const { traffic, stages: _stages, manifest: _manifest, ...rest } = result;
  return renderSummary({
    ...rest,
    outcome,
    ...(commits.length === 0 ? {} : { commits: { list: commits } }),
    stages: STAGES.flatMap((stage) => (result.stages[stage] === undefined ? [] : [{ stage, ms: result.stages[stage] }])),
    ...(traffic === undefined ? {} : { traffic: { requests: traffic.requests, failed: traffic.errors } }),
    commands: { status: command('status'), logs: command('logs'), ...(outcome === 'done' && result.previous !== undefined ? { rollback: command('rollback') } : {}) },
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

export function statusLines(status: ServiceStatus, options: { readonly shadowed: readonly string[] }): readonly string[] {
  const head = `${status.service} ${status.environment} on ${status.platform}`;
  const warnings = options.shadowed.map((name) => `warning: the script ${name} of package.json replaces the target ${name} of nx-deploy; rename one of them`);
  if (!status.deployed && status.releases.length === 0) return [`${head}: never deployed`, ...warnings];
  return [
    status.destroyed !== undefined ? `${head}: destroyed at ${status.destroyed.at} by ${status.destroyed.by}; a deploy starts afresh` : `${head}: ${status.live === undefined ? 'no release has traffic' : `${status.live} is live`}${status.url === undefined ? '' : ` at ${status.url}`}`,
    ...(status.lock === undefined ? [] : [`${status.lock.action} ${status.lock.run} is under way, by ${status.lock.actor.user}@${status.lock.actor.host} since ${status.lock.since}; status --follow watches it`]),
    ...(status.interrupted === undefined ? [] : [
      `the ${status.interrupted.action} ${status.interrupted.run} of ${status.interrupted.since} was interrupted at ${status.interrupted.at}; ${status.interrupted.action === 'destroy' ? 'run destroy again' : 'repair, or the next deploy or rollback, brings it to an end'}`,
    ]),
    ...section(fleetTable(status)),
    ...section(instanceTable(status)),
    ...section(releaseTable(status)),
    '',
    status.ledger.ok ? `ledger: ${status.ledger.entries} entries, whole, head ${status.ledger.head.slice(0, 16)}` : `ledger: BROKEN, ${status.ledger.broken ?? ''}`,
    ...warnings,
  ];
}

function section(lines: readonly string[]): readonly string[] {
  return lines.length <= 2 ? [] : ['', ...lines];
}

function fleetTable({ fleet, traffic }: ServiceStatus): readonly string[] {
  const rows = Object.entries(fleet).flatMap(([id, release]) => Object.entries(release.processes).map(([name, counts]) => {
    const seen = traffic[id] ?? { requests: 0, errors: 0, p95: 0 };
    return [id, name, `${release.weight}%`, String(counts.running), String(counts.ready), String(counts.draining), release.until ?? '', `${seen.requests}`, `${seen.errors}`, formatDuration(seen.p95)];
  }));
  const right = (title: string): { title: string; align: 'right' } => ({ title, align: 'right' });
  return table([
    { title: 'release' }, { title: 'process' }, right('weight'), right('running'), right('ready'), right('draining'), { title: 'warm until' },
    right('requests 5m'), right('errors'), right('p95'),
  ], rows);
}

function instanceTable({ instances }: ServiceStatus): readonly string[] {
  return table(
    [{ title: 'instance' }, { title: 'release' }, { title: 'state' }, { title: 'pid', align: 'right' }, { title: 'port', align: 'right' }, { title: 'crashes', align: 'right' }, { title: 'why' }],
    instances.map(({ id, release, state, pid, port, crashes, reason }) => [id, release, state, pid === undefined ? '-' : String(pid), port === 0 ? '-' : String(port), String(crashes), state === 'ready' ? '' : reason]),
  );
}

/** A release has a row for each change that led to it; what is live came with the newest that succeeded. */
function releaseTable({ releases, live }: ServiceStatus): readonly string[] {
  const current = releases.find(({ id, outcome }) => id === live && outcome === 'done');
  return table(
    [{ title: 'when' }, { title: 'release' }, { title: 'action' }, { title: 'outcome' }, { title: 'version' }, { title: 'commit' }, { title: 'by' }, { title: '' }],
    releases.map((row) => {
      const { at, id, action, outcome, version = '', commit = '', by, available } = row;
      return [`${at.slice(0, 19)}Z`, id, action, outcome, version, commit.slice(0, 10), by, row === current ? 'live' : available ? '' : 'gone'];
    }),
  );
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

export function logText(line: LogLine): string {
  return `${line.at} ${line.release} ${line.instance} ${line.stream === 'err' ? 'err' : 'out'} ${sanitize(line.text)}`;
}
