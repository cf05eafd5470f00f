/** What "after" of deploy.json asks for, seen from a deploy that Nx runs. */
import type { ExecutorContext } from '@nx/devkit';
import { askedThrough } from 'nx-env-sync';
import { join } from 'node:path';
import { environmentNames, loadConfig, pluginOptions, targetNames } from '../config/index.js';
import type { DeployFile } from '../config/index.js';
import { invalid } from '../config/load.js';
import { matchProjects } from '../config/match-project.js';
import { suggest } from '../config/suggest.js';
import type { CommandContext } from '../commands/context.js';
import type { DeployError } from '../errors.js';
import { sanitize } from '../terminal/index.js';

/** A deploy that another one waits for, of a project that lacks the environment: there is nothing to do, and the other goes on. A broken deploy.json says nothing of environments, and the other must not go on. */
export function skippedDeploy({ environment }: { readonly environment?: string }, context: ExecutorContext): string | undefined {
  const { root, projectName = '', targetName = '', configurationName, taskGraph, projectsConfigurations } = context;
  if (environment !== undefined || configurationName !== undefined) return undefined;
  const asking = askedThrough(taskGraph, { project: projectName, target: targetName });
  const project = projectsConfigurations.projects[projectName];
  if (asking === undefined || project === undefined) return undefined;
  const file = usable({ workspaceRoot: root, projectName, projectRoot: project.root });
  if (file === undefined || environmentNames(file.config).includes(asking.environment)) return undefined;
  return sanitize(`skipped: ${projectName} has no environment ${asking.environment}, which ${asking.project} is deployed to`);
}

/** Of a name that means no project which is deployed Nx says little, and goes on without an order. */
export function brokenOrder(command: CommandContext, context: ExecutorContext): DeployError | undefined {
  const file = usable(command);
  if (file === undefined) return undefined;
  const { projects } = context.projectsConfigurations;
  const { deploy } = targetNames(pluginOptions(context.nxJsonConfiguration));
  const problems = (file.config.after ?? []).flatMap((name, index) => {
    const meant = matchProjects(name, Object.keys(projects));
    const found = meant.length > 0 ? meant : Object.keys(projects).filter((each) => projects[each]?.root === name);
    const near = suggest(name, Object.keys(projects));
    if (found.length === 0) return [file.describe(['after', index], `must be a project of the workspace, got ${JSON.stringify(name)}${near === undefined ? '' : `; did you mean ${near}?`}`)];
    if (found.some((each) => projects[each]?.targets?.[deploy] !== undefined)) return [];
    return [file.describe(['after', index], `must be a project that is deployed, and ${found.join(', ')} has no target ${deploy}`)];
  });
  return problems.length === 0 ? undefined : invalid(file.file, problems);
}

/** Undefined for one that is not there or has problems, of which the deploy itself tells. */
function usable({ workspaceRoot, projectRoot, projectName }: Pick<CommandContext, 'workspaceRoot' | 'projectRoot' | 'projectName'>): DeployFile | undefined {
  try {
    return loadConfig(join(workspaceRoot, projectRoot), projectName);
  } catch {
    return undefined;
  }
}
