/** SARIF 2.1.0 (OASIS, Static Analysis Results Interchange Format), as code hosts and editors read it. */
import { RULES, type ProblemRule } from '../problem.js';
import type { Report, ReportFinding } from './report.js';

const SCHEMA = 'https://json.schemastore.org/sarif-2.1.0.json';
const TOOL = 'nx-env-sync';

/** A path as a relative reference (RFC 3986): what is no part of a URI is escaped. */
function uriOf(file: string): string {
  return file.split('/').map(encodeURIComponent).join('/');
}

function locationOf({ file, line }: ReportFinding): object {
  if (file === undefined) return {};
  // A finding about a whole file has no region.
  const region = line === undefined ? {} : { region: { startLine: line } };
  return { locations: [{ physicalLocation: { artifactLocation: { uri: uriOf(file), uriBaseId: 'SRCROOT' }, ...region } }] };
}

/** Every rule that there is, found or not: a reader can tell what was looked for. */
export function sarifReport({ findings, outcome, notes }: Report): string {
  const ids = Object.keys(RULES) as ProblemRule[];
  return `${JSON.stringify({
    $schema: SCHEMA,
    version: '2.1.0',
    runs: [{
      tool: { driver: { name: TOOL, rules: ids.map((id) => ({ id, shortDescription: { text: `${RULES[id]}.` } })) } },
      invocations: [{
        executionSuccessful: outcome !== 'refused',
        ...(notes.length === 0 ? {} : { toolExecutionNotifications: notes.map((text) => ({ level: 'note', message: { text } })) }),
      }],
      results: findings.map((finding) => ({
        ruleId: finding.rule,
        ruleIndex: ids.indexOf(finding.rule),
        level: finding.severity,
        message: { text: finding.key === undefined ? finding.message : `${finding.key}: ${finding.message}` },
        ...locationOf(finding),
      })),
    }],
  }, null, 2)}\n`;
}
