/** The store `running` of nx-env-sync: the environment that the release with the traffic got when it was deployed. */
import { EnvSyncError, type OpenStore } from 'nx-env-sync';
import { commandContext, resolveProject } from './commands/context.js';
import { withService } from './commands/service.js';
import { silentOutput } from './commands/terminal-output.js';
import type { RunningConfiguration } from './control/protocol.js';
import { asDeployError, ERROR_CODES } from './errors.js';

/** Read alone: what runs is changed by a deploy. */
export const openStore: OpenStore = async ({ environment, ...place }) => {
  const context = commandContext({ ...place, environment }, silentOutput());
  const read = async (): Promise<NonNullable<RunningConfiguration['running']>> => {
    const { running } = await withService(context, resolveProject(context), (service) => service.configuration());
    if (running === undefined) throw new EnvSyncError('refused', { what: `nothing of ${place.projectName} runs in ${environment}`, next: `deploy it: nx run ${place.projectName}:deploy --configuration=${environment}` });
    return running;
  };
  return {
    name: `running:${environment}`,
    resolved: true,
    async read() {
      const { release, values, secrets } = await read().catch(told);
      return {
        values: new Map(Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1))), secrets: new Set(secrets.filter((key) => Object.hasOwn(values, key))),
        sources: new Map(Object.keys(values).map((key) => [key, `release ${release}`])), revision: release,
      };
    },
  };
};

/** An error of ours in the words of nx-env-sync, which prints it. */
function told(thrown: unknown): never {
  if (thrown instanceof EnvSyncError) throw thrown;
  const { code, parts } = asDeployError(thrown);
  if (code === 'ND-INTERNAL') throw thrown;
  throw new EnvSyncError(ERROR_CODES[code] === 'refused' ? 'refused' : 'failed', { ...parts, what: `${parts.what} (${code})` }, { cause: thrown });
}
