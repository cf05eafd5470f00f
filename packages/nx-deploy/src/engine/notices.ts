/** Tells of a change what is to be told of it: when it begins, and how it ended. */
import type { SerializedError } from '../errors.js';
import type { Emit, Ms } from '../model/index.js';
import { escalationOf, noticeId, Notifier, type Ended, type Notice, type NoticeKind } from '../notifications/index.js';
import type { Platform } from '../platforms/platform.js';
import type { LedgerEntry } from '../releases/index.js';
import type { ChangeRequest, ChangeResult } from './request.js';

interface Telling {
  readonly platform: Platform;
  readonly request: ChangeRequest;
  readonly emit: Emit;
}

export interface Notices {
  /** Takes the place of the change's own. */
  readonly emit: Emit;
  /** Tells how it ended, and gives that a moment. What takes longer goes on behind the result. */
  end(result: ChangeResult): Promise<void>;
}

/** A result is held back no longer than this. */
const MOMENT: Ms = 1_000;
const REASON_LENGTH = 500;

/** Of this process: what is still being sent. */
const underWay = new Set<Promise<unknown>>();

/** Resolves when nothing is being sent any more; for a process that is about to end. */
export async function noticesSent(): Promise<void> {
  await Promise.all(underWay);
}

export function openNotices({ platform, request, emit }: Telling): Notices {
  const channels = request.notify ?? [];
  if (channels.length === 0 || request.dryRun) return { emit, end: () => Promise.resolve() };
  const notifier = new Notifier(channels, (text) => emit({ type: 'note', text }));
  const tell = async (kind: NoticeKind, facts: Partial<Notice>, result?: ChangeResult): Promise<void> => {
    const entries = await platform.state.ledger.entries().catch(() => []);
    const { level, repeated } = escalationOf(endsOf(entries), runOf(entries, request, result), Date.now());
    if (!repeated) notifier.tell({ ...base(request, kind), ...facts, level });
  };
  let begun: Promise<void> | undefined;
  return {
    emit(event) {
      if (event.type === 'plan') begun ??= tell('start', { release: event.release }).catch(() => undefined);
      emit(event);
    },
    async end(result) {
      const kind = kindOf(request, result);
      if (kind === undefined) return;
      await begun;
      await tell(kind, factsOf(request, result), result).catch(() => undefined);
      await hurry(notifier, emit);
    },
  };
}

/** What a change came to that nothing was done about any more. */
export async function tellFailure({ platform, request, emit }: Telling, result: ChangeResult): Promise<void> {
  const notices = openNotices({ platform, request: { ...request, run: `${request.run}-watch`, change: { action: 'rollback' } }, emit });
  await notices.end(result);
}

async function hurry(notifier: Notifier, emit: Emit): Promise<void> {
  const sending = notifier.settled(2 ** 31 - 1).finally(() => underWay.delete(sending));
  underWay.add(sending);
  const late = await notifier.settled(MOMENT);
  if (late.length > 0) emit({ type: 'note', text: `not sent yet: the notification ${late.join(', ')}; the change does not wait for it` });
}

/** Nothing is told of what was refused or changed nothing. */
function kindOf({ reason }: ChangeRequest, { outcome, action, decision }: ChangeResult): NoticeKind | undefined {
  switch (outcome) {
    case 'done': return action === 'rollback' || decision === 'rejected' || decision === 'expired' ? (reason === undefined ? 'rollback' : 'watch-rollback') : 'success';
    case 'restored': case 'not-restored': return 'failure';
    case 'paused': return 'approval';
    case 'unchanged': case 'planned': case 'refused': return undefined;
  }
}

function base({ run, service, environment, change, actor }: ChangeRequest, kind: NoticeKind): Notice {
  return {
    id: noticeId(run, kind), kind, level: 1, at: new Date().toISOString(), service, environment, run, action: change.action === 'rollback' ? 'rollback' : 'deploy', by: `${actor.user}@${actor.host}`,
  };
}

function factsOf({ reason }: ChangeRequest, result: ChangeResult): Partial<Notice> {
  const { action, outcome, release, previous, url, durationMs, manifest, error, paused, decision } = result;
  const why = paused?.gate ?? reasonOf(error) ?? reason ?? decision;
  return {
    action, outcome, durationMs,
    ...optional('release', release), ...optional('previous', previous), ...optional('url', url), ...optional('version', manifest?.now?.version), ...optional('code', error?.code),
    ...optional('reason', why?.slice(0, REASON_LENGTH)),
  };
}

/** What a hook or a service printed last is not passed on: it may hold anything. */
function reasonOf(error: SerializedError | undefined): string | undefined {
  if (error === undefined) return undefined;
  const figures = error.code === 'ND-GATE-FAILED' || error.code === 'ND-GATE-INCONCLUSIVE' || error.code === 'ND-WATCH-FAILED' ? error.problems ?? [] : [];
  return [error.what, ...(error.why === undefined ? [] : [error.why]), ...figures].join(': ');
}

/** The run that the ledger has the end under: an approval and a resume end the one that they go on with. */
function runOf(entries: readonly LedgerEntry[], { run, change }: ChangeRequest, result: ChangeResult | undefined): string {
  if (result?.decision === 'approved') return entries.findLast(({ kind }) => kind === 'approved')?.run ?? run;
  if (change.action === 'resume' && result?.outcome === 'done') return entries.findLast(({ kind }) => kind === 'end')?.run ?? run;
  return run;
}

function endsOf(entries: readonly LedgerEntry[]): readonly Ended[] {
  return entries.flatMap((entry) => (entry.kind === 'end' ? [{ at: entry.at, run: entry.run, release: entry.release, outcome: entry.outcome, code: entry.error?.code }] : []));
}

function optional<Key extends string, Value>(key: Key, value: Value | undefined): { readonly [K in Key]?: Value } {
  return value === undefined ? {} : { [key]: value } as { readonly [K in Key]: Value };
}
