/** What the checks of a soak and of a watch need of the command's environment. */
import type { ProbeMeans } from '../analysis/index.js';
import type { ResolvedEnvironment } from '../config/index.js';
import { DeployError } from '../errors.js';
import { variablesOf, type Probe } from '../model/index.js';
import { pick } from '../shell/environment.js';
import { projectFolder, type CommandContext } from './context.js';

/**
 * Undefined where nothing is asked.
 * @throws DeployError ND-CONFIG-INVALID for tokens that are not there, or that no request can carry: without them nothing could be asked.
 */
export function probeMeans(context: CommandContext, { strategy, watch, file }: Pick<ResolvedEnvironment, 'strategy' | 'watch' | 'file'>): ProbeMeans | undefined {
  const probes = [...('analyse' in strategy ? strategy.analyse?.probes ?? [] : []), ...watch.terms.probes];
  if (probes.length === 0) return undefined;
  const problems = [...new Set(probes.flatMap((probe) => tokenProblems(probe, context.variables)))];
  if (problems.length > 0) {
    throw new DeployError('ND-CONFIG-INVALID', {
      what: problems.length === 1 ? 'a check cannot be made' : `${problems.length} checks cannot be made`, where: file, problems, next: 'set the variables in the environment of the command',
    });
  }
  return { variables: pick(context.variables, probes.flatMap(variablesOf)), cwd: projectFolder(context) };
}

function tokenProblems({ name, target }: Probe, variables: NodeJS.ProcessEnv): readonly string[] {
  if (target.type !== 'prometheus' || target.token === undefined) return [];
  const token = variables[target.token] ?? '';
  if (/^[\x21-\x7e]+$/.test(token)) return [];
  return [`checks.${name}.token: the variable ${target.token} ${token === '' ? 'is not set' : 'must hold nothing but printable ASCII without spaces and line feeds'}`];
}
