/**
 * A shell in the router's container that is held by its standard input and runs programs there: each takes a few milliseconds, where an `exec` of its own
 * takes a hundred. Its text never changes. Arguments and input come to it as data with their lengths, and are never part of a shell's text.
 */
import { randomBytes } from 'node:crypto';
import { DeployError } from '../../errors.js';
import type { Ms } from '../../model/index.js';
import type { Ran } from '../../routers/haproxy/index.js';
import type { EngineClient, Held } from '../../shell/engine/index.js';

/** How the shell ends when it did not get the lock in time. */
const BUSY = 13;

/**
 * With two arguments, a folder and seconds, it first takes the lock of the router's changes, and holds it to its end.
 * A question is a line `<mark> <number of arguments> <bytes of input>`, a line for each argument (escaped as for printf's %b), the input and a line feed.
 * The answer is the program's output, a line feed, `<mark> <exit code>`, its complaints, and the mark again. The mark is new and random for each
 * question, so that no output can be taken for it.
 */
const SCRIPT = `
if [ "$#" -eq 2 ]; then cd "$1" && exec 9>lock && { flock -w "$2" 9 || exit ${BUSY}; } || exit 1; fi
exec 3>&1
echo ready
while IFS=' ' read -r mark count bytes; do
  set --
  while [ "$count" -gt 0 ]; do
    IFS= read -r line || exit 1
    word=$(printf '%b.' "$line")
    set -- "$@" "\${word%.}"
    count=$((count - 1))
  done
  if [ "$bytes" -gt 0 ]; then complaints=$(dd bs="$bytes" count=1 iflag=fullblock 2>/dev/null | "$@" 2>&1 1>&3)
  else complaints=$("$@" 2>&1 1>&3 </dev/null); fi
  code=$?
  IFS= read -r line || exit 1
  printf '\\n%s %s\\n%s\\n%s\\n' "$mark" "$code" "$complaints" "$mark"
done
`;

export interface SessionOptions {
  readonly client: EngineClient;
  /** Of the client, up to the program: `exec --interactive <container>`. */
  readonly enter: readonly string[];
  /** Taken when the session is opened, and held until it is closed; nothing that takes it itself may run there. `seconds`: how long it is waited for. */
  readonly lock?: { readonly folder: string; readonly seconds: number };
  /** What a program may take. Default two minutes, which is longer than any of them waits for another. */
  readonly limit?: Ms;
}

const LIMIT: Ms = 2 * 60_000;
const OPEN: Ms = 30_000;
const CLOSE: Ms = 2_000;
/** How long a container that is just being started again is waited for. */
const RESTART: Ms = 10_000;
const PAUSE: Ms = 50;
const STARTING = /is restarting|is not running|no longer running|can only create exec sessions on running/i;

/** Programs run one after the other. */
export class RouterSession {
  private held: Held | undefined;
  private queue: Promise<unknown> = Promise.resolve();
  private closed = false;

  constructor(private readonly options: SessionOptions) {}

  /**
   * Runs a program there. When the session breaks meanwhile (the router was started again), it is opened anew, once, and the program is run again: it has to be
   * one for which that makes no difference. Rejects with ND-ENGINE-FAILED, or what else the client says, when the container does not run.
   */
  run(argv: readonly string[], input: string): Promise<Ran> {
    const ran = this.queue.then(async () => {
      const known = this.held !== undefined;
      return await this.ask(argv, input, known ? 0 : RESTART) ?? await this.ask(argv, input, RESTART) ?? this.broken();
    });
    this.queue = ran.catch(() => undefined);
    return ran;
  }

  /** Opens it, where it is not open. */
  async ready(): Promise<void> {
    await this.run(['true'], '');
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.queue;
    await this.drop(CLOSE);
  }

  /** Undefined when the session broke. */
  private async ask(argv: readonly string[], input: string, patience: Ms): Promise<Ran | undefined> {
    const held = this.held ??= await this.open(patience);
    const mark = randomBytes(16).toString('hex');
    held.send([`${mark} ${argv.length} ${Buffer.byteLength(input)}`, ...argv.map(escape), input].join('\n'));
    const { limit = LIMIT, client } = this.options;
    const end = performance.now() + limit;
    const answer = await readAnswer(held, mark, end);
    if (answer !== undefined) return answer;
    await this.drop(0);
    if (performance.now() >= end) throw client.failure('reach the router', `a program beside it took more than ${limit / 1_000} s`);
    return undefined;
  }

  private async open(patience: Ms): Promise<Held> {
    const { client, enter, lock } = this.options;
    const end = performance.now() + patience;
    for (;;) {
      const held = await client.hold([...enter, 'sh', '-c', SCRIPT, 'nx-deploy-session', ...(lock === undefined ? [] : [lock.folder, String(lock.seconds)])]);
      if (await held.line(OPEN + 1_000 * (lock?.seconds ?? 0)) === 'ready') return held;
      await held.close(0);
      const { complaints, exitCode } = await held.ended;
      if (lock !== undefined && exitCode === BUSY) throw locked(client.name, lock.seconds);
      if (performance.now() >= end || this.closed || !STARTING.test(complaints)) throw client.failure('reach the router', complaints);
      await new Promise((wake) => setTimeout(wake, PAUSE));
    }
  }

  private async drop(grace: Ms): Promise<void> {
    const { held } = this;
    this.held = undefined;
    await held?.close(grace);
  }

  private broken(): never {
    throw this.options.client.failure('reach the router', 'the session with its container broke twice');
  }
}

function locked(where: string, seconds: number): DeployError {
  return new DeployError('ND-ROUTER-FAILED', { what: 'the router could not be locked', where, why: `another command has held its lock for ${seconds} s`, next: 'wait for it, then run the command again' });
}

/** One line of printable text that printf's %b turns into the same bytes again. */
function escape(argument: string): string {
  return argument.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

async function readAnswer(held: Held, mark: string, end: number): Promise<Ran | undefined> {
  const until = async (last: (line: string) => boolean): Promise<readonly string[] | undefined> => {
    const lines: string[] = [];
    for (;;) {
      const line = await held.line(Math.max(0, end - performance.now()));
      if (line === undefined) return undefined;
      lines.push(line);
      if (last(line)) return lines;
    }
  };
  const output = await until((line) => line.startsWith(`${mark} `));
  const complaints = output && await until((line) => line === mark);
  if (output === undefined || complaints === undefined) return undefined;
  return { exitCode: Number(output.at(-1)?.slice(mark.length + 1)), output: output.slice(0, -1).join('\n'), complaints: complaints.slice(0, -1).join('\n') };
}
