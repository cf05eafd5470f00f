import { DeployError } from '../errors.js';
import { loadConfig, pluginOptions, shadowedTargets } from '../config/index.js';
import { statusLines } from './status-text.js';
import { follow } from './follow.js';
import { commandLines, projectFolder, readNxJson, resolveProject, type CommandContext } from './context.js';
import { EXIT_CODES, report, type CommandResult, type ReportOptions } from './result.js';
import { withService } from './service.js';

export interface StatusOptions extends ReportOptions {
  /** Fail unless the ledger's hash chain is whole. */
  readonly verify?: boolean;
  /** First watch the run under way until it ends; the exit code is then that run's. */
  readonly follow?: boolean;
}

/** What runs, with which share of the traffic, how healthy, and what was deployed before. */
export function status(context: CommandContext, options: StatusOptions): Promise<CommandResult> {
  return report(context, options, async () => {
    const resolved = resolveProject(context);
    const { found, result } = await withService(context, resolved, async (service) => {
      const followed = options.follow === true ? await follow(context, service) : undefined;
      return { result: followed, found: await service.status() };
    });
    const shadowed = shadowedTargets(projectFolder(context), pluginOptions(readNxJson(context.workspaceRoot)), loadConfig(projectFolder(context), context.projectName).config.artifact.type);
    for (const line of statusLines(found, { shadowed, command: commandLines(context, resolved.environment), now: Date.now() })) context.output.line(line);
    if (options.verify === true && !found.ledger.ok) {
      throw new DeployError('ND-STATE-DAMAGED', { what: 'the ledger is not what was written', why: found.ledger.broken ?? 'the hash chain is broken', next: 'compare it with the head that an earlier log printed; if the files are lost, restore the ledger folder from a backup while no run is under way' });
    }
    if (result === undefined) return { exitCode: 0, document: { outcome: 'done', exitCode: 0, ...found } };
    const { run, action, outcome, error } = result;
    const exitCode = EXIT_CODES[outcome];
    return { exitCode, document: { outcome, exitCode, ...found, followed: { run, action, outcome, exitCode, ...(error === undefined ? {} : { error }) } } };
  }, 'look');
}
