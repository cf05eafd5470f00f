/**
 * What keeps a build from being ready, one rule each:
 *
 *   rule      = "dirty tree" | "no commit" | measure comparison number [ unit ]
 *   measure   = [ kind ] "coverage" | [ level ] "findings" | [ outcome ] "tests" | figure "latency" | "requests/s" | "failed requests" | "artifact size"
 *   kind      = "line" | "branch" | "function" | "statement"
 *   level     = "critical" | "high" | "medium" | "low" | "unrated" | "error" | "warning" | "note"
 *   outcome   = "failed" | "skipped" | "passed"
 *   figure    = "average" | "p50" | "p90" | "p95" | "p99" | "max"
 *   comparison = "<" | "<=" | ">" | ">=" | "=="
 *
 * A rule says what is not wanted: `coverage < 90%` blocks a build whose lines are covered by less.
 */
import type { Covered } from '../quality/index.js';

export type Measure =
  | { readonly of: 'coverage'; readonly kind: Covered }
  | { readonly of: 'findings'; readonly level: FindingLevel }
  | { readonly of: 'tests'; readonly outcome: 'total' | 'failed' | 'skipped' | 'passed' }
  | { readonly of: 'latency'; readonly figure: (typeof FIGURES)[number] }
  | { readonly of: 'requests/s' }
  | { readonly of: 'failed requests' }
  | { readonly of: 'artifact size' };

export type Comparison = '<' | '<=' | '>' | '>=' | '==';

export type Rule =
  /** `rule` is the text as it was written. */
  | { readonly rule: string; readonly state: 'dirty tree' | 'no commit' }
  /** `limit` in percent, ms, bytes or as a plain number. */
  | { readonly rule: string; readonly measure: Measure; readonly comparison: Comparison; readonly limit: number };

export const FINDING_LEVELS = ['critical', 'high', 'medium', 'low', 'unrated', 'error', 'warning', 'note', 'total'] as const;
export type FindingLevel = (typeof FINDING_LEVELS)[number];
const KINDS: Readonly<Record<string, Covered>> = { line: 'lines', branch: 'branches', function: 'functions', statement: 'statements' };
const OUTCOMES = ['failed', 'skipped', 'passed'] as const;
const FIGURES = ['average', 'p50', 'p90', 'p95', 'p99', 'max'] as const;

/** Each unit as so many of the smallest one. */
const UNITS: Readonly<Record<'share' | 'time' | 'size' | 'none', Readonly<Record<string, number>>>> = {
  share: { '%': 1 },
  time: { ms: 1, s: 1_000 },
  size: { B: 1, kB: 1e3, MB: 1e6, GB: 1e9 },
  none: { '': 1 },
};

interface Subject {
  readonly measure: Measure;
  readonly unit: keyof typeof UNITS;
}

/** All measures by the words that they are written with. */
const MEASURES: ReadonlyMap<string, Subject> = new Map<string, Subject>([
  ['coverage', { measure: { of: 'coverage', kind: 'lines' }, unit: 'share' }],
  ...Object.entries(KINDS).map(([word, kind]): [string, Subject] => [`${word} coverage`, { measure: { of: 'coverage', kind }, unit: 'share' }]),
  ['findings', { measure: { of: 'findings', level: 'total' }, unit: 'none' }],
  ...FINDING_LEVELS.slice(0, -1).map((level): [string, Subject] => [`${level} findings`, { measure: { of: 'findings', level }, unit: 'none' }]),
  ['tests', { measure: { of: 'tests', outcome: 'total' }, unit: 'none' }],
  ...OUTCOMES.map((outcome): [string, Subject] => [`${outcome} tests`, { measure: { of: 'tests', outcome }, unit: 'none' }]),
  ...FIGURES.map((figure): [string, Subject] => [`${figure} latency`, { measure: { of: 'latency', figure }, unit: 'time' }]),
  ['requests/s', { measure: { of: 'requests/s' }, unit: 'none' }],
  ['failed requests', { measure: { of: 'failed requests' }, unit: 'none' }],
  ['artifact size', { measure: { of: 'artifact size' }, unit: 'size' }],
]);

/** The words that rules begin with, for messages and pages. */
export const SUBJECTS: readonly string[] = ['dirty tree', 'no commit', ...MEASURES.keys()];

/** How many letters one has to change, add or take away to make `a` of `b`. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + Number(a[i - 1] !== b[j - 1])));
    row = next;
  }
  return row[b.length] ?? 0;
}

function unknown(subject: string): string {
  const [nearest] = SUBJECTS.map((word) => ({ word, steps: distance(subject.slice(0, 40), word) })).sort((a, b) => a.steps - b.steps);
  const hint = nearest !== undefined && nearest.steps <= 3 ? `; did you mean "${nearest.word}"?` : `; a rule begins with one of: ${SUBJECTS.join(', ')}`;
  return `"${subject}" is nothing that can be judged${hint}`;
}

/**
 * One rule.
 * @throws Error that says what is wrong with it
 */
export function parseRule(text: string): Rule {
  const rule = text.trim().replace(/\s+/g, ' ');
  if (rule === 'dirty tree' || rule === 'no commit') return { rule, state: rule };
  const [, subject = '', comparison = '', digits = '', unit = ''] = /^([^<>=]*?) ?(<=|>=|==|<|>) ?(\d{1,12}(?:\.\d{1,6})?) ?(%|[A-Za-z]*)$/.exec(rule) ?? [];
  const words = subject === '' ? rule.replace(/ ?[<>=].*$/s, '') : subject;
  const known = MEASURES.get(words);
  if (known === undefined) throw new Error(unknown(words));
  const units = UNITS[known.unit];
  const example = `${words} ${known.measure.of === 'coverage' || known.measure.of === 'requests/s' ? '<' : '>'} ${known.unit === 'share' ? '90%' : known.unit === 'time' ? '200ms' : known.unit === 'size' ? '50MB' : '0'}`;
  if (subject === '') throw new Error(`it must be "${words}", a comparison (<, <=, >, >=, ==) and a number, such as "${example}"`);
  const factor = Object.hasOwn(units, unit) ? units[unit] : undefined;
  if (factor === undefined) throw new Error(`the number must have ${known.unit === 'none' ? 'no unit' : `the unit ${Object.keys(units).join(' or ')}`}, such as "${example}"`);
  if (known.unit === 'share' && Number(digits) > 100) throw new Error(`a share must be at most 100%, such as "${example}"`);
  return { rule, measure: known.measure, comparison: comparison as Comparison, limit: Number(digits) * factor };
}
