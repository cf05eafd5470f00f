import { EnvSyncError } from '../errors.js';
import { loadEnvironment } from '../load-environment.js';
import { printable } from '../problem.js';
import { IDENTITY_VARIABLES } from '../secrets/identities.js';
import { runInherited } from '../shell/run-inherited.js';
import { unknownEnvironment, checkEnvironmentName } from '../stores/environment-store.js';
import type { Place } from '../stores/store.js';

export interface RunCommand {
  readonly environment: string;
  /** Program and arguments. */
  readonly command: readonly string[];
  readonly cwd: string;
}

/**
 * Gives a program its environment and writes it nowhere: what this process has, with the values of the environment over it, and without that which says
 * where secret keys are.
 * @returns the program's exit code.
 */
export async function run({ environment, command, cwd }: RunCommand, place: Place): Promise<number> {
  if ((command[0] ?? '') === '' || command.some((each) => each.includes('\0'))) throw new EnvSyncError('refused', { what: 'no program was named', next: 'write it after --, as in: nx-env-sync run -c staging -- node main.js' });
  checkEnvironmentName(environment);
  const { found, values, problems } = await loadEnvironment({ environment, ...place });
  if (!found) throw await unknownEnvironment(environment, place);
  if (problems.length > 0) throw new EnvSyncError('refused', { what: `${environment} is not valid, and nothing was started with it`, problems, next: 'correct the files under environments/' });
  const own = Object.entries(place.variables).filter(([name]) => !name.toUpperCase().startsWith(IDENTITY_VARIABLES));
  const end = await runInherited({ argv: command, cwd, variables: { ...Object.fromEntries(own), ...values } });
  if (end.state === 'ended') return end.code;
  throw new EnvSyncError('failed', { what: `the program ${printable(command[0] ?? '', 80)} ${end.what}`, next: 'name a program that there is, with its path where it is not on PATH' });
}
