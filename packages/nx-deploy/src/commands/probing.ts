/** What the checks of a soak and of a watch need of the command's environment. */
import type { ProbeMeans } from '../analysis/index.js';
import type { ResolvedEnvironment } from '../config/index.js';
import { DeployError } from '../errors.js';
import { variablesOf, type Probe } from '../model/index.js';
import { pick } from '../shell/environment.js';
import { projectFolder, type CommandContext } from './context.js';

/**
 * Undefined where nothing is asked.
 * @throws DeployError ND-CONFIG-INVALID for tokens that are not there: without them nothing could be asked.
 */
export function probeMeans(context: CommandContext, { strategy, watch, file }: Pick<ResolvedEnvironment, 'strategy' | 'watch' | 'file'>): ProbeMeans | undefined {
  const probes = [...('analyse' in strategy ? strategy.analyse?.probes ?? [] : []), ...watch.terms.probes];
  if (probes.length === 0) return undefined;
  const missing = [...new Set(probes.flatMap((probe) => missingToken(probe, context.variables)))];
  if (missing.length > 0) {
    throw new DeployError('ND-CONFIG-INVALID', {
      what: missing.length === 1 ? 'a check cannot be made' : `${missing.length} checks cannot be made`, where: file, problems: missing, next: 'set the variables in the environment of the command',
    });
  }
  return { variables: pick(context.variables, probes.flatMap(variablesOf)), cwd: projectFolder(context) };
}

function missingToken({ name, target }: Probe, variables: NodeJS.ProcessEnv): readonly string[] {
  if (target.type !== 'prometheus' || target.token === undefined || (variables[target.token] ?? '') !== '') return [];
  return [`checks.${name}.token: the variable ${target.token} is not set`];
}
