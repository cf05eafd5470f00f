/** `docker exec --interactive` by the engine's own API, without a client that is started for it. */
import type { Duplex } from 'node:stream';
import { PassThrough } from 'node:stream';
import type { Ms } from '../../model/index.js';
import type { ApiAnswer, EngineApi } from './api.js';
import { heldOver, type Held } from './held.js';

interface Exec {
  readonly container: string;
  readonly user: string | undefined;
  readonly argv: readonly string[];
}

const TIMEOUT: Ms = 60_000;
const LONGEST_COMPLAINTS = 16 * 1024;
/** Of each piece of the output: one byte with the stream (1 standard output, 2 standard error), three zeros, its length. */
const PIECE_HEADER = 8;
const STANDARD_ERROR = 2;
/** As docker's client ends where the program could not be started. */
const UNSTARTED = 126;

/** Undefined where `args` are no such command, or the engine does not do as expected: then the client is to be started. */
export async function execByApi(api: EngineApi, args: readonly string[]): Promise<Held | undefined> {
  const exec = execIn(args);
  if (exec === undefined) return undefined;
  const { container, user, argv } = exec;
  const body = { AttachStdin: true, AttachStdout: true, AttachStderr: true, Cmd: argv, ...(user === undefined ? {} : { User: user }) };
  const made = await api.ask('POST', `/containers/${encodeURIComponent(container)}/exec`, TIMEOUT, body);
  if (typeof made === 'string') return undefined;
  const id = made.status === 201 ? field(made, 'Id') : undefined;
  if (typeof id !== 'string') return refused(made);
  const opened = await api.upgrade(`/exec/${id}/start`, { Detach: false, Tty: false }, TIMEOUT);
  if (typeof opened === 'string') return undefined;
  if ('status' in opened) return refused(opened);
  return heldExec(opened.connection, opened.head, async () => {
    const ended = await api.ask('GET', `/exec/${id}/json`, TIMEOUT);
    const code = typeof ended === 'string' ? undefined : field(ended, 'ExitCode');
    return typeof code === 'number' ? code : -1;
  });
}

/** `exec --interactive [--user=USER] CONTAINER PROGRAM ...`; anything else is the client's. */
function execIn([verb, ...words]: readonly string[]): Exec | undefined {
  const first = words.findIndex((word) => !word.startsWith('-'));
  const flags = words.slice(0, Math.max(0, first));
  const users = flags.filter((flag) => flag !== '--interactive').map((flag) => /^--user=(.+)$/.exec(flag)?.[1]);
  const [container, ...argv] = words.slice(Math.max(0, first));
  if (verb !== 'exec' || first < 1 || users.length === flags.length || users.includes(undefined) || container === undefined || argv.length === 0) return undefined;
  return { container, user: users.at(-1), argv };
}

function field({ body }: ApiAnswer, name: string): unknown {
  try {
    return (JSON.parse(body) as Readonly<Record<string, unknown>>)[name];
  } catch {
    return undefined;
  }
}

/** In the client's words. */
function refused(answer: ApiAnswer): Held {
  const message = field(answer, 'message');
  const stdout = new PassThrough();
  stdout.end();
  return heldOver({
    stdin: new PassThrough().resume(), stdout, kill: () => undefined,
    ended: Promise.resolve({ exitCode: UNSTARTED, complaints: `Error response from daemon: ${typeof message === 'string' ? message : answer.body}` }),
  });
}

function heldExec(connection: Duplex, head: Buffer, exitCode: () => Promise<number>): Held {
  const stdout = new PassThrough();
  let complaints = '';
  let rest: Buffer = Buffer.alloc(0);
  const take = (chunk: Buffer): void => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= PIECE_HEADER) {
      const end = PIECE_HEADER + rest.readUInt32BE(4);
      if (rest.length < end) break;
      const piece = rest.subarray(PIECE_HEADER, end);
      if (rest[0] === STANDARD_ERROR) complaints = (complaints + piece.toString('utf8')).slice(-LONGEST_COMPLAINTS);
      else stdout.write(piece);
      rest = rest.subarray(end);
    }
  };
  const closed = new Promise<void>((done) => { connection.once('close', done); });
  connection.on('error', () => undefined);
  take(head);
  connection.on('data', take);
  connection.once('close', () => stdout.end());
  return heldOver({ stdin: connection, stdout, kill: () => { connection.destroy(); }, ended: closed.then(async () => ({ exitCode: await exitCode(), complaints })) });
}
