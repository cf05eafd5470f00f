/** One run of several checks, for people and for programs. */
import { overall, type Ran } from '../checks/run-checks.js';
import { table } from './table.js';

/** A table, and a line that says it all. */
export function resultLines(ran: readonly Ran[], ms: number): readonly string[] {
  const failed = ran.filter(({ result }) => result.status === 'unhealthy').map(({ check }) => check.name);
  const rows = ran.map(({ check: { name, kind, severity }, result: { status, ms: took, reason = '' } }) => [name, kind, severity, status, String(took), reason]);
  return [...table(['check', 'kind', 'severity', 'status', '>ms', 'reason'], rows, 200), `${overall(ran)}: ${failed.length === 0 ? `${ran.length} checks` : `${failed.length} of ${ran.length} checks failed (${failed.join(', ')})`} in ${ms} ms`];
}

export function resultDocument(ran: readonly Ran[], ms: number): object {
  return { status: overall(ran), ms, checks: ran.map(({ check: { name, kind, target, severity, tags }, result }) => ({ name, kind, target, severity, tags, ...result })) };
}
