/** Talks to the agent; starts it when it does not run. */
import { request } from 'node:http';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { text } from 'node:stream/consumers';
import { dirname, join } from 'node:path';
import type { IncomingMessage } from 'node:http';
import { DeployError, errorCode } from '../errors.js';
import { assertPrivate, type Home } from '../agent/home.js';
import { PROTOCOL, type Calls, type Failure, type Hello, type Streams } from './protocol.js';
import { allStopped, silentError, watchLiveness, type Liveness } from './liveness.js';
import { claimants, isClaimed } from './sole.js';
import { isNewer, packageVersion } from './version.js';

const HELLO_TIMEOUT = 2_000;
/** From one agent to the next the socket is nobody's for some ms. */
const BETWEEN_AGENTS = 2_000;
/** A frozen agent is ended by its standby before this. */
const SILENT_LIMIT = 30_000;
const RETRY = 10;
const CALL_TIMEOUT = 30_000;
/** Ending instances takes as long as their stop timeouts say, and what goes on is restored first; draining them takes as long as its limit. */
const LONG_TIMEOUT = 30 * 60_000;

export interface AgentClient {
  readonly hello: Hello;
  call<Name extends keyof Calls>(name: Name, body: Calls[Name]['in']): Promise<Calls[Name]['out']>;
  /** Ends when the agent ends the stream; rejects with ND-INTERRUPTED when the connection breaks first. */
  stream<Name extends keyof Streams>(name: Name, body: Streams[Name]['in'], signal?: AbortSignal): AsyncIterable<Streams[Name]['out']>;
}

/** The running agent, or undefined when none answers. Refuses one that speaks another protocol. */
export async function findAgent(home: Home, options: { readonly anyProtocol?: boolean } = {}): Promise<AgentClient | undefined> {
  const hello = await greet(home);
  if (hello === undefined) return undefined;
  if (hello.protocol !== PROTOCOL && options.anyProtocol !== true) throw wrongProtocol(hello);
  return {
    hello,
    call: (name, body) => post(home, name, body, name === 'stop' || name === 'platform' ? LONG_TIMEOUT : CALL_TIMEOUT),
    stream: (name, body, signal) => lines(home, name, body, signal),
  };
}

/** An agent that was killed just now may still take the connection and break it, and its standby is about to answer. */
async function greet(home: Home): Promise<Hello | undefined> {
  const patience = performance.now() + SILENT_LIMIT;
  let end = performance.now() + BETWEEN_AGENTS;
  for (;;) {
    let silent = false;
    const hello = await post<Hello>(home, 'hello', {}, HELLO_TIMEOUT).catch((error: unknown) => {
      silent = error instanceof DeployError && error.code === 'ND-AGENT-SILENT';
      if (error instanceof DeployError && error.code !== 'ND-INTERRUPTED' && !silent) throw error;
      return undefined;
    });
    if (hello !== undefined || !await isClaimed(home.lockFile)) return hello;
    if (silent) {
      await failWhenFrozen(home, patience);
      end = performance.now() + BETWEEN_AGENTS;
    }
    if (performance.now() > end) return undefined;
    await sleep(RETRY);
  }
}

/** Rejects with ND-AGENT-SILENT when nobody is left who could end the agent that does not answer, or when nobody did in time. */
async function failWhenFrozen(home: Home, patience: number): Promise<void> {
  const named = await claimants(home.lockFile);
  if (performance.now() > patience || await allStopped(named)) throw silentError(named);
}

/** False when the agent was asked and said nothing in time. */
async function answers(home: Home): Promise<boolean> {
  return post(home, 'hello', {}, HELLO_TIMEOUT).then(() => true, (error: unknown) => !(error instanceof DeployError && error.code === 'ND-AGENT-SILENT'));
}

export function wrongProtocol(hello: Hello): DeployError {
  return new DeployError('ND-AGENT-VERSION', {
    what: `the running agent (version ${hello.version}, process ${hello.pid}) speaks protocol ${hello.protocol}, this command ${PROTOCOL}`,
    next: isNewer(hello.version, packageVersion(join(__dirname, '../bundles')))
      ? `update nx-deploy in this workspace to ${hello.version}, or give it a home of its own (NX_DEPLOY_HOME)`
      : 'run `npx nx-deploy agent restart` when no change is under way: instances go on running',
  });
}

