/** Limits on what the router counts, as deploy.json writes them: `"< 5%"`, `"< 300ms"`, `"< 1.5x stable"`, `"< 1% over baseline"`. */
import { parseDuration } from '../model/index.js';
import type { Rule } from '../model/index.js';

export const METRICS = ['errorRate', 'latencyP50', 'latencyP95', 'latencyP99'] as const satisfies readonly Rule['metric'][];

const NUMBER = '\\d{1,6}(?:\\.\\d{1,4})?';
const OTHER = '(stable|baseline)';

/** The forms of a limit on each metric, and how they are told. */
export const RULE_FORMS: Readonly<Record<Rule['metric'], { readonly pattern: string; readonly rule: string }>> = {
  errorRate: form('%', 'must be a limit like "< 5%" (above 0%, at most 100%), "< 1% over stable" or "< 1.5x stable" (or "baseline")'),
  latencyP50: latency(),
  latencyP95: latency(),
  latencyP99: latency(),
};

function latency(): { readonly pattern: string; readonly rule: string } {
  return form('(?:ms|s|m)', 'must be a limit like "< 300ms", "< 50ms over stable" or "< 1.5x stable" (or "baseline"), above 0');
}

/** Groups: the number with its unit and what it comes on top of, or the multiple and what of. */
function form(unit: string, rule: string): { readonly pattern: string; readonly rule: string } {
  return { pattern: `^< ?(?:(${NUMBER} ?${unit})(?: over ${OTHER})?|(${NUMBER}) ?x ${OTHER})$`, rule };
}

/** Undefined when the text has another form, or a limit that nothing can keep or break. */
export function parseRule(metric: Rule['metric'], text: string): Rule | undefined {
  const match = new RegExp(RULE_FORMS[metric].pattern).exec(text);
  if (match === null) return undefined;
  const [, figure, over, multiple, of] = match;
  if (multiple !== undefined) return limit({ metric, below: Number(multiple), of: reference(of) });
  const value = (figure ?? '').replace(' ', '');
  const below = metric === 'errorRate' ? Number.parseFloat(value) / 100 : parseDuration(value) ?? 0;
  if (metric === 'errorRate' && below > 1) return undefined;
  return limit(over === undefined ? { metric, below, of: 'absolute' } : { metric, below, of: reference(over), over: true });
}

function reference(name: string | undefined): 'stable' | 'baseline' {
  return name === 'baseline' ? name : 'stable';
}

function limit(rule: Rule): Rule | undefined {
  return rule.below > 0 ? rule : undefined;
}
