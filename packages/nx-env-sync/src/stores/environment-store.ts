import { isEnvironmentName, knownEnvironments } from '../environment-name.js';
import { EnvSyncError } from '../errors.js';
import { examineEnvironment } from '../examine-environment.js';
import { notAName } from '../load-environment.js';
import { formatProblem, printable, type EnvProblem } from '../problem.js';
import { suggest } from '../suggest.js';
import { revisionOf, type EnvStore, type Place } from './store.js';

/** An environment as a process gets it: workspace and project merged, defaults applied, references replaced. */
export function environmentStore(environment: string, place: Place): EnvStore {
  return {
    name: environment,
    resolved: true,
    async read() {
      const { found, values, secrets, problems } = await examineEnvironment({ environment, ...place });
      if (!found) throw await unknownEnvironment(environment, place);
      refuseUnread(environment, problems);
      return {
        values: new Map([...values].map(([key, { value }]) => [key, value])),
        secrets: new Set(secrets),
        sources: new Map([...values].map(([key, { file, line }]) => [key, printable(`${file}:${line}`)])),
        revision: revisionOf([...values]),
      };
    },
  };
}

/** @throws EnvSyncError for a name that can be none of an environment. */
export function checkEnvironmentName(environment: string): void {
  if (!isEnvironmentName(environment)) throw new EnvSyncError('refused', { what: notAName(environment), next: 'name an environment, such as staging' });
}

export async function unknownEnvironment(environment: string, place: Place): Promise<EnvSyncError> {
  const known = await knownEnvironments(place);
  const near = suggest(environment, known);
  return new EnvSyncError('refused', {
    what: `there is no environment ${printable(environment, 64)}${near === undefined ? '' : `; did you mean ${near}?`}`,
    why: `neither environments/${environment}.env nor environments/env.schema.json exists`,
    next: known.length === 0 ? 'no environments/*.env file exists yet: write one' : `known: ${known.join(', ')}`,
  });
}

/** Problems of which nobody can say what else the file would hold. Others are what env-validate is for. */
const UNREAD: readonly EnvProblem['rule'][] = [undefined, 'file', 'syntax'];

/** @throws EnvSyncError when a file could not be read as a whole: what it holds would look missing. */
export function refuseUnread(environment: string, problems: readonly EnvProblem[]): void {
  const unread = problems.filter(({ rule }) => UNREAD.includes(rule));
  if (unread.length === 0) return;
  throw new EnvSyncError('refused', { what: `the files of ${environment} cannot be read as they are`, problems: unread.map(formatProblem), next: 'correct them; nothing was changed' });
}
