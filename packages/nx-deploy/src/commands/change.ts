/** Sends a change to the agent, shows what happens, and asks for a restore when the user leaves. */
import { randomBytes } from 'node:crypto';
import { commitsBetween } from 'nx-build-manifest';
import { connectAgent } from '../control/launch.js';
import type { AgentClient } from '../control/client.js';
import type { RunRequest } from '../control/protocol.js';
import type { ChangeResult } from '../engine/request.js';
import { DeployError } from '../errors.js';
import type { PreparedHook } from '../hooks/run-hooks.js';
import type { Hook } from '../config/index.js';
import { pick } from '../shell/environment.js';
import { summaryLines } from './text.js';
import { projectFolder, type CommandContext } from './context.js';
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

export async function submit(context: CommandContext, run: RunRequest): Promise<CommandResult> {
  const agent = await connectAgent(context.home);
  const release = cancelOnSignals(context, agent, run);
  try {
    const result = await Promise.race([follow(context, agent, run, release.signal), release.left]);
    context.output.end();
    await show(context, result);
    const exitCode = EXIT_CODES[result.outcome];
    return { exitCode, document: { ...result, exitCode } };
  } finally {
    release.dispose();
  }
}

async function follow({ output }: CommandContext, agent: AgentClient, run: RunRequest, signal: AbortSignal): Promise<ChangeResult> {
  for await (const message of agent.stream('run', run, signal)) {
    if (message.type === 'result') return message.result;
    output.event(message.event);
  }
  throw new DeployError('ND-INTERRUPTED', { what: 'the agent ended the run without a result', next: 'run status: it shows what runs' });
}

interface Leaving {
  /** Rejects when the command has to end before the run has. */
  readonly left: Promise<never>;
  /** Aborts when the command no longer listens. */
  readonly signal: AbortSignal;
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
    output.line(`${signal}: asking the agent to restore what ran before; should this command end first, watch it: ${watch}`);
    agent.call('cancel', { run: request.run }).catch(() => undefined);
    timer = setTimeout(() => leave(new DeployError('ND-NOT-RESTORED', {
      what: `the restore after ${signal} is still under way`, why: 'this command was told to end before it was done',
      next: `the agent goes on by itself; to watch the run ${request.run}: ${watch}`,
    })), GRACE_MS);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, onSignal);
  return {
    left,
    signal: gone.signal,
    dispose() {
      clearTimeout(timer);
      // An open connection would keep this process waiting.
      gone.abort();
      for (const signal of signals) process.removeListener(signal, onSignal);
    },
  };
}

async function show(context: CommandContext, result: ChangeResult): Promise<void> {
  const { now, before } = result.manifest ?? {};
  const commits = now?.commit === undefined || before?.commit === undefined || now.commit === before.commit
    ? [] : await commitsBetween(before.commit, now.commit, projectFolder(context)) ?? [];
  for (const line of summaryLines({ result, commits, project: context.projectName, color: context.output.color })) context.output.line(line);
  for (const error of [result.error, result.restoreError]) {
    if (error !== undefined) context.output.error(DeployError.fromJSON(error));
  }
}
