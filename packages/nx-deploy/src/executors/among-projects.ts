/** What a deploy.json says of other projects, seen from a deploy that Nx runs. */
import type { ExecutorContext } from '@nx/devkit';
import { askedThrough } from 'nx-env-sync';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CONFIG_FILE, environmentNames, loadConfig, pluginOptions, serviceName, targetNames } from '../config/index.js';
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

/** What is wrong with a deploy.json beside those of the other projects. */
export function problemsAmongProjects(command: CommandContext, context: ExecutorContext): DeployError | undefined {
  const file = usable(command);
  if (file === undefined) return undefined;
  const { deploy } = targetNames(pluginOptions(context.nxJsonConfiguration));
  const { projects } = context.projectsConfigurations;
  const problems = [...brokenOrder(file, projects, deploy), ...sameService(file, command, context)];
  return problems.length === 0 ? undefined : invalid(file.file, problems);
}

type Projects = ExecutorContext['projectsConfigurations']['projects'];

/** Of a name that means no project which is deployed Nx says little, and goes on without an order. */
function brokenOrder(file: DeployFile, projects: Projects, deploy: string): readonly string[] {
  return (file.config.after ?? []).flatMap((name, index) => {
    const meant = matchProjects(name, Object.keys(projects));
    const found = meant.length > 0 ? meant : Object.keys(projects).filter((each) => projects[each]?.root === name);
    const near = suggest(name, Object.keys(projects));
    if (found.length === 0) return [file.describe(['after', index], `must be a project of the workspace, got ${JSON.stringify(name)}${near === undefined ? '' : `; did you mean ${near}?`}`)];
    if (found.some((each) => projects[each]?.targets?.[deploy] !== undefined)) return [];
    return [file.describe(['after', index], `must be a project that is deployed, and ${found.join(', ')} has no target ${deploy}`)];
  });
}

/** A deploy.json that was copied from another project, its name with it: each deploy of one would take the place of the other. */
function sameService(file: DeployFile, { workspaceRoot, projectName, environment = '' }: CommandContext, context: ExecutorContext): readonly string[] {
  const service = file.config.service ?? serviceName(projectName);
  const place = placeOf(file, environment, context);
  if (place === undefined) return [];
  const twins = Object.entries(context.projectsConfigurations.projects).filter(([name, { root }]) => {
    if (name === projectName || !mentions(join(workspaceRoot, root, CONFIG_FILE), service, name)) return false;
    const other = usable({ workspaceRoot, projectRoot: root, projectName: name });
    return other !== undefined && (other.config.service ?? serviceName(name)) === service && placeOf(other, environment, context) === place;
  });
  return twins.map(([name]) => file.describe(['service'], `must differ from that of ${name}, which has the environment ${environment} too: got ${JSON.stringify(service)}, and one would take the place of the other`));
}

/** Where an environment is; undefined when there is none. */
function placeOf({ config }: DeployFile, environment: string, { nxJsonConfiguration }: ExecutorContext): string | undefined {
  if (!Object.hasOwn(config.environments, environment)) return undefined;
  return JSON.stringify(config.environments[environment]?.platform ?? pluginOptions(nxJsonConfiguration)?.defaults?.['platform'] ?? 'local');
}

/** Without what reading a whole deploy.json costs: a workspace may have hundreds. */
function mentions(file: string, service: string, project: string): boolean {
  try {
    return readFileSync(file, 'utf8').includes(JSON.stringify(service)) || serviceName(project) === service;
  } catch {
    return false;
  }
}

/** Undefined for one that is not there or has problems, of which the deploy itself tells. */
function usable({ workspaceRoot, projectRoot, projectName }: Pick<CommandContext, 'workspaceRoot' | 'projectRoot' | 'projectName'>): DeployFile | undefined {
  try {
    return loadConfig(join(workspaceRoot, projectRoot), projectName);
  } catch {
    return undefined;
  }
}
