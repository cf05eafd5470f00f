import { auditEnvironment } from '../audit/audit.js';
import { examineEnvironment, type EnvironmentQuery, type ExaminedEnvironment } from '../examine-environment.js';
import type { EnvProblem, ProblemRule } from '../problem.js';
import { EnvironmentReader } from '../reader.js';
import { isProtected } from '../traits.js';

export type Severity = 'error' | 'warning';

export interface Finding extends EnvProblem {
  readonly rule: ProblemRule;
  readonly severity: Severity;
}

export interface ValidatedEnvironment {
  readonly examined: ExaminedEnvironment;
  /** Errors first. */
  readonly findings: readonly Finding[];
  /** What could not be looked at, a line each. */
  readonly notes: readonly string[];
}

/** Problems are errors everywhere. What an audit finds is one where the environment is protected, and a warning elsewhere. Never throws for what the files hold. */
export async function validateEnvironment(query: EnvironmentQuery, reader = new EnvironmentReader(query)): Promise<ValidatedEnvironment> {
  const examined = await examineEnvironment(query, reader);
  const audit = await auditEnvironment(examined, { environment: query.environment, projectRoot: query.projectRoot, reader });
  const severity: Severity = isProtected(query.environment, examined.described.protected) ? 'error' : 'warning';
  return {
    examined,
    findings: [...examined.problems.map((problem) => finding(problem, 'error')), ...audit.findings.map((problem) => finding(problem, severity))],
    notes: audit.notes,
  };
}

function finding(problem: EnvProblem, severity: Severity): Finding {
  return { ...problem, rule: problem.rule ?? 'file', severity };
}
