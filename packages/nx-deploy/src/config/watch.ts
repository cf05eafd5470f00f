/** How a release is looked after once its deploy is done. */
import { defaultTerms, parseDuration, type Analysis, type Ms, type Probe, type Trigger, type WatchTerms } from '../model/index.js';
import type { Path } from './document.js';
import { rulesOf } from './limit-schema.js';
import type { WatchOption } from './resolved.js';
import { METRICS } from './rule.js';
import { DEFAULT_WATCH, DEFAULT_WINDOW, type WatchConfig } from './watch-schema.js';

export interface WatchRequest {
  readonly given: WatchConfig | undefined;
  /** Of the strategy. */
  readonly own: Analysis | undefined;
  readonly probes: (names: readonly string[], at: Path) => readonly Probe[];
  /** `path` is relative to the watch. */
  readonly complain: (path: Path, text: string) => void;
}

type Given = Exclude<WatchConfig, string>;

export function watchOf({ given, own, probes, complain }: WatchRequest): WatchOption {
  const spelled: Given = typeof given === 'object' ? given : given === undefined ? {} : { time: given };
  const time = ms(spelled.time, DEFAULT_WATCH);
  const { triggers, minimum, baseline, ...others } = defaultTerms(own);
  const terms: WatchTerms = {
    ...others,
    unhealthy: spelled.unhealthy === undefined ? others.unhealthy : ms(spelled.unhealthy, '0s'),
    triggers: spelled.triggers?.flatMap((trigger, index) => triggersOf(trigger, index, complain)) ?? triggers,
    minimum: spelled.minimum ?? minimum, baseline: spelled.baseline === undefined ? baseline : ms(spelled.baseline, '0s'),
    probes: probes(spelled.checks ?? [], ['checks']), inconclusive: spelled.inconclusive ?? others.inconclusive,
  };
  for (const [index, trigger] of (spelled.triggers ?? []).entries()) {
    if (time > 0 && ms(trigger.window, DEFAULT_WINDOW) > time && rulesOf(trigger).some(({ metric }) => metric !== 'errorRate')) complain(['triggers', index, 'window'], 'must not be longer than the watch: times are judged when the window has passed');
  }
  return { time, terms };
}

/** A time is slow for as long as the window; errors count as soon as there is no doubt. */
function triggersOf(given: NonNullable<Given['triggers']>[number], index: number, complain: WatchRequest['complain']): readonly Trigger[] {
  const rules = rulesOf(given);
  const window = ms(given.window, DEFAULT_WINDOW);
  if (rules.length === 0) complain(['triggers', index], `must have a limit: ${METRICS.join(', ')}`);
  for (const { metric, of } of rules) {
    if (of === 'stable') complain(['triggers', index, metric], 'must be a number or compare with "baseline": after the deploy no other release has traffic');
  }
  const [errors, times] = [rules.filter(({ metric }) => metric === 'errorRate'), rules.filter(({ metric }) => metric !== 'errorRate')];
  return [...(errors.length === 0 ? [] : [{ rules: errors, window }]), ...(times.length === 0 ? [] : [{ rules: times, window, lasting: true as const }])];
}

function ms(text: string | undefined, otherwise: string): Ms {
  return parseDuration(text ?? otherwise) ?? 0;
}
