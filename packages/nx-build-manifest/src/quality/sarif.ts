import { isRecord, parseJson } from '../reading.js';

export const LEVELS = ['error', 'warning', 'note', 'none'] as const;
export const SEVERITIES = ['critical', 'high', 'medium', 'low'] as const;
export type Level = (typeof LEVELS)[number];
export type Severity = (typeof SEVERITIES)[number];

export interface Findings {
  readonly total: number;
  readonly levels: Readonly<Record<Level, number>>;
  /** Of the findings whose rule has a `security-severity`, a number as of CVSS: critical from 9.0, high from 7.0, medium from 4.0, low above 0. */
  readonly severities: Readonly<Record<Severity, number>>;
  /** Findings whose severity nobody states, in result or rule, so that they may be critical. Absent in manifests that were written before it was counted. */
  readonly unrated?: number;
  /** Findings that somebody suppressed; they count nowhere else. */
  readonly suppressed: number;
}

type Fields = Readonly<Record<string, unknown>>;

const records = (value: unknown): readonly Fields[] => (Array.isArray(value) ? value.filter(isRecord) : []);
const child = (value: unknown, key: string): Fields => {
  const inner = isRecord(value) ? value[key] : undefined;
  return isRecord(inner) ? inner : {};
};

/** Rules of the driver and of extensions; SARIF 2.1.0, 3.52: by index into the component's rules, else by id. */
function ruleOf(run: Fields, result: Fields): Fields {
  const tool = child(run, 'tool');
  const reference = child(result, 'rule');
  const component = child(reference, 'toolComponent')['index'];
  const holder = typeof component === 'number' ? records(tool['extensions'])[component] : child(tool, 'driver');
  const rules = records(holder?.['rules']);
  const index = result['ruleIndex'] ?? reference['index'];
  if (typeof index === 'number' && index >= 0) return rules[index] ?? {};
  const id = result['ruleId'] ?? reference['id'];
  return typeof id === 'string' ? rules.find((rule) => rule['id'] === id || id.startsWith(`${String(rule['id'])}/`)) ?? {} : {};
}

/** SARIF 2.1.0, 3.27.10: the result's own level, else that of its rule, else warning; what is no failure has none. */
function levelOf(result: Fields, rule: Fields): Level {
  const kind = result['kind'] ?? 'fail';
  const stated = result['level'] ?? (kind === 'fail' ? child(rule, 'defaultConfiguration')['level'] ?? 'warning' : 'none');
  const level = LEVELS.find((one) => one === stated);
  if (level === undefined) throw new Error(`a level must be one of ${LEVELS.join(', ')}, got ${JSON.stringify(stated)}`);
  return level;
}

/** `none` is what is stated as 0; undefined: nothing is stated. */
function severityOf(result: Fields, rule: Fields): Severity | 'none' | undefined {
  const stated = child(result, 'properties')['security-severity'] ?? child(rule, 'properties')['security-severity'];
  if (stated === undefined) return undefined;
  const score = Number(stated);
  if (!Number.isFinite(score) || score < 0 || score > 10) throw new Error(`security-severity must be a number from 0 to 10, got ${JSON.stringify(stated)}`);
  if (score >= 9) return 'critical';
  if (score >= 7) return 'high';
  if (score >= 4) return 'medium';
  return score > 0 ? 'low' : 'none';
}

/** SARIF 2.1.0, 3.27.23 and 3.35: suppressed when there is a suppression, and none of them is under review or rejected. */
function isSuppressed(result: Fields): boolean {
  const suppressions = records(result['suppressions']);
  return suppressions.length > 0 && suppressions.every((one) => (one['status'] ?? 'accepted') === 'accepted');
}

/** Findings of a SARIF 2.1.0 log. */
export function sarifFindings(text: string): Findings {
  const log = parseJson(text);
  if (!isRecord(log) || !Array.isArray(log['runs'])) throw new Error('runs: must be a list; is it a SARIF log?');
  if (log['version'] !== '2.1.0') throw new Error(`version: must be "2.1.0", got ${JSON.stringify(log['version'])}`);
  const levels = { error: 0, warning: 0, note: 0, none: 0 };
  const severities = { critical: 0, high: 0, medium: 0, low: 0 };
  const counts = { total: 0, unrated: 0, suppressed: 0 };
  log['runs'].forEach((run: unknown, at) => {
    if (!isRecord(run)) throw new Error(`runs[${at}]: must be an object`);
    const { results = [] } = run;
    // null says that the run could not look (3.14.23): that is no clean bill.
    if (!Array.isArray(results)) throw new Error(`runs[${at}].results: must be a list${results === null ? '; null says that the tool failed' : ''}`);
    results.forEach((result: unknown, index) => {
      if (!isRecord(result)) throw new Error(`runs[${at}].results[${index}]: must be an object`);
      // 3.27.24: it was in the run before, and is no longer there.
      if (result['baselineState'] === 'absent') return;
      if (isSuppressed(result)) {
        counts.suppressed += 1;
        return;
      }
      const rule = ruleOf(run, result);
      const severity = severityOf(result, rule);
      counts.total += 1;
      const level = levelOf(result, rule);
      levels[level] += 1;
      // What is no failure (level none) has no severity that could be missing.
      if (severity === undefined && level !== 'none') counts.unrated += 1;
      if (severity !== undefined && severity !== 'none') severities[severity] += 1;
    });
  });
  return { total: counts.total, levels, severities, unrated: counts.unrated, suppressed: counts.suppressed };
}

export function findingsTogether(parts: readonly Findings[]): Findings {
  const sum = (pick: (part: Findings) => number): number => parts.reduce((all, part) => all + pick(part), 0);
  return {
    total: sum(({ total }) => total),
    levels: { error: sum(({ levels }) => levels.error), warning: sum(({ levels }) => levels.warning), note: sum(({ levels }) => levels.note), none: sum(({ levels }) => levels.none) },
    severities: { critical: sum(({ severities }) => severities.critical), high: sum(({ severities }) => severities.high), medium: sum(({ severities }) => severities.medium), low: sum(({ severities }) => severities.low) },
    unrated: sum(({ unrated = 0 }) => unrated),
    suppressed: sum(({ suppressed }) => suppressed),
  };
}
