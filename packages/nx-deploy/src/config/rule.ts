/** Limits on what the router counts, as deploy.json writes them: `"< 5%"`, `"< 300ms"`, `"< 1.5x stable"`. */
import { parseDuration } from '../model/index.js';
import type { Rule } from '../model/index.js';

export const METRICS = ['errorRate', 'latencyP50', 'latencyP95', 'latencyP99'] as const satisfies readonly Rule['metric'][];

const NUMBER = '\\d{1,6}(?:\\.\\d{1,4})?';
const OF_STABLE = `${NUMBER} ?x stable`;

/** The forms of a limit on each metric, and how they are told. */
export const RULE_FORMS: Readonly<Record<Rule['metric'], { readonly pattern: string; readonly rule: string }>> = {
  errorRate: { pattern: `^< ?(?:${NUMBER} ?%|${OF_STABLE})$`, rule: 'must be a limit like "< 5%" (above 0%, at most 100%) or "< 1.5x stable"' },
  latencyP50: latency(),
  latencyP95: latency(),
  latencyP99: latency(),
};

function latency(): { readonly pattern: string; readonly rule: string } {
  return { pattern: `^< ?(?:${NUMBER} ?(?:ms|s|m)|${OF_STABLE})$`, rule: 'must be a limit like "< 300ms" or "< 1.5x stable", above 0' };
}

/** Undefined when the text has another form, or a limit that nothing can keep or break. */
export function parseRule(metric: Rule['metric'], text: string): Rule | undefined {
  if (!new RegExp(RULE_FORMS[metric].pattern).test(text)) return undefined;
  const limit = text.slice(1).replaceAll(' ', '');
  const of = limit.endsWith('xstable') ? 'stable' : 'absolute';
  const below = of === 'stable' ? Number.parseFloat(limit) : metric === 'errorRate' ? Number.parseFloat(limit) / 100 : parseDuration(limit) ?? 0;
  const most = of === 'absolute' && metric === 'errorRate' ? 1 : Number.MAX_SAFE_INTEGER;
  return below > 0 && below <= most ? { metric, below, of } : undefined;
}
