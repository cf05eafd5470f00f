/** One engine, reached by the command line that its users know: contexts, DOCKER_HOST, ssh:// and TLS are the client's business. */
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { DeployError } from '../../errors.js';
import type { Ms } from '../../model/index.js';
import { baseEnvironment, pick } from '../environment.js';
import { endOf, startProgram } from '../program.js';
import { killGroup } from '../run.js';
import { EngineApi } from './api.js';
import { execByApi } from './exec.js';
import { withEnvironment, type ContainerEnvironment } from './environment.js';
import { failedCall, missingProgram, slowCall } from './failures.js';
import { hold, type Held } from './held.js';
import { localSocket } from './local-socket.js';
import { EngineObjects } from './objects.js';
import { stream, type Streamed } from './stream.js';
import { CLIENT_VARIABLES } from './variables.js';

export interface EngineOptions {
  readonly program: 'docker' | 'podman';
  /** A context of docker, or a connection of podman; without one the client's own choice. */
  readonly context?: string;
  /** The caller's environment, of which the client gets what it needs. */
  readonly variables: NodeJS.ProcessEnv;
}

export interface CallOptions {
  readonly input?: string | Readable;
  /** Default a minute. */
  readonly timeout?: Ms;
  readonly signal?: AbortSignal;
  /** For the client's environment alone (see {@link withEnvironment}). */
  readonly inherited?: Readonly<Record<string, string>>;
}

export interface Called {
  /** Of the client; for `exec` and `run`, that of the program where it got so far. */
  readonly exitCode: number;
  readonly output: string;
  readonly complaints: string;
}

const TIMEOUT: Ms = 60_000;
const LONGEST_OUTPUT = 64 * 1024 * 1024;
const LONGEST_COMPLAINTS = 64 * 1024;
/** A child of the client (ssh) may hold the pipes for a moment longer. */
const PIPE_GRACE: Ms = 500;

export class EngineClient {
  /** For messages: `docker, context prod`. */
  readonly name: string;
  readonly program: EngineOptions['program'];
  readonly objects: EngineObjects;
  private readonly env: Readonly<Record<string, string>>;
  private readonly local: EngineApi | undefined;
  private readonly prefix: readonly string[];

  constructor(private readonly options: EngineOptions) {
    const { program, context, variables } = options;
    this.program = program;
    // A context that is named wins over both, as it does on the command line.
    const { DOCKER_HOST: host, DOCKER_CONTEXT: chosen, ...rest } = pick(variables, CLIENT_VARIABLES);
    this.env = { ...baseEnvironment(variables), ...rest, ...(context !== undefined || host === undefined ? {} : { DOCKER_HOST: host }), ...(context !== undefined || chosen === undefined ? {} : { DOCKER_CONTEXT: chosen }) };
    this.prefix = [program, ...(context === undefined ? [] : [program === 'docker' ? `--context=${context}` : `--connection=${context}`])];
    const where = context === undefined ? host ?? (chosen === undefined ? undefined : `context ${chosen}`) : `context ${context}`;
    this.name = where === undefined ? program : `${program}, ${where}`;
    const socket = program === 'docker' && context === undefined ? localSocket(this.env) : undefined;
    const api = program !== 'docker' ? undefined : new EngineApi(socket === undefined ? { dial: () => this.stream(['system', 'dial-stdio']) } : { socket });
    this.objects = new EngineObjects(this, api);
    // Where a client has to be started to dial, it may as well be the one that does what is wanted.
    this.local = socket === undefined ? undefined : api;
  }

  /** Runs the client; rejects only when it is not installed (ND-ENGINE-MISSING), does not end (ND-ENGINE-UNREACHABLE) or is cancelled (ND-CANCELLED). */
  async call(what: string, args: readonly string[], options: CallOptions = {}): Promise<Called> {
    const { timeout = TIMEOUT, signal, inherited } = options;
    const ended = await execute([...this.prefix, ...args], { ...inherited, ...this.env }, { ...options, timeout });
    if (ended.unstarted) throw missingProgram(this.options.program);
    if (signal?.aborted === true) throw signal.reason instanceof DeployError ? signal.reason : new DeployError('ND-CANCELLED', { what: `cancelled while ${this.options.program} was to ${what}` });
    if (ended.timedOut) throw slowCall({ program: this.options.program, engine: this.name, what }, timeout / 1_000);
    return ended;
  }

  /** The output of a call that has to succeed; `what` ends the sentence `docker could not ...`. Rejects with the name of what went wrong. */
  async ask(what: string, args: readonly string[], options: CallOptions = {}): Promise<string> {
    const { exitCode, output, complaints } = await this.call(what, args, options);
    if (exitCode === 0) return output;
    throw this.failure(what, complaints);
  }

