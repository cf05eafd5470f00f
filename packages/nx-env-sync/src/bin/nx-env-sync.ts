/** The executors outside Nx: the same code with the same options. Nx is not loaded. */
import { relative, resolve } from 'node:path';
import { EnvSyncError, errorLines } from '../errors.js';
import type { TaskContext } from '../executors/task.js';
import { findCommand, readCommandLine } from './arguments.js';
import { commands, usage, usageOf, type Command } from './commands.js';
import { findProject, findWorkspace } from './project.js';

/** The command line is not right. */
const MISUSED = 3;

/** What it resolves with is the exit code. */
export async function main(argv: readonly string[], cwd: string): Promise<number> {
  const all = commands();
  const [word = '', ...words] = argv;
  if (word === '--help' || word === '-h' || word === 'help' || word === '') {
    process.stdout.write(usage(all));
    return word === '' ? MISUSED : 0;
  }
  let command: Command;
  let options: Readonly<Record<string, unknown>>;
  let context: TaskContext;
  try {
    command = findCommand(word, all);
    const line = readCommandLine(command, words);
    if (line.help) {
      process.stdout.write(usageOf(command));
      return 0;
    }
    const root = findWorkspace(cwd);
    const project = findProject(root, cwd, line.project);
    options = placed(line.options, command, root, cwd);
    context = {
      root, projectsConfigurations: { version: 2, projects: project.name === undefined ? {} : { [project.name]: { root: project.root } } },
      ...(project.name === undefined ? {} : { projectName: project.name }), ...(line.configuration === undefined ? {} : { configurationName: line.configuration }),
    };
  } catch (error) {
    if (!(error instanceof EnvSyncError)) throw error;
    process.stderr.write(errorLines(error.parts).map((each) => `${each}\n`).join(''));
    return MISUSED;
  }
  const { success, exitCode } = await command.execute(options, context);
  return exitCode ?? (success ? 0 : 1);
}

/** Folders are meant from where the command is run, where an executor takes them from the workspace. */
function placed(options: Readonly<Record<string, unknown>>, command: Command, root: string, cwd: string): Readonly<Record<string, unknown>> {
  if (!Object.hasOwn(command.options, 'cwd')) return options;
  const given = typeof options['cwd'] === 'string' ? options['cwd'] : '.';
  return { ...options, cwd: relative(root, resolve(cwd, given)) || '.' };
}

/** What the program does: `main` with what it was started with. */
export async function start(): Promise<void> {
  process.exitCode = await main(process.argv.slice(2), process.cwd());
}
