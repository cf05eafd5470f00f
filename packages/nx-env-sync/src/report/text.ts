import { formatProblem } from '../problem.js';
import type { Report, ReportFinding, ReportKey } from './report.js';

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** KEY, whether it is secret, and where it is set; no values. */
function table(keys: readonly ReportKey[]): string[] {
  if (keys.length === 0) return [];
  const width = Math.max(...keys.map(({ key }) => key.length), 'KEY'.length);
  const rows = keys.map(({ key, secret, file, line }) => [key, secret ? 'secret' : '', `${file}:${line}`] as const);
  return [['KEY', '', 'SET IN'] as const, ...rows].map(([key, secret, source]) => `  ${key.padEnd(width)}  ${secret.padEnd(6)}  ${source}`);
}

/** `- file:line key: what [rule]` */
function line({ rule, severity, message, file, ...place }: ReportFinding): string {
  const said = file === undefined ? message : formatProblem({ ...place, file, what: message });
  return `  - ${severity === 'error' ? '' : 'warning: '}${said} [${rule}]`;
}

function verdict({ project, environment, outcome, keys, findings }: Report): string {
  const title = `environment ${environment ?? ''} of ${project}`;
  const warnings = findings.filter(({ severity }) => severity === 'warning').length;
  const errors = findings.length - warnings;
  const warned = warnings === 0 ? '' : `, ${counted(warnings, 'warning')}`;
  return outcome === 'valid' ? `${title}: valid, ${counted(keys.length, 'key')}${warned}` : `error: ${title}: ${counted(errors, 'problem')}${warned}`;
}

/** A report for people. Each line ends with a line feed. */
export function textReport(report: Report): string {
  const { outcome, findings, notes, next } = report;
  const body = findings.map(line);
  if (outcome === 'skipped') return `${notes.map((note) => `skipped: ${note}`).join('\n')}\n`;
  if (outcome === 'refused') {
    const [first, ...others] = findings;
    return `${[`error: ${first?.message ?? ''}`, ...others.map(line), ...next.map((each) => `  ${each}`)].join('\n')}\n`;
  }
  return `${[...table(report.keys), ...body, ...notes.map((note) => `  note: ${note}`), verdict(report)].join('\n')}\n`;
}
