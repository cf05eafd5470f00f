/** The walker's side of a session with the agent. */
import { DeployError } from '../errors.js';
import type { Answer, Arguments, Verb } from '../platforms/local/calls.js';
import { remotePlatform } from '../platforms/local/remote.js';
import type { Platform } from '../platforms/platform.js';
import type { AgentClient } from './client.js';
import type { RunRequest, SessionMessage, SessionRequest } from './protocol.js';
import { wantedSteering } from './steering.js';

export interface PlatformSession {
  readonly platform: Platform;
  /** Gives the lock back, should it still be held, and ends the session. */
  close(): Promise<void>;
}

type Opened = Extract<SessionMessage, { type: 'opened' }>;

/** Rejects as the agent refuses: a stranger's service, say. `cancel` is called when somebody asks the agent to have the run taken back. */
export async function openSession(agent: AgentClient, { key, owner, listen, node, request }: RunRequest, cancel: () => void): Promise<PlatformSession> {
  const target = { key, owner };
  const end = new AbortController();
  const steering = wantedSteering(request);
  const body: SessionRequest = { ...target, node, action: request.change.action, dryRun: request.dryRun, ...(listen === undefined ? {} : { listen }), ...(steering === undefined ? {} : { steering }) };
  const messages = agent.stream('session', body, end.signal)[Symbol.asyncIterator]();
  const first = await messages.next();
  if (first.done === true || first.value.type !== 'opened') throw lost();
  const { session, name, can }: Opened = first.value;
  const connection = { open: true };
  const followed = follow(messages, cancel).finally(() => { connection.open = false; });
  return {
    platform: remotePlatform({
      name, can,
      async ask<V extends Verb>(verb: V, ...args: Arguments<V>) {
        // The lock went with the stream, so nothing may be changed any more.
        if (!connection.open) throw lost();
        const { value } = await agent.call('platform', { session, verb, args });
        return value as Answer<V>;
      },
      logs: (release, { follow: more = false, since, instance, signal }) => agent.stream('logs', {
        ...target, follow: more, ...(release === undefined ? {} : { release }), ...(since === undefined ? {} : { since }), ...(instance === undefined ? {} : { instance }),
      }, signal),
    }),
    async close() {
      end.abort();
      await followed;
    },
  };
}

/** Resolves when the stream is over, however it ended: calls tell then. */
async function follow(messages: AsyncIterator<SessionMessage>, cancel: () => void): Promise<void> {
  try {
    for (let next = await messages.next(); next.done !== true; next = await messages.next()) {
      if (next.value.type === 'cancel') cancel();
    }
  } catch {
    // Broken: the agent is gone.
  }
}

function lost(): DeployError {
  return new DeployError('ND-INTERRUPTED', {
    what: 'the connection to the agent broke', why: 'the agent ended or was killed', next: 'run status: it starts the agent again and shows what runs',
  });
}
