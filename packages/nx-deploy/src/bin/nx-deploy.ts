#!/usr/bin/env node
/** The commands of the executors outside Nx: the same code, with exact exit codes and pure JSON. */
import { resolve } from 'node:path';
import { AGENT_ACTIONS, agentCommand, type AgentAction } from '../commands/agent.js';
import { approve, reject } from '../commands/answer.js';
import { maintenance, pause, resume } from '../commands/closure.js';
import { commandContext } from '../commands/context.js';
import { deploy } from '../commands/deploy.js';
import { buildImage } from '../commands/build-image.js';
import { destroy } from '../commands/destroy.js';
import { images } from '../commands/images.js';
import { inspectImage } from '../commands/inspect-image.js';
import { loadImage } from '../commands/load-image.js';
import { logs } from '../commands/logs.js';
import { prune } from '../commands/prune.js';
import { makePackage } from '../commands/package.js';
import { phases } from '../commands/phases.js';
import { pushImage } from '../commands/push-image.js';
import { stage } from '../commands/stage.js';
import { repair } from '../commands/repair.js';
import { unlock } from '../commands/unlock.js';
import { findProject, findRoots, findTargets, findWorkspace, projectGraph } from '../commands/project.js';
import { failure, writeDocument, type CommandResult } from '../commands/result.js';
import { rollback } from '../commands/rollback.js';
import { status } from '../commands/status.js';
import { silentOutput, terminalOutput } from '../commands/terminal-output.js';
import type { Output } from '../commands/output.js';
import { asDeployError, DeployError, formatError } from '../errors.js';
import { COMMANDS, readArguments, USAGE, type Arguments } from './arguments.js';

/** Never rejects; what it resolves with is the exit code. */
export async function main(argv: readonly string[], cwd: string, variables: NodeJS.ProcessEnv): Promise<number> {
  if (argv.length === 0 || argv[0] === '--help' || argv[0] === '-h' || argv[0] === 'help') {
    process.stdout.write(USAGE);
    return argv.length === 0 ? 3 : 0;
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

async function dispatch(given: Arguments, output: Output, cwd: string, variables: NodeJS.ProcessEnv): Promise<CommandResult> {
  const text = (name: string): string | undefined => (typeof given.values[name] === 'string' ? given.values[name] : undefined);
  const listed = (name: 'tag'): { tag?: readonly string[] } => (Array.isArray(given.values[name]) ? { [name]: given.values[name] as readonly string[] } : {});
  const flag = (name: string): boolean => given.values[name] === true;
  const [subject = '', ...surplus] = given.positionals;
  if (surplus.length > 0) throw new DeployError('ND-OPTION-INVALID', { what: `one name is expected, not also ${surplus.join(' ')}`, next: 'nx-deploy --help shows the form' });
  if (given.command === 'agent') return agentCommand(agentAction(subject), { keepInstances: flag('keep-instances') }, output, variables);
  if (given.command === 'images') return images(subject, { dryRun: flag('dry-run'), ...optional({ max: text('max') }) }, output, variables);
  if (subject === '') throw new DeployError('ND-PROJECT-UNKNOWN', { what: 'no project was named', next: `write nx-deploy ${given.command} <project>${Object.hasOwn(COMMANDS[given.command], 'configuration') ? ' -c <environment>' : ''}` });
  const workspaceRoot = findWorkspace(cwd);
  const projectRoot = await findProject(workspaceRoot, subject);
  const context = commandContext({ workspaceRoot, projectName: subject, projectRoot, environment: text('configuration'), variables }, output);
  const events = text('events');
  const told = optional({ events: events === undefined ? undefined : resolve(cwd, events) });
  const change = { ...told, dryRun: flag('dry-run'), ...optional({ strategy: text('strategy') }) };
  const named = text('package');
  switch (given.command) {
    case 'deploy': return deploy(context, { ...change, resume: flag('resume'), ...optional({ watch: text('watch') }), ...(named === undefined ? {} : { package: resolve(cwd, named) }) });
    case 'approve': return approve(context, { ...told, ...optional({ note: text('note'), run: text('run'), gate: text('gate') }) });
    case 'reject': return reject(context, { ...told, ...optional({ note: text('note'), run: text('run'), gate: text('gate') }) });
    case 'rollback': return rollback(context, { ...change, ...optional({ to: text('to') }) });
    case 'status': return status(context, { verify: flag('verify'), follow: flag('follow') });
    case 'maintenance': {
      const page = text('page');
      return maintenance(context, { ...optional({ message: text('message'), retryAfter: text('retryAfter') }), ...(page === undefined ? {} : { page: resolve(cwd, page) }) });
    }
    case 'pause': return pause(context, optional({ wait: text('wait') }));
    case 'resume': return resume(context, {});
    case 'repair': return repair(context, {});
    case 'unlock': return unlock(context, optional({ wait: text('wait') }));
    case 'prune': return prune(context, { dryRun: flag('dry-run'), ...optional({ keep: text('keep') }) });
    // Pure JSON leaves no place for a question.
    case 'destroy': return destroy(context, { dryRun: flag('dry-run'), ...optional({ confirm: text('confirm') }) }, ...(flag('json') ? [noAnswer] : []));
    case 'build-image': return buildImage(context, { full: flag('full') }, () => findTargets(subject));
    case 'push-image': return pushImage(context, listed('tag'));
    case 'load-image': {
      const archive = text('archive');
      return loadImage(context, { ...listed('tag'), ...optional({ engine: text('engine'), platform: text('platform') }), ...(archive === undefined ? {} : { archive: resolve(cwd, archive) }) });
    }
    case 'package': return makePackage(context, { ...optional({ key: text('key') }), graph: projectGraph });
    case 'stage': return stage(context, {}, findRoots);
    case 'phases': return phases(context, optional({ until: text('until') }), () => findTargets(subject));
    case 'inspect-image': return inspectImage(context, {});
    case 'logs': return logs(context, {
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

function agentAction(word: string): AgentAction {
  const action = AGENT_ACTIONS.find((known) => known === word);
  if (action !== undefined) return action;
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
