/** JUnit's form of results, as continuous integration reads it: https://github.com/testmoapp/junitxml */
import type { CheckResult } from '../result.js';

export interface JunitCase {
  readonly name: string;
  readonly kind: string;
  readonly target: string;
  readonly result: CheckResult;
}

/** A check that is unhealthy is a failure; one that is degraded passes, and says why in its output. */
export function junit(suite: string, cases: readonly JunitCase[], ms: number): string {
  const failures = cases.filter(({ result }) => result.status === 'unhealthy').length;
  const counts = `tests="${cases.length}" failures="${failures}" errors="0" time="${seconds(ms)}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${counts}>`, `  <testsuite name="${escape(suite)}" ${counts}>`,
    ...cases.flatMap(({ name, kind, target, result }) => {
      const head = `    <testcase name="${escape(name)}" classname="${escape(`${suite}.${kind}`)}" time="${seconds(result.ms)}"`;
      if (result.status === 'healthy') return [`${head}/>`];
      const reason = escape(`${target}: ${result.reason ?? result.status}`);
      return [`${head}>`, result.status === 'unhealthy' ? `      <failure message="${escape(result.reason ?? '')}" type="${result.status}">${reason}</failure>` : `      <system-out>${result.status}: ${reason}</system-out>`, '    </testcase>'];
    }),
    '  </testsuite>', '</testsuites>', '',
  ].join('\n');
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(3);
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' };

/** What XML 1.0 has no character for is left out. */
function escape(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '').replace(/[&<>"']/g, (char) => ENTITIES[char] ?? '');
}
