/** Sends a change to the agent, shows what happens, and asks for a restore when the user leaves. */
import { randomBytes } from 'node:crypto';
import { commitsBetween } from 'nx-build-manifest';
import { connectAgent } from '../control/launch.js';
import type { AgentClient } from '../control/client.js';
import type { RunRequest } from '../control/protocol.js';
import type { ChangeResult, Hooks, Question, WatchOrder } from '../engine/request.js';
import { DeployError, errorCode } from '../errors.js';
import type { PreparedHook } from '../hooks/run-hooks.js';
import type { Hook, ResolvedEnvironment } from '../config/index.js';
import { pick } from '../shell/environment.js';
import { askedOf, summaryLines, type Asked } from './text.js';
import { commandLines, projectFolder, type CommandContext } from './context.js';
import { EXIT_CODES, type CommandResult } from './result.js';

/** How long a command that was told to end waits for the restore before it leaves it to the agent. Nx ends an executor after 5 s. */
const GRACE_MS = 4_000;

export function newRun(): string {
  return `run-${new Date().toISOString().replace(/[-:]|\.\d+Z/g, '')}-${randomBytes(3).toString('hex')}`;
}

/** Hooks see only the variables that they name. */
export function prepareHooks(context: CommandContext, hooks: readonly Hook[] | undefined): readonly PreparedHook[] {
  return (hooks ?? []).map((hook) => ({ run: hook.run, env: pick(context.variables, hook.env), timeout: hook.timeout, cwd: projectFolder(context) }));
}

/** Those of one kind of change. */
export function hooksOf(context: CommandContext, { hooks }: Pick<ResolvedEnvironment, 'hooks'>, name: 'Deploy' | 'Rollback'): Hooks {
  return { before: prepareHooks(context, hooks[`pre${name}`]), after: prepareHooks(context, hooks[`post${name}`]) };
}

export async function submit(context: CommandContext, run: RunRequest): Promise<CommandResult> {
  const agent = await connectAgent(context.home);
  const release = cancelOnSignals(context, agent, run);
  try {
    const result = await Promise.race([follow(context, agent, run, release), release.left]);
    context.output.end();
    const paused = result.paused === undefined ? undefined : await asked(agent, run, result.paused);
    await show(context, result, paused, run.request.watch);
    const exitCode = EXIT_CODES[result.outcome];
    return { exitCode, document: { ...result, ...(paused === undefined ? {} : { paused }), exitCode } };
  } finally {
    release.dispose();
  }
}

async function follow({ output }: CommandContext, agent: AgentClient, run: RunRequest, leaving: Leaving): Promise<ChangeResult> {
  let watched = false;
  try {
    for await (const message of agent.stream('run', run, leaving.signal)) {
      if (message.type === 'result') return message.result;
      const { event } = message;
      if (event.type === 'stage' && event.stage === 'record' && event.state === 'done') leaving.recorded = true;
      if (leaving.recorded && event.type === 'waiting') watched = true;
      output.event(event);
    }
  } catch (error) {
    throw watched && errorCode(error) === 'ND-INTERRUPTED' ? unwatched(error) : error;
  }
  throw new DeployError('ND-INTERRUPTED', { what: 'the agent ended the run without a result', next: 'run status: it shows what runs' });
}

/** Neither done nor failed: what the command was told to wait for, it does not know. */
function unwatched(cause: unknown): DeployError {
  return new DeployError('ND-INTERRUPTED', {
    what: 'the deploy is done, but its watch was not over when the agent ended', why: 'the agent was stopped, replaced or killed; whether the release does well is not known here',
    next: 'run status: the next agent goes on with the watch for the time that is left, and takes the release back when it does badly',
  }, { cause });
}

/** The question as it is on record: `status` tells the same. */
async function asked(agent: AgentClient, { key, owner }: RunRequest, { expires, ...question }: Question): Promise<Asked> {
  const now = Date.now();
  const found = await agent.call('status', { key, owner }).catch(() => undefined);
  if (found?.paused !== undefined && found.paused.id === question.id) return askedOf(found.paused);
  return { ...question, since: new Date(now).toISOString(), expires: new Date(now + expires).toISOString() };
}

interface Leaving {
  /** Rejects when the command has to end before the run has. */
  readonly left: Promise<never>;
  /** Aborts when the command no longer listens. */
  readonly signal: AbortSignal;
  /** The change itself has ended: there is nothing to restore, at most something to watch. */
  recorded: boolean;
  dispose(): void;
}

/** Ctrl-C, SIGTERM and SIGHUP ask the agent to restore. It does so whether or not this command still watches. */
function cancelOnSignals({ output, projectName }: CommandContext, agent: AgentClient, { request }: RunRequest): Leaving {
  const watch = `npx nx-deploy status ${projectName} -c ${request.environment} --follow`;
  const gone = new AbortController();
  let leave: (error: DeployError) => void = () => undefined;
  const left = new Promise<never>((_resolve, reject) => { leave = reject; });
  left.catch(() => undefined);
  let timer: NodeJS.Timeout | undefined;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (timer !== undefined) return;
    // Nx may end this command at any moment from here on, so this may be its last line.
    output.line(leaving.recorded
      ? `${signal}: no longer watching; the agent goes on by itself`
      : `${signal}: asking the agent to restore what ran before; should this command end first, watch it: ${watch}`);
    agent.call('cancel', { run: request.run }).catch(() => undefined);
    timer = setTimeout(() => leave(new DeployError('ND-NOT-RESTORED', {
      what: `the restore after ${signal} is still under way`, why: 'this command was told to end before it was done',
      next: `the agent goes on by itself; to watch the run ${request.run}: ${watch}`,
    })), GRACE_MS);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, onSignal);
  const leaving: Leaving = {
    left,
    signal: gone.signal,
    recorded: false,
    dispose() {
      clearTimeout(timer);
      // An open connection would keep this process waiting.
      gone.abort();
      for (const signal of signals) process.removeListener(signal, onSignal);
    },
  };
  return leaving;
}

async function show(context: CommandContext, result: ChangeResult, paused: Asked | undefined, watch: WatchOrder | undefined): Promise<void> {
  const { now, before } = result.manifest ?? {};
  const commits = now?.commit === undefined || before?.commit === undefined || now.commit === before.commit
    ? [] : await commitsBetween(before.commit, now.commit, projectFolder(context)) ?? [];
  const facts = { result, commits, command: commandLines(context, result.environment), color: context.output.color, ...(paused === undefined ? {} : { paused }), ...(watch === undefined || watch.attached ? {} : { watch: watch.ms }) };
  for (const line of summaryLines(facts)) context.output.line(line);
  for (const error of [result.error, result.restoreError]) {
    if (error !== undefined) context.output.error(DeployError.fromJSON(error));
  }
}
