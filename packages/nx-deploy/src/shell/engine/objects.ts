/** What there is on an engine: by its API where the client can be dialled through, else by the client's own commands, which podman has too. */
import { DeployError } from '../../errors.js';
import type { Ms } from '../../model/index.js';
import type { ApiAnswer, EngineApi } from './api.js';
import { slowCall } from './failures.js';

export type Kind = 'container' | 'image' | 'network' | 'volume';

/** All of them have to fit. */
export interface ContainerFilter {
  /** `name=value`. */
  readonly labels?: readonly string[];
  /** The whole name. */
  readonly name?: string;
  readonly network?: string;
  readonly running?: true;
}

export interface Listed {
  /** Whole. */
  readonly id: string;
  readonly name: string;
  /** Docker's word: created, running, paused, restarting, removing, exited, dead. */
  readonly state: string;
}

/** The client, as far as it is asked here. */
export interface Caller {
  readonly name: string;
  call(what: string, args: readonly string[], options?: { readonly timeout?: Ms }): Promise<{ readonly exitCode: number; readonly output: string; readonly complaints: string }>;
  ask(what: string, args: readonly string[]): Promise<string>;
  failure(what: string, said: string): DeployError;
}

const TIMEOUT: Ms = 60_000;
/** Of the thing that was asked for: a host, a file or a context that is not there is another matter. */
const GONE = /\bno such (?:container|object|image|network|volume)\b|\b(?:container|image|network|volume)\b[^:]*\bnot (?:known|found)\b/i;
const PATHS: Readonly<Record<Kind, (name: string) => string>> = {
  container: (name) => `/containers/${encodeURIComponent(name)}/json`,
  // A name of an image has slashes, which the engine wants as they are.
  image: (name) => `/images/${name.split('/').map(encodeURIComponent).join('/')}/json`,
  network: (name) => `/networks/${encodeURIComponent(name)}`,
  volume: (name) => `/volumes/${encodeURIComponent(name)}`,
};

/** `what` ends the sentence `docker could not ...`. Every method rejects with the name of what went wrong, as the client's own `ask` does. */
export class EngineObjects {
  /** `api`: undefined where the client cannot be dialled through. */
  constructor(private readonly client: Caller, private api: EngineApi | undefined) {}

  /** Each as the engine describes it, in the order of the names; undefined for one that is not there. */
  async inspect(what: string, kind: Kind, names: readonly string[]): Promise<readonly unknown[]> {
    if (names.length === 0) return [];
    const answers = await Promise.all(names.map((name) => this.ask(what, 'GET', PATHS[kind](name))));
    if (answers.every((answer) => answer !== undefined)) return answers.map((answer) => this.read(what, answer));
    return this.inspectByClient(what, kind, names);
  }

