/** The watch of the agent over what was deployed last: one for each service. It is on record, and the next agent goes on with it. */
import { DeployError } from '../errors.js';
import type { Ms, ReleaseId } from '../model/index.js';
import { watch, watchTime, type WatchContext } from '../engine/watch.js';
import type { ChangeResult } from '../engine/request.js';
import { localPlatform } from '../platforms/local/platform.js';
import type { LocalService } from '../platforms/local/service.js';
import type { WatchRecord } from '../platforms/local/watch-record.js';
import { QuestionWatches } from './question-watches.js';
import { agentActor } from './recovery.js';
import { meansOf, missing, openMeans, withoutMeans } from './watch-means.js';

export interface WatchStatus {
  readonly release: ReleaseId;
  /** ISO time. */
  readonly until: string;
  /** What the agent that goes on with it does not have, for people. */
  readonly without?: readonly string[];
}

interface Watching extends WatchStatus {
  /** Filled once it is known. */
  readonly without: string[];
  readonly stop: AbortController;
  readonly ended: Promise<ChangeResult>;
}

/** What opened the services, and finishes first what an earlier agent had begun. */
export interface Opened {
  readonly all: () => readonly LocalService[];
  readonly settled: (service: LocalService) => Promise<void>;
}

interface Going {
  readonly opened: Opened;
  readonly service: LocalService;
  readonly record: WatchRecord;
  readonly without: string[];
}

export class Watches {
  private readonly current = new Map<LocalService, Watching>();
  /** Over what waits for a person. */
  readonly questions: QuestionWatches;
  private leaving = false;
  private forgetting = false;

  constructor(private readonly log: (message: string, facts?: object) => void) {
    this.questions = new QuestionWatches(log);
  }

  of(service: LocalService): WatchStatus | undefined {
    const watching = this.current.get(service);
    if (watching === undefined) return undefined;
    const { release, until, without } = watching;
    return { release, until, ...(without.length === 0 ? {} : { without }) };
  }

  /**
   * Begins the watch over what was just deployed, in place of an earlier one. Resolves with what the deploy came to: at once where nobody waits for
   * the watch, else when it is over, or when `context.signal` says that nobody waits any more; then it goes on.
   * Rejects with ND-INTERRUPTED when somebody waits and the agent leaves: what the watch comes to is not known then.
   */
  async after(service: LocalService, context: WatchContext): Promise<ChangeResult> {
    const { request, result } = context;
    const time: Ms = watchTime(request, result);
    if (time === 0 || result.release === undefined) return result;
    // The same release was deployed again (to start what had ended, say): the watch that knows what to go back to goes on.
    const already = this.current.get(service);
    if (result.previous === undefined && already?.release === result.release) return this.awaited(already.ended, context);
    const { watch: order, run, strategy, deadline, keep } = request;
    const { baseline } = context;
    const { before = [], after = [] } = order?.rollbackHooks ?? {};
    const needed = meansOf(request);
    const means = needed === undefined ? undefined : await service.state.config.ref(needed).catch(() => undefined);
    const record: WatchRecord = {
      run, release: result.release, ...(result.previous === undefined ? {} : { previous: result.previous }),
      until: new Date(Date.now() + time).toISOString(), strategy, deadline, keep, hooks: before.length + after.length,
      ...(order?.terms === undefined ? {} : { terms: order.terms }), ...(baseline === undefined ? {} : { baseline }), ...(means === undefined ? {} : { means }),
    };
    await service.update({ watch: record }).catch((error: unknown) => this.log('the watch could not be put on record, and ends with this agent', { run, error: String(error) }));
    // Behind the record that names them: no kill leaves a secret that nothing names.
    if (needed !== undefined) await service.state.config.seal(needed).catch((error: unknown) => this.log('what the watch needs could not be kept, and ends with this agent', { run, error: String(error) }));
    const ended = this.begin(service, record, (stop) => watch({ ...context, signal: stop }));
    return this.awaited(ended, context);
  }

