/** The frame of every executor: from Nx's context to a command's, and from its exit code to Nx's success. */
import type { ExecutorContext } from '@nx/devkit';
import { commandContext, type CommandContext } from '../commands/context.js';
import { terminalOutput } from '../commands/terminal-output.js';
import type { CommandResult } from '../commands/result.js';
import { asDeployError, DeployError, formatError } from '../errors.js';

export interface NxOptions {
  readonly environment?: string;
  readonly color?: boolean;
}

/** Nx itself exits with 0 or 1 whatever an executor returns; the exact code stands in the document of `--outputFile`. */
export async function runInNx(options: NxOptions, context: ExecutorContext, command: (context: CommandContext) => Promise<CommandResult>): Promise<{ success: boolean }> {
  const { root, projectName, configurationName } = context;
  const project = projectName === undefined ? undefined : context.projectsConfigurations.projects[projectName];
  if (projectName === undefined || project === undefined) {
    const error = new DeployError('ND-PROJECT-UNKNOWN', { what: 'this executor was started without a project', next: 'run it as nx run <project>:<target>' });
    process.stderr.write(`${formatError(error)}\n`);
    return { success: false };
  }
  const environment = options.environment ?? configurationName;
  const output = terminalOutput({ color: options.color, variables: process.env });
  let found: CommandContext;
  try {
    found = commandContext({ workspaceRoot: root, projectName, projectRoot: project.root, environment, variables: process.env }, output);
  } catch (thrown) {
    output.error(asDeployError(thrown));
    return { success: false };
  }
  const result = await command(found);
  return { success: result.exitCode === 0 };
}
