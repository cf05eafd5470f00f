/** The watch over what was deployed last, as the next agent needs it to go on. What holds secrets is kept elsewhere. */
import type { StrategyOptions } from '../../config/resolved.js';
import type { ConfigRef, Metrics, Ms, ReleaseId, WatchTerms } from '../../model/index.js';
import { hasText, isEachOf, isObject, isWhole } from '../../releases/index.js';

export interface WatchRecord {
  /** Of the deploy. */
  readonly run: string;
  readonly release: ReleaseId;
  /** To go back to; undefined after a first deploy. */
  readonly previous?: ReleaseId;
  /** ISO time. */
  readonly until: string;
  /** Its limits are those of the watch, and a rollback goes its way. */
  readonly strategy: StrategyOptions;
  /** Of a rollback. */
  readonly deadline: Ms;
  /** Successful releases that stay stored. */
  readonly keep: number;
  /** How many rollback hooks there are. */
  readonly hooks: number;
  /** What is looked for. */
  readonly terms?: WatchTerms;
  /** What the router had counted before the deploy. */
  readonly baseline?: Metrics;
  /** Where checks, channels and hooks that need secrets have them; undefined where none does. */
  readonly means?: ConfigRef;
}

export function isWatchRecord(value: unknown): value is WatchRecord {
  if (!isObject(value) || !hasText(value, ['run', 'release', 'until'])) return false;
  const { previous, until, strategy, deadline, keep, hooks, terms, baseline, means } = value;
  return Number.isFinite(Date.parse(String(until))) && (previous === undefined || typeof previous === 'string')
    && isStrategy(strategy) && typeof deadline === 'number' && isWhole(keep) && isWhole(hooks)
    && (terms === undefined || isTerms(terms)) && (baseline === undefined || isMetrics(baseline)) && (means === undefined || (isObject(means) && hasText(means, ['digest']) && isEachOf(means['keys'], (digest) => typeof digest === 'string')));
}

/** What the watch and its rollback read of it. */
function isStrategy(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { type, steps, batch, smoke, analyse } = value;
  if (analyse !== undefined && !(isObject(analyse) && Array.isArray(analyse['rules']) && analyse['rules'].every(isObject) && typeof analyse['minimum'] === 'number')) return false;
  switch (type) {
    case 'recreate': return true;
    case 'rolling': return typeof batch === 'number';
    case 'blue-green': return Array.isArray(smoke);
    case 'canary': return Array.isArray(smoke) && Array.isArray(steps) && steps.every(isObject);
    default: return false;
  }
}

function isTerms(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { unhealthy, triggers, minimum, baseline, probes, inconclusive } = value;
  return [unhealthy, minimum, baseline].every((figure) => isWhole(figure)) && (inconclusive === 'keep' || inconclusive === 'rollback')
    && Array.isArray(triggers) && triggers.every((trigger) => isObject(trigger) && isWhole(trigger['window']) && Array.isArray(trigger['rules']) && trigger['rules'].every(isObject))
    && Array.isArray(probes) && probes.every((probe) => isObject(probe) && isObject(probe['target']) && hasText(probe, ['name']));
}

function isMetrics(value: unknown): boolean {
  return isObject(value) && isWhole(value['requests']) && isWhole(value['errors']) && isObject(value['latency']) && Array.isArray(value['times']);
}