  async list(what: string, filter: ContainerFilter): Promise<readonly Listed[]> {
    const { labels = [], name, network, running } = filter;
    const filters = { ...(labels.length === 0 ? {} : { label: labels }), ...(name === undefined ? {} : { name: [`^/?${name}$`] }), ...(network === undefined ? {} : { network: [network] }), ...(running === undefined ? {} : { status: ['running'] }) };
    const answer = await this.ask(what, 'GET', `/containers/json?all=1&filters=${encodeURIComponent(JSON.stringify(filters))}`);
    if (answer !== undefined) {
      const found = this.read(what, answer) as readonly { readonly Id: string; readonly Names?: readonly string[] | null; readonly State: string }[] | undefined;
      return (found ?? []).map(({ Id, Names, State }) => ({ id: Id, name: (Names?.[0] ?? '').replace(/^\//, ''), state: State }));
    }
    const words = Object.entries(filters).flatMap(([key, values]) => values.map((value) => `--filter=${key}=${value}`));
    const said = await this.client.ask(what, ['ps', '--all', '--no-trunc', ...words, '--format={{.ID}}\t{{.Names}}\t{{.State}}']);
    return said.split('\n').map((line) => line.trim().split('\t')).flatMap(([id = '', called = '', state = '']) => (id === '' ? [] : [{ id, name: called, state: state.toLowerCase() }]));
  }

  /** SIGTERM, after `seconds` SIGKILL. One that is gone, or does not run, is no failure. */
  async stop(what: string, id: string, seconds: number, timeout: Ms): Promise<void> {
    const answer = await this.ask(what, 'POST', `/containers/${encodeURIComponent(id)}/stop?t=${seconds}`, timeout);
    if (answer === undefined) await this.unlessGone(what, ['stop', `--time=${seconds}`, id], timeout);
    else if (answer.status !== 304) this.read(what, answer);
  }

  /** Ends it and takes it away, its own volumes too. One that is gone is no failure. */
  async remove(what: string, id: string, timeout: Ms): Promise<void> {
    const answer = await this.ask(what, 'DELETE', `/containers/${encodeURIComponent(id)}?force=1&v=1`, timeout);
    if (answer === undefined) await this.unlessGone(what, ['rm', '--force', '--volumes', id], timeout);
    else if (answer.status !== 409 || !/already in progress/i.test(answer.body)) this.read(what, answer);
  }

  /** A further name, `repository:tag`, for an image. */
  async tag(what: string, image: string, name: string): Promise<void> {
    const colon = name.lastIndexOf(':');
    const answer = await this.ask(what, 'POST', `${PATHS.image(image).replace(/json$/, 'tag')}?repo=${encodeURIComponent(name.slice(0, colon))}&tag=${encodeURIComponent(name.slice(colon + 1))}`);
    if (answer?.status !== 201) await this.client.ask(what, ['image', 'tag', image, name]);
  }

  /** Takes a name from an image, whose content goes with its last one. A name that is not there is no failure, and content that a container needs stays. */
  async untag(what: string, name: string): Promise<void> {
    const answer = await this.ask(what, 'DELETE', PATHS.image(name).replace(/\/json$/, ''));
    if (answer === undefined) {
      const { exitCode, complaints } = await this.client.call(what, ['image', 'rm', name]);
      if (exitCode !== 0 && !/no such image|image not known/i.test(complaints)) throw this.client.failure(what, complaints);
    } else this.read(what, answer);
  }

  /** `linux/amd64`: what the engine itself runs on. Undefined where the client has to be asked. */
  async platform(what: string): Promise<string | undefined> {
    const answer = await this.ask(what, 'GET', '/version');
    const { Os, Arch } = (answer === undefined ? undefined : this.read(what, answer) as { readonly Os?: string; readonly Arch?: string } | undefined) ?? {};
    return Os === undefined || Arch === undefined ? undefined : `${Os}/${Arch}`;
  }

  close(): void {
    this.api?.close();
  }

  /** Undefined when the client has to be asked instead. Nothing here does harm when it is done twice. */
  private async ask(what: string, method: 'GET' | 'POST' | 'DELETE', path: string, timeout = TIMEOUT): Promise<ApiAnswer | undefined> {
    const { api } = this;
    const answer = await api?.ask(method, path, timeout);
    if (answer === 'late') throw slowCall({ program: 'docker', engine: this.client.name, what }, timeout / 1_000);
    if (answer !== 'lost') return answer;
    // The client says better why the engine is not reached; and one that cannot dial is not asked to again.
    this.api = undefined;
    api?.close();
    return undefined;
  }

  private read(what: string, { status, body }: ApiAnswer): unknown {
    if (status === 404) return undefined;
    if (status < 200 || status > 299) throw this.client.failure(what, `Error response from daemon: ${messageOf(body)}`);
    return body === '' ? undefined : parse(what, body);
  }

  /** One call for all where all are there. */
  private async inspectByClient(what: string, kind: Kind, names: readonly string[]): Promise<readonly unknown[]> {
    const { exitCode, output, complaints } = await this.client.call(what, [kind, 'inspect', ...names]);
    if (exitCode === 0) return parse(what, output) as readonly unknown[];
    if (!GONE.test(complaints)) throw this.client.failure(what, complaints);
    if (names.length === 1) return [undefined];
    return (await Promise.all(names.map((name) => this.inspectByClient(what, kind, [name])))).flat();
  }

  private async unlessGone(what: string, args: readonly string[], timeout: Ms): Promise<void> {
    const { exitCode, complaints } = await this.client.call(what, args, { timeout });
    if (exitCode === 0 || /no such container|is already in progress/i.test(complaints)) return;
    throw this.client.failure(what, complaints);
  }
}

function messageOf(body: string): string {
  try {
    const { message } = JSON.parse(body) as { readonly message?: unknown };
    return typeof message === 'string' ? message : body;
  } catch {
    return body;
  }
}

function parse(what: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DeployError('ND-ENGINE-FAILED', { what: `the engine could not ${what}`, why: 'what it says is no JSON', next: 'update the client of the engine, and run the command again' }, { cause });
  }
}
