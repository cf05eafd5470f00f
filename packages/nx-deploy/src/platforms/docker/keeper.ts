/** Asks a keeper (see keeper-program.ts) that a container runs. */
import { DeployError } from '../../errors.js';
import type { Ms } from '../../model/index.js';
import type { EngineClient, Held } from '../../shell/engine/index.js';
import { HEADER, KEEPER } from './keeper-program.js';

/** `holder`: who holds the lock of that name, as `<process> <what is told>`. `end`: ends it, where `other` is that process. */
export type Operation = 'beat' | 'holder' | 'end' | 'read' | 'names' | 'write' | 'create' | 'append' | 'truncate' | 'remove' | 'tree' | 'aside';

export interface Question {
  readonly operation: Operation;
  /** Relative to the keeper's folder. */
  readonly path: string;
  /** Name of a temporary file, or the new path, or a length, as the operation wants it. */
  readonly other?: string;
  readonly content?: Uint8Array;
}

export interface Answer {
  /** `none`: there is no such file or folder. `taken`: there is one already. `no`: it could not be done, and the content says why. */
  readonly word: 'ok' | 'none' | 'taken' | 'no';
  readonly content: Buffer;
}

/** Getting the image may take its time. */
const START: Ms = 5 * 60_000;
/** For a disk that is busy. */
const ANSWER: Ms = 30_000;
const CLOSE: Ms = 10_000;
/** A file that shrinks while it is read is read again. */
const READS = 5;
/** Its contents are held in memory there. */
const LONGEST = 32 * 1024 * 1024;

/** Where the state is, in every container that has it. */
export const STATE_FOLDER = '/state';

/** Where the files are that are locked, in the container that all keepers of an engine share: in memory, and gone with it. */
export const LOCKS_FOLDER = '/locks';

export interface KeeperOptions {
  readonly folder?: string;
  readonly locks?: string;
  /** Taken first, and held to the end. `holder`: one line. */
  readonly lock?: { readonly name: string; readonly holder: string };
}

/** Behind the image, or the container, of a command line. `limit`: seconds without a question after which it ends. */
export function keeperArguments(limit: number, { folder = STATE_FOLDER, locks = LOCKS_FOLDER, lock }: KeeperOptions = {}): readonly string[] {
  return ['-c', KEEPER, 'nx-deploy-keeper', folder, String(limit), locks, lock?.name ?? '', lock?.holder ?? ''];
}

/** Why there is no keeper. */
export type Unopened =
  /** It has no such folder. */
  | { readonly absent: true }
  /** Somebody else holds the lock: what is told of him, '' where nothing is. */
  | { readonly held: string }
  /** What the client complained of. */
  | { readonly complaints: string };

/** The keeper is not there any more, or does not answer: what was asked last may have been done or not. */
export class KeeperGone extends Error {
  override readonly name = 'KeeperGone';
}

export class Keeper {
  private asking: Promise<unknown> = Promise.resolve();
  private gone = false;

  private constructor(private readonly held: Held) {
    void held.ended.then(() => { this.gone = true; });
  }

  static async open(client: Pick<EngineClient, 'name' | 'hold'>, args: readonly string[]): Promise<Keeper | Unopened> {
    const held = await client.hold(args);
    const said = await held.line(START);
    if (said === 'ready') return new Keeper(held);
    await held.close(0);
    if (said === 'absent') return { absent: true };
    if (said?.startsWith('held ') === true) return { held: said.slice('held '.length) };
    // The engine itself says on standard output why it could not start a program.
    if (said === undefined || !said.startsWith('unfit ')) return { complaints: [said ?? '', (await held.ended).complaints].join('\n').trim() };
    throw new DeployError('ND-ENGINE-UNSUPPORTED', {
      what: 'the image of the router cannot keep the state of services', where: client.name, why: `it has no ${said.replace(/^unfit /, '').replaceAll(/[^ -~]/g, '?').slice(0, 80)}`,
      next: 'name another image as router.image: the official haproxy images have what it takes',
    });
  }

  get ended(): boolean {
    return this.gone;
  }

  /** One question at a time, in the order in which they were asked. Rejects with {@link KeeperGone}. */
  ask(question: Question): Promise<Answer> {
    const answer = this.asking.then(() => this.answer(question));
    this.asking = answer.catch(() => undefined);
    return answer;
  }

  async close(): Promise<void> {
    this.gone = true;
    await this.held.close(CLOSE);
  }

  private async answer(question: Question): Promise<Answer> {
    for (let reads = 1; !this.gone; reads += 1) {
      this.held.sendBytes(encode(question));
      const answer = await this.take(question.operation === 'read');
      if (answer === undefined) break;
      if (answer.whole || reads === READS) return answer;
    }
    // Whatever comes late from now on belongs to no question.
    this.gone = true;
    void this.held.close(0);
    throw new KeeperGone();
  }

  private async take(isRead: boolean): Promise<(Answer & { readonly whole: boolean }) | undefined> {
    const [, word, length] = /^(ok|none|taken|no) (\d+)$/.exec(await this.held.line(ANSWER) ?? '') ?? [];
    if (word === undefined) return undefined;
    const content = await this.held.bytes(Number(length), ANSWER);
    const end = isRead && word === 'ok' ? await this.held.line(ANSWER) : 'whole';
    return content === undefined || end === undefined ? undefined : { word: word as Answer['word'], content, whole: end === 'whole' };
  }
}

/** A path has plain names alone, so that a question is four words whatever a file is called. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/;

export function isPath(path: string): boolean {
  return path.split('/').every((name) => NAME.test(name));
}

function encode({ operation, path, other = '-', content = Buffer.alloc(0) }: Question): Uint8Array {
  const words = `${operation} ${content.length} ${path} ${other}`;
  const fits = words.length < HEADER && content.length <= LONGEST;
  if (!fits || !(path === '.' || isPath(path)) || !(other === '-' || isPath(other))) throw new Error(`not a question for a keeper: ${operation} ${JSON.stringify(path)}, ${content.length} bytes`);
  return Buffer.concat([Buffer.from(`${words.padEnd(HEADER - 1)}\n`), content]);
}
