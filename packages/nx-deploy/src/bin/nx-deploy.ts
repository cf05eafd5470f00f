#!/usr/bin/env node
/** The commands of the executors outside Nx: the same code, with exact exit codes and pure JSON. */
import { resolve } from 'node:path';
import { failure, writeDocument, type CommandResult } from '../commands/result.js';
import { silentOutput, terminalOutput } from '../commands/terminal-output.js';
import type { Output } from '../commands/output.js';
import { packageVersion } from '../control/version.js';
import { asDeployError, DeployError, formatError } from '../errors.js';
import { COMMANDS, readArguments, USAGE, type Arguments } from './arguments.js';

const VERSION_WORDS: ReadonlySet<string> = new Set(['--version', '-v', 'version']);

/** Never rejects; what it resolves with is the exit code. */
export async function main(argv: readonly string[], cwd: string, variables: NodeJS.ProcessEnv): Promise<number> {
  if (argv.length === 0 || argv[0] === '--help' || argv[0] === '-h' || argv[0] === 'help') {
    process.stdout.write(USAGE);
    return argv.length === 0 ? 3 : 0;
  }
  if (argv.length === 1 && VERSION_WORDS.has(argv[0] ?? '')) {
    process.stdout.write(`${packageVersion(__dirname) ?? 'unknown'}\n`);
    return 0;
  }
  let output: Output = terminalOutput({ color: undefined, variables });
  let json = argv.includes('--json');
  let result: CommandResult;
  let outputFile: unknown;
  try {
    const given = readArguments(argv);
    if (given.values['help'] === true) {
      process.stdout.write(USAGE);
      return 0;
    }
    const { color } = given.values;
    ({ outputFile } = given.values);
    json = given.values['json'] === true;
    const terminal = terminalOutput({ color: typeof color === 'boolean' ? color : undefined, variables });
    // Log lines are JSON by themselves: they stream, and only an error is printed behind them.
    output = !json ? terminal : given.command === 'logs' ? { ...silentOutput(), line: (text) => terminal.line(text), ...(terminal.closed === undefined ? {} : { closed: terminal.closed }) } : silentOutput();
    result = await dispatch(given, output, cwd, variables);
    json &&= given.command !== 'logs' || result.exitCode !== 0;
  } catch (thrown) {
    const error = asDeployError(thrown);
    if (!json) output.error(error);
    result = failure(error);
  }
  if (typeof outputFile === 'string') await writeDocument(resolve(cwd, outputFile), result, (error) => process.stderr.write(`${formatError(error)}\n`));
  if (json) process.stdout.write(`${JSON.stringify(result.document)}\n`);
  return result.exitCode;
}

