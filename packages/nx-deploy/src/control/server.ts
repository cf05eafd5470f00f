/** The agent's side of its socket. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { existsSync } from 'node:fs';
import { chmod, mkdir, rm } from 'node:fs/promises';
import { json } from 'node:stream/consumers';
import { dirname } from 'node:path';
import { asDeployError, DeployError } from '../errors.js';
import { runChange, type ChangeContext } from '../engine/change.js';
import type { Swept } from '../engine/task.js';
import type { Metrics } from '../model/index.js';
import { localPlatform } from '../platforms/local/platform.js';
import { assertPrivate } from '../agent/home.js';
import { Broadcasts } from './broadcast.js';
import { changeClosure, closureStatus } from './closures.js';
import { logStream } from './log-stream.js';
import { neverDeployed, Sessions, type RunningChange } from './platform-calls.js';
import type { Calls, Hello, LogsRequest, RunRequest, ServiceTarget, SessionRequest, Streams, TaskStreamRequest, UnlockRequest } from './protocol.js';
import { agentActor } from './recovery.js';
import type { Registry } from './registry.js';
import { runningConfiguration } from './configuration.js';
import { emptyStatus, serviceStatus, summaryOf } from './status.js';
import { wantedSteering } from './steering.js';
import { Tasks } from './tasks.js';
import type { Watches } from './watches.js';

/** How many instances were ended; `leave` is called when the answer has been sent. */
export interface Ended {
  readonly stopped: number;
  readonly leave: () => void;
}

export interface ControlOptions {
  readonly socket: string;
  readonly hello: Hello;
  readonly registry: Registry;
  /** Removes stored content that no release needs any more. */
  readonly prune: (used: ReadonlySet<string>, dryRun?: boolean) => Promise<Swept>;
  readonly log: (message: string, facts?: object) => void;
  readonly watches: Watches;
  /** Asked for by `agent stop`: ends what is to end. */
  readonly stop: (instances: boolean) => Promise<Ended>;
  readonly takeover: (wanted: Calls['takeover']['in']) => Promise<Calls['takeover']['out']>;
}

/** `stop` is apart: it ends the server that answers it. */
type Handlers = { readonly [Name in Exclude<keyof Calls, 'stop'>]: (body: Calls[Name]['in']) => Promise<Calls[Name]['out']> };

/** Runs that go on, so that they can be cancelled by name. */
type Runs = Map<string, RunningChange>;

export async function openControl(options: ControlOptions): Promise<Server> {
  const runs: Runs = new Map();
  const sessions = new Sessions({ registry: options.registry, runs, afterRun: () => pruneContent(options) });
  const calls = handlers(options, runs, sessions);
  const streams = streamsOf(options, runs, sessions);
  const server = createServer((request, response) => {
    void answer(options, calls, streams, request, response);
  });
  // A run may take longer than any of node:http's own limits.
  server.requestTimeout = 0;
  server.headersTimeout = 0;
  await mkdir(dirname(options.socket), { recursive: true, mode: 0o700 });
  await assertPrivate(dirname(options.socket));
  await rm(options.socket, { force: true });
  await listen(server, options.socket);
  return server;
}

/** Somebody who tidies up (the folder for temporary files, say) may have removed the socket, and then nobody reaches the agent. What is under way goes on. */
export async function reopenControl(server: Server, socket: string): Promise<void> {
  if (existsSync(socket)) return;
  server.close();
  await mkdir(dirname(socket), { recursive: true, mode: 0o700 });
  await assertPrivate(dirname(socket));
  await listen(server, socket);
}

