/** The share of requests that failed, against a limit or against what another release had. */
import { limitText, percent, type Metrics } from '../model/index.js';
import { atMost, isBeyondDoubt } from './evidence.js';
import type { Case, Finding } from './judge.js';

export function judgeErrorRate(given: Case): Finding {
  const { rule, metrics: { errors, requests }, reference, risk } = given;
  const rate = errors / requests;
  const figures = `errorRate ${percent(rate)} (${errors} of ${requests} requests)`;
  if (reference === undefined) {
    if (isBeyondDoubt(errors, requests - errors, rule.below, risk)) return { verdict: 'fail', line: `${figures} is not below ${percent(rule.below)}` };
    if (errors === 0 || rate < rule.below) return { verdict: 'pass', line: figures };
    return { verdict: 'inconclusive', line: `${figures} is too close to ${percent(rule.below)}` };
  }
  const than = `${limitText(rule)} (${percent(reference.errors / reference.requests)}, ${reference.errors} of ${reference.requests} requests)`;
  return isWorse(given, reference) ? { verdict: 'fail', line: `${figures} is not below ${than}` } : { verdict: 'pass', line: figures };
}

/** A multiple is exceeded beyond doubt. A number of points is exceeded by the figures, while it is beyond doubt that the release is worse at all. */
function isWorse({ rule, metrics: { errors, requests }, risk }: Case, reference: Metrics): boolean {
  const times = rule.over === true ? 1 : rule.below;
  if (rule.over === true && errors / requests - reference.errors / reference.requests < rule.below) return false;
  if (rule.of === 'stable') return isBeyondDoubt(errors, reference.errors, (times * requests) / (times * requests + reference.requests), risk);
  // The figure from before is an estimate as well, and half of the risk is its.
  const known = times * atMost(reference.errors, reference.requests);
  return isBeyondDoubt(errors, requests - errors, known, risk / 2);
}
