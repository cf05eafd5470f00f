/** What the checks of a soak and of a watch need of the command's environment. */
import type { ProbeMeans } from '../analysis/index.js';
import type { ResolvedEnvironment } from '../config/index.js';
import { DeployError } from '../errors.js';
import { variablesOf, type Probe } from '../model/index.js';
import { pick } from '../shell/environment.js';
import { projectFolder, type CommandContext } from './context.js';

/**
 * Undefined where nothing is asked.
 * @throws DeployError ND-CONFIG-INVALID for variables that are not set, and tokens that no request can carry: nothing could be asked.
 */
export function probeMeans(context: CommandContext, { strategy, watch, file }: Pick<ResolvedEnvironment, 'strategy' | 'watch' | 'file'>): ProbeMeans | undefined {
  const probes = [...('analyse' in strategy ? strategy.analyse?.probes ?? [] : []), ...watch.terms.probes];
  if (probes.length === 0) return undefined;
  const problems = [...new Set(probes.flatMap((probe) => variableProblems(probe, context.variables)))];
  if (problems.length > 0) {
    throw new DeployError('ND-CONFIG-INVALID', {
      what: 'there are checks that cannot be made', where: file, problems, next: 'set the variables in the environment of the command',
    });
  }
  return { variables: pick(context.variables, probes.flatMap(variablesOf)), cwd: projectFolder(context) };
}

function variableProblems({ name, target }: Probe, variables: NodeJS.ProcessEnv): readonly string[] {
  const unset = (variable: string): boolean => (variables[variable] ?? '') === '';
  if (target.type === 'command') return target.env.filter(unset).map((variable) => `checks.${name}.env: the variable ${variable} is not set`);
  if (target.type !== 'prometheus' || target.token === undefined) return [];
  if (unset(target.token)) return [`checks.${name}.token: the variable ${target.token} is not set`];
  return /^[\x21-\x7e]+$/.test(variables[target.token] ?? '') ? [] : [`checks.${name}.token: the variable ${target.token} must hold nothing but printable ASCII without spaces and line feeds`];
}