async function listen(server: Server, socket: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(socket, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
  await chmod(socket, 0o600);
}

function handlers({ hello, registry, takeover, watches }: ControlOptions, runs: Runs, sessions: Sessions): Handlers {
  return {
    hello: () => Promise.resolve(hello),
    services: () => Promise.resolve(registry.all().map(summaryOf)),
    async status(target) {
      const service = await registry.find(target);
      if (service === undefined) return emptyStatus(target.key);
      const { closed } = service.record;
      return { ...await serviceStatus(service), ...optional('watch', watches.of(service)), ...optional('closed', closed && closureStatus(closed)) };
    },
    async configuration(target) {
      const service = await registry.find(target);
      return service === undefined ? {} : runningConfiguration(service);
    },
    cancel({ run }) {
      runs.get(run)?.cancel.abort();
      return Promise.resolve({ cancelled: runs.has(run) });
    },
    closure: (request) => changeClosure(registry, request),
    platform: (call) => sessions.call(call),
    takeover,
  };
}

type StreamHandlers = Readonly<Record<keyof Streams | 'stop', (body: unknown, response: ServerResponse) => Promise<void>>>;

function streamsOf(options: ControlOptions, runs: Runs, sessions: Sessions): StreamHandlers {
  const { registry, prune, log } = options;
  const broadcasts = new Broadcasts();
  // From the moment that the agent is told to stop: a run that began then would start instances that nobody ends.
  let stopping = false;
  const begin = async (work: () => Promise<void>): Promise<void> => {
    if (stopping) throw new DeployError('ND-AGENT-STOPPING', { what: 'the agent is stopping', next: 'run the command again when it has stopped: it starts another agent' });
    await work();
  };
  const tasks = new Tasks({ registry, runs, broadcasts, prune, log });
  return {
    run: (body, response) => begin(() => runStream(options, { runs, broadcasts }, body as RunRequest, response)),
    session: (body, response) => begin(() => sessions.stream(body as SessionRequest, response)),
    logs: (body, response) => logStream(registry, body as LogsRequest, response),
    task: (body, response) => begin(() => tasks.task(body as TaskStreamRequest, response)),
    unlock: (body, response) => tasks.unlock(body as UnlockRequest, response),
    watch: (body, response) => tasks.watch(body as ServiceTarget, response),
    stop: (body, response) => {
      stopping = true;
      return stopAll(options, runs, body as Calls['stop']['in'], response);
    },
  };
}

async function answer(options: ControlOptions, calls: Handlers, streams: StreamHandlers, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const name = /^\/v1\/([a-z]+)$/.exec(request.url ?? '')?.[1] ?? '';
  try {
    const body = await json(request);
    if (isStream(streams, name)) await streams[name](body, response);
    else if (isCall(calls, name)) send(response, 200, await (calls[name] as (body: unknown) => Promise<unknown>)(body));
    else throw new DeployError('ND-AGENT-VERSION', { what: `this agent does not know ${JSON.stringify(name)}`, next: 'run `npx nx-deploy agent restart`' });
  } catch (thrown) {
    const error = asDeployError(thrown);
    if (error.code === 'ND-INTERNAL') options.log('a request failed', { name, error: error.stack });
    if (response.headersSent) response.destroy();
    else send(response, 400, { error: error.toJSON() });
  }
}

/** What goes on is restored first: a walk whose instances are taken from under it would start others. */
async function stopAll({ registry, stop, watches }: ControlOptions, runs: Runs, { instances }: Calls['stop']['in'], response: ServerResponse): Promise<void> {
  // Where all ends there is nothing to go on with.
  await watches.stop({ forget: instances });
  for (const { cancel } of runs.values()) cancel.abort();
  await Promise.all([...runs.values()].map(({ ended }) => ended));
  await registry.allSettled();
  const { stopped, leave } = await stop(instances);
  // Whoever asked may be gone by now.
  if (response.closed) {
    leave();
    return;
  }
  response.once('close', leave);
  send(response, 200, { stopped } satisfies Calls['stop']['out']);
}

function isStream(streams: StreamHandlers, name: string): name is keyof StreamHandlers {
  return Object.hasOwn(streams, name);
}

/** A key that is there only with a value. */
function optional<Key extends string, Value>(key: Key, value: Value | undefined): { readonly [K in Key]?: Value } {
  return value === undefined ? {} : { [key]: value } as { readonly [K in Key]: Value };
}

function isCall(calls: Handlers, name: string): name is keyof Handlers {
  return Object.hasOwn(calls, name);
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close' }).end(JSON.stringify(body));
}

interface Running {
  readonly runs: Runs;
  readonly broadcasts: Broadcasts;
}

/** Streams the events of a run and then its result. A command that goes away asks for nothing less than a cancel. */
async function runStream(options: ControlOptions, { runs, broadcasts }: Running, body: RunRequest, response: ServerResponse): Promise<void> {
  const { registry, log, watches } = options;
  const { request, node } = body;
  if (request.change.action !== 'deploy' && await registry.find(body) === undefined) throw neverDeployed(body);
  const service = await registry.open(body, node);
  const cancel = new AbortController();
  let end: () => void = () => undefined;
  runs.set(request.run, { cancel, ended: new Promise((resolve) => { end = resolve; }) });
  response.on('close', () => {
    if (!response.writableFinished) cancel.abort();
  });
  if (response.closed) cancel.abort();
  response.writeHead(200, { 'content-type': 'application/x-ndjson' }).flushHeaders();
  const broadcast = broadcasts.begin(request.run);
  broadcast.follow((message) => {
    response.write(`${JSON.stringify(message)}\n`);
    if (message.type === 'result') response.end();
  });
  try {
    await registry.settled(service);
    if (!request.dryRun && request.change.action === 'deploy' && (await service.state.lock.holder()) === undefined) service.use(node);
    const listen = body.listen ?? service.record.listen ?? { address: '127.0.0.1' };
    let baseline: Metrics | undefined;
    const context: ChangeContext = {
      platform: localPlatform(service, listen, wantedSteering(request)),
      request,
      emit: (event) => {
        if (event.type !== 'traffic') log('event', { run: request.run, event });
        broadcast.tell({ type: 'event', at: new Date().toISOString(), event });
      },
      signal: cancel.signal,
      onBaseline: (metrics) => { baseline = metrics; },
    };
    const changed = await runChange(context);
    const result = await watches.after(service, { ...context, actor: agentActor(), result: changed, baseline });
    log('result', { result });
    if (result.outcome === 'paused') watches.questions.see(service);
    broadcast.tell({ type: 'result', at: new Date().toISOString(), result });
    if (result.outcome === 'done') await pruneContent(options);
  } finally {
    runs.delete(request.run);
    broadcasts.end(request.run);
    end();
  }
}

async function pruneContent({ registry, prune, log }: ControlOptions): Promise<void> {
  await registry.artifacts().then((used) => prune(used)).catch((error: unknown) => log('stored content could not be pruned', { error: String(error) }));
}
