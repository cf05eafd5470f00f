/** Has a change walked by the agent or by a walker of its own, shows what happens, and asks for a restore when the user leaves. */
import { randomBytes } from 'node:crypto';
import { commitsBetween } from 'nx-build-manifest';
import type { RunMessage, ServiceStatus } from '../control/protocol.js';
import type { ChangeRequest, ChangeResult, Hooks, Question, WatchOrder } from '../engine/request.js';
import { DeployError, errorCode } from '../errors.js';
import type { PreparedHook } from '../hooks/run-hooks.js';
import type { Hook, ResolvedEnvironment } from '../config/index.js';
import { pick } from '../shell/environment.js';
import { askedOf, summaryLines, type Asked } from './text.js';
import { agentWalk } from './agent-walk.js';
import { commandLines, projectFolder, serviceTarget, type CommandContext } from './context.js';
import type { EarlyWalker } from './docker/walk.js';
import { channelsOf } from './notify.js';
import { EXIT_CODES, type CommandResult } from './result.js';

/** How long a command that was told to end waits for the restore before it leaves it to whoever walks. Nx ends an executor after 5 s. */
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

export interface ChangeOrder {
  readonly request: ChangeRequest;
  /** The address of deploy.json is put in force; otherwise the one in force stays. */
  readonly listens: boolean;
  /** Where an engine gets the image from that no registry has: absolute folders of its layout and of the home with the store of base layers. */
  readonly source?: { readonly layout: string; readonly home: string };
  /** The walker, where it was launched before the order was known. */
  readonly early?: EarlyWalker;
}

/** A change under way, wherever it is walked. */
export interface Walk {
  /** For messages. */
  readonly by: 'agent' | 'walker';
  messages(signal: AbortSignal): AsyncIterable<RunMessage>;
  /** Has it taken back, or no longer waited for. */
  cancel(): Promise<unknown>;
  status(): Promise<ServiceStatus>;
}

async function begin(context: CommandContext, resolved: ResolvedEnvironment, order: ChangeOrder): Promise<Walk> {
  const target = await serviceTarget(context, resolved);
  if (resolved.platform.type === 'local') {
    const { request, listens } = order;
    return agentWalk(context.home, { ...target, node: process.execPath, request, ...(listens ? { listen: resolved.listen } : {}) });
  }
  const { dockerWalk } = await import('./docker/walk.js');
  return dockerWalk(context, { ...target, place: resolved.platform.place }, resolved, order);
}

function withChannels(context: CommandContext, resolved: ResolvedEnvironment, order: ChangeOrder): ChangeOrder {
  const notify = channelsOf(context, resolved);
  return notify.length === 0 ? order : { ...order, request: { ...order.request, notify } };
}

export async function submit(context: CommandContext, resolved: ResolvedEnvironment, order: ChangeOrder): Promise<CommandResult> {
  const walk = await begin(context, resolved, withChannels(context, resolved, order)).catch((error: unknown) => {
    order.early?.dismiss();
    throw error;
  });
  const leaving = cancelOnSignals(context, walk, order.request);
  try {
    const result = await Promise.race([follow(context, walk, leaving), leaving.left]);
    context.output.end();
    const paused = result.paused === undefined ? undefined : await asked(walk, result.paused);
    await show(context, result, paused, order.request.watch);
    const exitCode = EXIT_CODES[result.outcome];
    return { exitCode, document: { ...result, ...(paused === undefined ? {} : { paused }), exitCode } };
  } finally {
    leaving.dispose();
  }
}

async function follow({ output }: CommandContext, walk: Walk, leaving: Leaving): Promise<ChangeResult> {
  let watched = false;
  try {
    for await (const message of walk.messages(leaving.signal)) {
      if (message.type === 'result') return message.result;
      const { event } = message;
      if (event.type === 'stage' && event.stage === 'record' && event.state === 'done') leaving.recorded = true;
      if (leaving.recorded && event.type === 'waiting') watched = true;
      output.event(event);
    }
  } catch (error) {
    throw watched && errorCode(error) === 'ND-INTERRUPTED' ? unwatched(walk, error) : error;
  }
  throw new DeployError('ND-INTERRUPTED', { what: `the ${walk.by} ended the run without a result`, next: 'run status: it shows what runs' });
}

/** Neither done nor failed: what the command was told to wait for, it does not know. */
function unwatched({ by }: Walk, cause: unknown): DeployError {
  return new DeployError('ND-INTERRUPTED', {
    what: `the deploy is done, but its watch was not over when the ${by} ended`, why: `the ${by} was stopped, replaced or killed; whether the release does well is not known here`,
    next: by === 'agent'
      ? 'run status: the next agent goes on with the watch for the time that is left, and takes the release back when it does badly'
      : 'run status and logs: nobody looks after the release any more; rollback takes it back',
  }, { cause });
}

/** The question as it is on record: `status` tells the same. */
async function asked(walk: Walk, { expires, ...question }: Question): Promise<Asked> {
  const now = Date.now();
  const found = await walk.status().catch(() => undefined);
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

/** Ctrl-C, SIGTERM and SIGHUP ask for a restore. It is done whether or not this command still watches. */
function cancelOnSignals({ output, projectName }: CommandContext, walk: Walk, request: ChangeRequest): Leaving {
  const { by } = walk;
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
      ? `${signal}: no longer watching; the ${by} goes on by itself`
      : `${signal}: asking the ${by} to restore what ran before; should this command end first, watch it: ${watch}`);
    walk.cancel().catch(() => undefined);
    timer = setTimeout(() => leave(new DeployError('ND-NOT-RESTORED', {
      what: `the restore after ${signal} is still under way`, why: 'this command was told to end before it was done',
      next: `the ${by} goes on by itself; to watch the run ${request.run}: ${watch}`,
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
