/** The answer of `status` as lines for people. */
import type { ClosureStatus } from '../control/closures.js';
import type { DecisionStatus, PausedStatus, ReleaseStatus, ServiceStatus } from '../control/protocol.js';
import type { Shadow } from '../config/shadowed.js';
import type { TargetKey } from '../config/plugin-options.js';
import { formatDuration, WEB, type Ms } from '../model/index.js';
import { sanitize, table } from '../terminal/index.js';
import { answerCommand, section } from './text.js';

export interface StatusFacts {
  /** Inferred targets that something else replaces. */
  readonly shadowed: readonly Shadow[];
  /** The command of a target, to copy. */
  readonly command: (target: TargetKey) => string;
  /** Milliseconds since 1970. */
  readonly now: Ms;
}

/** Outcomes of a change that has not ended: nothing of it is gone. */
const UNDER_WAY: ReadonlySet<string> = new Set(['waiting', 'unfinished']);

export function statusLines(status: ServiceStatus, facts: StatusFacts): readonly string[] {
  const head = `${status.service} ${status.environment} on ${status.platform}`;
  const warnings = facts.shadowed.map(({ name, by, file }) => `warning: the ${by} ${name} of ${file} replaces the target ${name} of nx-deploy; rename one of them`);
  const notes = (status.notes ?? []).map((text) => `note: ${sanitize(text)}`);
  if (!status.deployed && status.releases.length === 0) return [`${head}: never deployed`, ...notes, ...warnings];
  return [
    status.destroyed !== undefined ? `${head}: destroyed at ${status.destroyed.at} by ${status.destroyed.by}; a deploy starts afresh` : `${head}: ${liveText(status)}${status.url === undefined ? '' : ` at ${status.url}`}${unserved(status) ? ', but no instance is ready' : ''}`,
    ...(unserved(status) ? unservedLines(status, facts) : []),
    ...(status.lock === undefined ? [] : [`${status.lock.action} ${status.lock.run} is under way, by ${status.lock.actor.user}@${status.lock.actor.host} since ${status.lock.since}; status --follow watches it`]),
    ...(status.interrupted === undefined ? [] : [
      `the ${status.interrupted.action} ${status.interrupted.run} of ${status.interrupted.since} was interrupted at ${status.interrupted.at}; ${status.interrupted.action === 'destroy' ? 'run destroy again' : 'repair, or the next deploy or rollback, brings it to an end'}`,
    ]),
    ...(status.paused === undefined ? [] : pausedLines(status.paused, facts)),
    ...(status.closed === undefined ? [] : closedLines(status.closed, facts)),
    ...(status.watch === undefined ? [] : [`${status.watch.release} is watched until ${seconds(status.watch.until)}, and taken back when it does badly${status.watch.without === undefined ? '' : `, without ${sanitize(status.watch.without.join(' and '))}, which were lost with the agent that began the watch`}`]),
    ...notes,
    ...section(fleetTable(status)),
    ...section(instanceTable(status)),
    ...section(releaseTable(status)),
    '',
    status.ledger.ok ? `ledger: ${status.ledger.entries} entries, whole, head ${status.ledger.head.slice(0, 16)}` : `ledger: BROKEN, ${status.ledger.broken ?? ''}`,
    ...warnings,
  ];
}

function closedLines({ type, since, by }: ClosureStatus, { command }: StatusFacts): readonly string[] {
  const what = type === 'paused' ? 'paused: new requests wait' : 'under maintenance: every request gets 503 and a page';
  return [`${what}, since ${since} by ${by}`, `  end it    ${command('resume')}`];
}

/** Anybody's text is made printable by whoever prints lines; it stays on one line here, and the command lines stand alone. */
function pausedLines({ id, run, action, by, gate, since, expires }: PausedStatus, { command, now }: StatusFacts): readonly string[] {
  const left = Date.parse(expires) - now;
  const end = left > 0 ? `until ${seconds(expires)} (${formatDuration(left)} left)` : `until ${seconds(expires)}, which is over: it is taken back`;
  return [
    `the ${action} ${run} of ${by} waits for an answer, since ${seconds(since)}, ${end}`,
    `  asked     ${sanitize(gate)}`,
    ...(left > 0 ? [`  approve   ${answerCommand(command('approve'), { id, run })}`, `  reject    ${answerCommand(command('reject'), { id, run })}`] : []),
  ];
}

/** In the middle of a change the traffic is shared. */
function liveText({ live, fleet }: ServiceStatus): string {
  if (live === undefined) return 'no release has traffic';
  const shares = Object.entries(fleet).filter(([, { weight }]) => weight > 0).sort(([, a], [, b]) => b.weight - a.weight);
  return shares.length < 2 ? `${live} is live` : `${shares.map(([id, { weight }]) => `${id} has ${weight}%`).join(', ')} of the traffic`;
}

/** Does no release that has traffic have an instance that could answer it? */
function unserved({ fleet }: ServiceStatus): boolean {
  const sharing = Object.values(fleet).filter(({ weight }) => weight > 0);
  return sharing.length > 0 && sharing.every(({ processes }) => (processes[WEB]?.ready ?? 0) === 0);
}

/** While somebody changes it, waiting is the next step. */
function unservedLines({ lock, closed }: ServiceStatus, { command }: StatusFacts): readonly string[] {
  return [
    ...(closed === undefined ? ['requests get 503 until one is'] : []),
    ...(lock === undefined ? [`  see why   ${command('logs')}`, `  start     ${command('repair')}`, `  go back   ${command('rollback')}`] : []),
  ];
}

/** Without the fraction, which nobody compares by eye. */
function seconds(iso: string): string {
  return `${iso.slice(0, 19)}Z`;
}

function fleetTable({ fleet, traffic }: ServiceStatus): readonly string[] {
  const rows = Object.entries(fleet).flatMap(([id, release]) => Object.entries(release.processes).map(([name, counts]) => {
    const seen = traffic[id] ?? { requests: 0, errors: 0, p95: 0 };
    return [id, name, `${release.weight}%`, String(counts.running), String(counts.ready), String(counts.draining), release.until === undefined ? '' : seconds(release.until), `${seen.requests}`, `${seen.errors}`, seen.requests === 0 ? '-' : formatDuration(seen.p95)];
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
    releases.flatMap((row) => {
      const { at, id, action, outcome, version = '', commit = '', by, available, reason = '', decisions = [] } = row;
      const mark = row === current ? 'live' : available || UNDER_WAY.has(outcome) ? '' : 'gone';
      return [
        ...decisions.toReversed().map((decision) => decisionRow(row, decision)),
        [seconds(at), id, action, outcome, version, commit.slice(0, 10), by, [mark, reason].filter((text) => text !== '').join(': ')],
      ];
    }),
  );
}

/** The question stands with its own row, the note with the answer. */
function decisionRow({ id, action }: ReleaseStatus, { kind, at, by, gate, note = '' }: DecisionStatus): readonly string[] {
  return [seconds(at), id, action, kind, '', '', by, kind === 'paused' ? gate : note];
}