/** Nothing has reached an agent when the socket is not there or nobody listens on it, so it is safe to ask again while one is about to. */
async function open(home: Home, path: string, body: object, signal?: AbortSignal): Promise<IncomingMessage> {
  const end = performance.now() + BETWEEN_AGENTS;
  for (;;) {
    try {
      return await openOnce(home, path, body, signal);
    } catch (error) {
      const absent = errorCode(error) === 'ENOENT' || errorCode(error) === 'ECONNREFUSED';
      if (!absent || performance.now() > end || !await isClaimed(home.lockFile)) throw error;
      await sleep(RETRY);
    }
  }
}

async function openOnce(home: Home, path: string, body: object, signal?: AbortSignal): Promise<IncomingMessage> {
  await assertPrivate(dirname(home.socket));
  return await new Promise((resolve, reject) => {
    const outgoing = request({
      socketPath: home.socket, path: `/v1/${path}`, method: 'POST', agent: false,
      headers: { 'content-type': 'application/json' }, ...(signal === undefined ? {} : { signal }),
    }, resolve);
    outgoing.on('error', reject);
    outgoing.end(JSON.stringify(body));
  });
}

async function post<T>(home: Home, path: string, body: object, timeout: number): Promise<T> {
  const limit = AbortSignal.timeout(timeout);
  // What may take long by its nature is waited for as long as the agent answers other questions.
  const liveness = timeout > CALL_TIMEOUT ? watchLiveness(home, () => answers(home)) : undefined;
  const signal = liveness === undefined ? limit : AbortSignal.any([limit, liveness.signal]);
  const { status, value } = await answer(home, path, body, signal).finally(() => liveness?.stop());
  if (status !== 200) throw DeployError.fromJSON((value as Failure).error);
  return value as T;
}

/** Anything but a whole answer in JSON is a broken connection. */
async function answer(home: Home, path: string, body: object, signal: AbortSignal): Promise<{ readonly status: number | undefined; readonly value: unknown }> {
  try {
    const response = await open(home, path, body, signal);
    return { status: response.statusCode, value: JSON.parse(await text(response)) as unknown };
  } catch (error) {
    throw signal.aborted ? silentError(await claimants(home.lockFile)) : broken(error);
  }
}

async function* lines<T>(home: Home, path: string, body: object, signal?: AbortSignal): AsyncIterable<T> {
  const liveness = watchLiveness(home, () => answers(home));
  try {
    yield* linesOf(home, path, body, liveness, signal);
  } finally {
    liveness.stop();
  }
}

async function* linesOf<T>(home: Home, path: string, body: object, liveness: Liveness, signal?: AbortSignal): AsyncIterable<T> {
  const either = signal === undefined ? liveness.signal : AbortSignal.any([signal, liveness.signal]);
  const why = (error: unknown): DeployError => (liveness.signal.aborted ? frozen(liveness.signal.reason) : broken(error));
  const response = await open(home, path, body, either).catch((error: unknown) => {
    throw why(error);
  });
  if (response.statusCode !== 200) throw DeployError.fromJSON((JSON.parse(await text(response)) as Failure).error);
  // Whoever has stopped reading is told nothing any more, so a connection that breaks then is nobody's error.
  response.on('error', () => undefined);
  try {
    for await (const line of createInterface({ input: response, crlfDelay: Infinity })) {
      liveness.heard();
      yield JSON.parse(line) as T;
    }
  } catch (error) {
    if (signal?.aborted !== true) throw why(error);
  } finally {
    // A reader that leaves early has the agent see it. What has come to its end is closed already.
    if (!response.complete) response.destroy();
  }
  if (!response.complete && signal?.aborted !== true) throw why(undefined);
}

/** Something was under way, and nobody knows what became of it. */
function frozen(cause: unknown): DeployError {
  const { where, why, next } = cause instanceof DeployError ? cause.parts : silentError([]).parts;
  return new DeployError('ND-INTERRUPTED', {
    what: 'the agent does not answer any more', ...(where === undefined ? {} : { where }), ...(why === undefined ? {} : { why }),
    next: `${next ?? ''}; what was under way is restored when the agent wakes or the next one starts, and status tells`,
  }, { cause });
}

function broken(cause: unknown): DeployError {
  if (cause instanceof DeployError) return cause;
  return new DeployError('ND-INTERRUPTED', {
    what: 'the connection to the agent broke',
    why: 'the agent ended or was killed',
    next: 'run status: it starts the agent again and shows what runs',
  }, { cause });
}