/** Each command is loaded when it is asked for: most of a short one's time is the loading of code. */
async function dispatch(given: Arguments, output: Output, cwd: string, variables: NodeJS.ProcessEnv): Promise<CommandResult> {
  const text = (name: string): string | undefined => (typeof given.values[name] === 'string' ? given.values[name] : undefined);
  const listed = (name: 'tag'): { tag?: readonly string[] } => (Array.isArray(given.values[name]) ? { [name]: given.values[name] as readonly string[] } : {});
  const flag = (name: string): boolean => given.values[name] === true;
  const [subject = '', ...surplus] = given.positionals;
  if (surplus.length > 0) throw new DeployError('ND-OPTION-INVALID', { what: `one name is expected, not also ${surplus.join(' ')}`, next: 'nx-deploy --help shows the form' });
  if (given.command === 'agent') return agent(subject, flag('keep-instances'), output, variables);
  if (given.command === 'images') return (await import('../commands/images.js')).images(subject, { dryRun: flag('dry-run'), ...optional({ max: text('max') }) }, output, variables);
  if (subject === '') throw new DeployError('ND-PROJECT-UNKNOWN', { what: 'no project was named', next: `write nx-deploy ${given.command} <project>${Object.hasOwn(COMMANDS[given.command], 'configuration') ? ' -c <environment>' : ''}` });
  const [{ commandContext }, { findProject, findRoots, findTargets, findWorkspace, projectGraph }] = await Promise.all([import('../commands/context.js'), import('../commands/project.js')]);
  const workspaceRoot = findWorkspace(cwd);
  const project = await findProject(workspaceRoot, subject);
  const context = commandContext({ workspaceRoot, projectName: project.name, projectRoot: project.root, environment: text('configuration'), variables }, output);
  const events = text('events');
  const told = optional({ events: events === undefined ? undefined : resolve(cwd, events) });
  const change = { ...told, dryRun: flag('dry-run'), ...optional({ strategy: text('strategy') }) };
  const named = text('package');
  switch (given.command) {
    case 'deploy': return (await import('../commands/deploy.js')).deploy(context, { ...change, resume: flag('resume'), ...optional({ watch: text('watch') }), ...(named === undefined ? {} : { package: resolve(cwd, named) }) });
    case 'approve': return (await import('../commands/answer.js')).approve(context, { ...told, ...optional({ note: text('note'), run: text('run'), gate: text('gate') }) });
    case 'reject': return (await import('../commands/answer.js')).reject(context, { ...told, ...optional({ note: text('note'), run: text('run'), gate: text('gate') }) });
    case 'rollback': return (await import('../commands/rollback.js')).rollback(context, { ...change, ...optional({ to: text('to') }) });
    case 'status': return (await import('../commands/status.js')).status(context, { verify: flag('verify'), follow: flag('follow') });
    case 'maintenance': {
      const page = text('page');
      return (await import('../commands/closure.js')).maintenance(context, { ...optional({ message: text('message'), retryAfter: text('retryAfter') }), ...(page === undefined ? {} : { page: resolve(cwd, page) }) });
    }
    case 'pause': return (await import('../commands/closure.js')).pause(context, optional({ wait: text('wait') }));
    case 'resume': return (await import('../commands/closure.js')).resume(context, {});
    case 'repair': return (await import('../commands/repair.js')).repair(context, {});
    case 'unlock': return (await import('../commands/unlock.js')).unlock(context, optional({ wait: text('wait') }));
    case 'prune': return (await import('../commands/prune.js')).prune(context, { dryRun: flag('dry-run'), ...optional({ keep: text('keep') }) });
    // Pure JSON leaves no place for a question.
    case 'destroy': return (await import('../commands/destroy.js')).destroy(context, { dryRun: flag('dry-run'), ...optional({ confirm: text('confirm') }) }, ...(flag('json') ? [noAnswer] : []));
    case 'build-image': return (await import('../commands/build-image.js')).buildImage(context, { full: flag('full') }, () => findTargets(project.name));
    case 'push-image': return (await import('../commands/push-image.js')).pushImage(context, listed('tag'));
    case 'load-image': {
      const archive = text('archive');
      return (await import('../commands/load-image.js')).loadImage(context, { ...listed('tag'), ...optional({ engine: text('engine'), platform: text('platform') }), ...(archive === undefined ? {} : { archive: resolve(cwd, archive) }) });
    }
    case 'package': return (await import('../commands/package.js')).makePackage(context, { ...optional({ key: text('key') }), graph: projectGraph });
    case 'stage': return (await import('../commands/stage.js')).stage(context, {}, findRoots);
    case 'phases': return (await import('../commands/phases.js')).phases(context, optional({ until: text('until'), key: text('key') }), () => findTargets(project.name));
    case 'inspect-image': return (await import('../commands/inspect-image.js')).inspectImage(context, {});
    case 'logs': return (await import('../commands/logs.js')).logs(context, {
      follow: flag('follow'), json: flag('json'),
      ...optional({ since: text('since'), instance: text('instance'), release: text('release') }),
    });
  }
}

function noAnswer(): Promise<undefined> {
  return Promise.resolve(undefined);
}

/** Leaves out what was not given, as exact optional properties want it. */
function optional<T extends Readonly<Record<string, string | undefined>>>(values: T): { [K in keyof T]?: string } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: string };
}

async function agent(word: string, keepInstances: boolean, output: Output, variables: NodeJS.ProcessEnv): Promise<CommandResult> {
  const { agentCommand, AGENT_ACTIONS } = await import('../commands/agent.js');
  const action = AGENT_ACTIONS.find((known) => known === word);
  if (action !== undefined) return agentCommand(action, { keepInstances }, output, variables);
  throw new DeployError('ND-OPTION-INVALID', { what: `there is no agent action ${JSON.stringify(word)}`, next: `known: ${AGENT_ACTIONS.join(', ')}` });
}

/** What the program does: `main` with what it was started with. */
export async function start(): Promise<void> {
  // Nx makes a project graph in workers that do not keep a process alive: without this, Node would end in the middle, with exit code 0.
  const alive = setInterval(() => undefined, 60_000);
  process.exitCode = await main(process.argv.slice(2), process.cwd(), process.env);
  clearInterval(alive);
}

if (require.main === module) void start();
