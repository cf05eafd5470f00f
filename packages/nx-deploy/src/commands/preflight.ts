/** Checks that must pass before a deploy changes anything. */
import { choose, HealthError, loadHealthFile, overall, runChecks, type Check, type HealthFile } from 'nx-health';
import type { ResolvedEnvironment } from '../config/index.js';
import { DeployError } from '../errors.js';
import type { ConfigValues } from '../releases/index.js';
import { ascii } from '../terminal/sanitize.js';
import type { CommandContext } from './context.js';

/** Variables in the file are those of the environment that is deployed to, and then those of the command. @throws DeployError ND-PREFLIGHT-FAILED, ND-CONFIG-INVALID */
export async function preflight({ output, variables }: Pick<CommandContext, 'output' | 'variables'>, { file, tags, only }: NonNullable<ResolvedEnvironment['preflight']>, { values }: Pick<ConfigValues, 'values'>): Promise<void> {
  const { checks, chosen } = await load(file, { ...variables, ...values }, { tags, only });
  const began = performance.now();
  const ran = await runChecks(chosen, checks);
  const status = overall(ran);
  const problems = ran.filter(({ result }) => result.status !== 'healthy').map(({ check, result }) => ascii(`${check.name} is ${result.status}: ${result.reason ?? 'it did not say why'}`));
  if (status === 'unhealthy') {
    throw new DeployError('ND-PREFLIGHT-FAILED', {
      what: 'the checks before the deploy did not pass', where: file, problems, next: 'put right what they found and run the command again; where a check is no reason to stop, give it "severity": "degrading"',
    });
  }
  output.event({ type: 'note', text: `preflight: ${ran.length} checks, ${status}, in ${Math.round(performance.now() - began)} ms${problems.length === 0 ? '' : `: ${problems.join('; ')}`}` });
}

async function load(file: string, variables: Readonly<Record<string, string | undefined>>, choice: { readonly tags: readonly string[]; readonly only: readonly string[] }): Promise<HealthFile & { readonly chosen: readonly Check[] }> {
  try {
    const read = await loadHealthFile(file, variables);
    return { ...read, chosen: choose(read.checks, choice) };
  } catch (error) {
    if (!(error instanceof HealthError)) throw error;
    const { what, problems, next } = error.parts;
    throw new DeployError('ND-CONFIG-INVALID', { what: `the checks before the deploy: ${what}`, where: file, ...(problems === undefined ? {} : { problems: problems.map(ascii) }), next: next ?? 'correct "preflight" of deploy.json, or the file' }, { cause: error });
  }
}
