/** Everything a command needs to know of the workspace, whoever calls it: an Nx executor or the bin. */
import { hostname, userInfo } from 'node:os';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parse } from 'jsonc-parser';
import { agentHome, type Home } from '../agent/home.js';
import { loadConfig, pluginOptions, resolveEnvironment, targetNames, type NxJson, type PluginOptions, type ResolvedEnvironment } from '../config/index.js';
import type { TargetKey } from '../config/plugin-options.js';
import type { Actor, ServiceKey } from '../releases/index.js';
import { workspaceOwner } from './owner.js';
import type { Output } from './output.js';

export interface ProjectContext {
  /** Absolute. */
  readonly workspaceRoot: string;
  readonly projectName: string;
  /** Relative to the workspace. */
  readonly projectRoot: string;
  readonly environment: string | undefined;
  /** Environment variables of the command. */
  readonly variables: NodeJS.ProcessEnv;
}

export interface CommandContext extends ProjectContext {
  readonly home: Home;
  readonly output: Output;
}

export function commandContext(project: ProjectContext, output: Output): CommandContext {
  return { ...project, home: agentHome(project.variables), output };
}

/** Absolute folder of the project. */
export function projectFolder({ workspaceRoot, projectRoot }: ProjectContext): string {
  return join(workspaceRoot, projectRoot);
}

export function readNxJson(workspaceRoot: string): NxJson {
  try {
    const value: unknown = parse(readFileSync(join(workspaceRoot, 'nx.json'), 'utf8'));
    return value !== null && typeof value === 'object' ? value : {};
  } catch {
    return {};
  }
}

export function resolveProject(context: ProjectContext, strategy?: string): ResolvedEnvironment {
  const file = loadConfig(projectFolder(context), context.projectName);
  const options = pluginOptions(readNxJson(context.workspaceRoot));
  return resolveEnvironment({
    ...file,
    environment: context.environment,
    ...(options?.defaults === undefined ? {} : { defaults: options.defaults }),
    projectRoot: context.projectRoot,
    workspaceRoot: context.workspaceRoot,
    projectName: context.projectName,
    ...(strategy === undefined ? {} : { overrides: { strategy } }),
  });
}

/** Gives the command of a target of this project, to copy. */
export function commandLines(context: ProjectContext, environment: string): (target: TargetKey) => string {
  const names = targetNames(pluginOptions(readNxJson(context.workspaceRoot)));
  return (target) => `nx run ${context.projectName}:${names[target]} --configuration=${environment}`;
}

/** The service's key on the target, and who owns it. */
export async function serviceTarget(context: ProjectContext, resolved: Pick<ResolvedEnvironment, 'service' | 'environment'>): Promise<{ readonly key: ServiceKey; readonly owner: string }> {
  const options = pluginOptions(readNxJson(context.workspaceRoot));
  const key = { workspace: workspaceId(context.workspaceRoot, options), environment: resolved.environment, service: resolved.service };
  return { key, owner: await workspaceOwner(context.workspaceRoot, options?.workspaceId) };
}

function workspaceId(workspaceRoot: string, options: PluginOptions | undefined): string {
  if (options?.workspaceId !== undefined) return options.workspaceId;
  try {
    const manifest: unknown = JSON.parse(readFileSync(join(workspaceRoot, 'package.json'), 'utf8'));
    if (manifest !== null && typeof manifest === 'object' && 'name' in manifest && typeof manifest.name === 'string' && manifest.name !== '') return manifest.name;
  } catch {
    // Without a readable root package.json the folder's name serves.
  }
  return basename(workspaceRoot);
}

export function actor(): Actor {
  return { user: userName(), host: hostname(), pid: process.pid };
}

/** A container may run as a user id without a name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'unknown');
  }
}