  /** Much is asked of an engine without its client, but no container is made. Throws ND-ENGINE-MISSING where it is not installed. */
  assertInstalled(): void {
    const folders = (this.env['PATH'] ?? '').split(delimiter);
    if (!folders.some((folder) => existsSync(join(folder, this.program)))) throw missingProgram(this.program);
  }

  /** Starts a program that is held by its standard input. Rejects with ND-ENGINE-MISSING where the client is not installed. */
  async hold(args: readonly string[]): Promise<Held> {
    const byApi = this.local === undefined ? undefined : await execByApi(this.local, args);
    if (byApi !== undefined) return byApi;
    const held = hold([...this.prefix, ...args], this.env);
    if (!held.started) throw missingProgram(this.options.program);
    return held;
  }

  /** Starts a program whose output is read while it runs. Rejects with ND-ENGINE-MISSING where the client is not installed. */
  async stream(args: readonly string[], inherited: Readonly<Record<string, string>> = {}): Promise<Streamed> {
    const streamed = stream([...this.prefix, ...args], { ...inherited, ...this.env });
    if (!streamed.started) throw missingProgram(this.options.program);
    return streamed;
  }

  /** The name of what a failed call said; `what` as in {@link ask}. */
  failure(what: string, said: string): DeployError {
    return failedCall({ program: this.options.program, engine: this.name, what, said });
  }

  /** Variables for a container that `use` starts. */
  withEnvironment<T>(values: Readonly<Record<string, string>>, use: (environment: ContainerEnvironment) => Promise<T>): Promise<T> {
    return withEnvironment(values, new Set([...Object.keys(baseEnvironment(ALL)), ...CLIENT_VARIABLES]), use);
  }
}

/** Every name has a value, so that all that are ever handed on come out. */
const ALL = new Proxy<NodeJS.ProcessEnv>({}, { get: () => '' });

interface Ended extends Called {
  readonly unstarted: boolean;
  readonly timedOut: boolean;
}

/** The client leads a process group, which gets SIGKILL at the timeout and on abort. What is too long is cut off at its beginning. */
async function execute(argv: readonly string[], env: Readonly<Record<string, string>>, { input, timeout, signal }: CallOptions & { readonly timeout: Ms }): Promise<Ended> {
  const { child } = startProgram(argv, { cwd: tmpdir(), env, stdin: 'pipe', stderr: 'pipe' });
  const { stdin, stdout, stderr } = child ?? {};
  if (child === undefined || !stdin || !stdout || !stderr) return { exitCode: -1, output: '', complaints: '', unstarted: true, timedOut: false };
  let timedOut = false;
  const end = (): void => killGroup(child.pid);
  const timer = setTimeout(() => { timedOut = true; end(); }, timeout);
  signal?.addEventListener('abort', end, { once: true });
  if (signal?.aborted === true) end();
  const [output, complaints] = [gather(stdout, LONGEST_OUTPUT), gather(stderr, LONGEST_COMPLAINTS)];
  feed(stdin, input, end);
  child.once('exit', () => closeWhenSilent([stdout, stderr]));
  const { exitCode, startError } = await endOf(child, tmpdir());
  clearTimeout(timer);
  signal?.removeEventListener('abort', end);
  return { exitCode: exitCode ?? -1, output: output(), complaints: complaints(), unstarted: startError !== undefined, timedOut };
}

/** Pipes that nobody has written to for a while. On a busy machine what is in them may be read late: it comes before the pipe is closed all the same. */
function closeWhenSilent(streams: readonly Readable[]): void {
  for (const stream of streams) {
    let last = performance.now();
    const look = (): void => {
      // What waits in the pipe is read between a timer and an immediate.
      setImmediate(() => {
        if (stream.closed) return;
        if (performance.now() - last >= PIPE_GRACE) stream.destroy();
        else setTimeout(look, PIPE_GRACE);
      });
    };
    stream.on('data', () => { last = performance.now(); });
    setTimeout(look, PIPE_GRACE).unref();
  }
}

function gather(stream: Readable, limit: number): () => string {
  const chunks: Buffer[] = [];
  let bytes = 0;
  stream.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    bytes += chunk.length;
    while (bytes - (chunks[0]?.length ?? 0) > limit) bytes -= chunks.shift()?.length ?? 0;
  });
  return () => Buffer.concat(chunks).toString('utf8');
}

/** It may end without reading all of it: its exit code then says more than the broken pipe. A source that fails ends the client. */
function feed(stdin: Writable, input: CallOptions['input'], end: () => void): void {
  stdin.on('error', () => undefined);
  if (input === undefined || typeof input === 'string') {
    stdin.end(input ?? '');
    return;
  }
  input.once('error', end).pipe(stdin);
}
