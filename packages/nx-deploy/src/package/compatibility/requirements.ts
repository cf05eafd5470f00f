/** What is wrong with what a package says it needs, as far as no environment has to be known for it. */
import type { PackageArtifact } from '../../config/resolved.js';
import { addressProblem } from './address.js';
import { isRange } from './versions.js';

/** Each problem with the place that it stands at. `own`: name of the service that needs it; `node`: the range that holds. */
export function requirementProblems({ services }: PackageArtifact['requires'], own: string, node: string | undefined): readonly string[] {
  const seen = new Set<string>();
  const problems = node === undefined || isRange(node) ? [] : [`node: ${noRange(node)}`];
  for (const [index, { name, version, at }] of services.entries()) {
    const complain = (text: string): void => void problems.push(`services[${index}] (${name}): ${text}`);
    if (seen.has(name)) complain('it stands there twice');
    if (name === own && at === undefined) complain('it is the service itself');
    if (version !== undefined && !isRange(version)) complain(noRange(version));
    if (version !== undefined && at !== undefined) complain('"version" must not stand beside "at": nobody can tell the version of what is none of the workspace; leave one of the two out');
    const problem = at === undefined ? undefined : addressProblem(at);
    if (problem !== undefined) complain(`"at" ${problem}`);
    seen.add(name);
  }
  return problems;
}

function noRange(range: string): string {
  return `${JSON.stringify(range)} is no range of versions like ">=20.19.0" or "^22.12.0 || >=24.0.0"`;
}