  /** What the deploy came to, at once unless somebody waits for the end of the watch. */
  private async awaited(ended: Promise<ChangeResult>, { request, result, signal }: WatchContext): Promise<ChangeResult> {
    if (request.watch?.attached !== true) return result;
    const over = ended.then((outcome) => (outcome.outcome === 'done' ? result : { ...outcome, run: result.run }));
    const outcome = await Promise.race([over, left(signal).then(() => result)]);
    if (!this.leaving || signal.aborted || outcome !== result) return outcome;
    throw new DeployError('ND-INTERRUPTED', { what: 'the agent left before the watch was over', next: 'run status: it shows whether the next agent goes on with the watch' });
  }

  /** Goes on with what an earlier agent watched, for the time that is left, once what that agent had begun is finished. */
  resume(opened: Opened): void {
    for (const service of opened.all()) {
      const { watch: record } = service.record;
      if (record !== undefined) void this.begin(service, record, (stop, without) => this.goOn({ opened, service, record, without }, stop));
    }
  }

  /**
   * Resolves when every watch is over; one that takes a release back just now finishes first. They stay on record for the next agent, unless
   * they are to be forgotten.
   */
  async stop({ forget }: { readonly forget: boolean }): Promise<void> {
    this.leaving = true;
    this.forgetting = this.forgetting || forget;
    const all = [...this.current.values()];
    for (const { stop } of all) stop.abort();
    await Promise.all([...all.map(({ ended }) => ended), this.questions.stop()]);
  }

  private begin(service: LocalService, record: WatchRecord, work: (stop: AbortSignal, without: string[]) => Promise<ChangeResult>): Promise<ChangeResult> {
    this.current.get(service)?.stop.abort();
    const stop = new AbortController();
    if (this.leaving) stop.abort();
    const without: string[] = [];
    const ended = work(stop.signal, without).then(async (result) => {
      if (this.current.get(service)?.ended === ended) this.current.delete(service);
      await this.forget(service, record, stop.signal.aborted && result.outcome === 'done');
      return result;
    });
    this.current.set(service, { release: record.release, until: record.until, without, stop, ended });
    return ended;
  }

  private async goOn({ opened, service, record, without }: Going, signal: AbortSignal): Promise<ChangeResult> {
    const { run, release, previous, until, strategy, deadline, keep, terms, baseline } = record;
    const { service: name, environment } = service.record.key;
    const facts = { run, service: name, environment };
    const result: ChangeResult = { ...facts, outcome: 'done', action: 'deploy', release, ...(previous === undefined ? {} : { previous }), durationMs: 0, stages: {} };
    const means = await openMeans(service.state, record);
    if (means === undefined) without.push(...missing(record));
    await opened.settled(service);
    const ms = Math.max(0, Date.parse(until) - Date.now());
    const none = { before: [], after: [] };
    const { probing, notify, hooks = none } = means ?? {};
    this.log('a watch goes on', { ...facts, release, ms, without });
    const outcome = await watch({
      platform: localPlatform(service, service.record.listen ?? { address: '127.0.0.1' }),
      request: {
        ...facts, actor: agentActor(), change: { action: 'rollback', ...(previous === undefined ? {} : { to: previous }) }, strategy, hooks: none, deadline, keep, dryRun: false,
        watch: { ms, attached: false, rollbackHooks: hooks, ...(terms === undefined ? {} : { terms: means === undefined ? withoutMeans(terms) : terms }) },
        ...(probing === undefined ? {} : { probing }), ...(notify === undefined ? {} : { notify }),
      },
      baseline, result, actor: agentActor(), signal, resumed: { without },
      emit: (event) => { if (event.type !== 'traffic') this.log('watch', { ...facts, event }); },
    });
    this.log('a watch ended', { result: outcome });
    return outcome;
  }

  /** `stopped`: before its time, and not because of what it saw. */
  private async forget(service: LocalService, { run, means }: WatchRecord, stopped: boolean): Promise<void> {
    // From the moment that it is forsaken its record is another agent's.
    if (service.forsaken || (stopped && this.leaving && !this.forgetting)) return;
    // Before the record that names them.
    if (means !== undefined) await service.state.config.remove(means).catch((error: unknown) => this.log('what the watch needed could not be taken away', { run, error: String(error) }));
    if (service.record.watch?.run === run) await service.update({ watch: undefined }).catch((error: unknown) => this.log('the watch could not be taken off the record', { run, error: String(error) }));
  }
}

function left(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
