/** What instances wrote, as the engine keeps it: of those whose containers are there. */
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LogLine, LogOptions, Ms } from '../../model/index.js';
import type { EngineClient, Streamed } from '../../shell/engine/index.js';
import type { Redactor } from '../../shell/redactor.js';
import { isUp, type Container } from './containers.js';

export interface LogReader {
  readonly client: EngineClient;
  /** Those that may be told of, whatever their state. */
  readonly look: () => Promise<readonly Container[]>;
  /** Values that must not be seen, of the release of the container. */
  readonly redactor: (release: string) => Promise<Redactor>;
  /** New instances are found so often; default two seconds. */
  readonly pause?: Ms;
}

const LOOK_PAUSE: Ms = 2_000;

/** All lines that are kept, in the order of their time; with `follow`, what is written from then on, as it comes, until the signal aborts. */
export async function* readLogs(reader: LogReader, options: LogOptions): AsyncGenerator<LogLine> {
  const { since, follow = false, signal } = options;
  const containers = wanted(await reader.look(), options);
  // All of them first: a program that is started before another one's values cannot be read would be ended by nobody.
  const readable = await Promise.all(containers.map(async (container) => ({ container, redact: await reader.redactor(container.release) })));
  const opened = await Promise.all(readable.map((one) => open(reader.client, one, since === undefined ? {} : { since })));
  const last = new Map<string, string>();
  const end = (): void => opened.forEach(({ program }) => program.end());
  signal?.addEventListener('abort', end, { once: true });
  try {
    for await (const { line, stamp } of merged(opened.flatMap(({ lines }) => lines))) {
      if (signal?.aborted === true) return;
      last.set(keyOf(line), stamp);
      yield line;
    }
  } finally {
    signal?.removeEventListener('abort', end);
    end();
  }
  if (follow && signal?.aborted !== true) yield* new Following(reader, options, last).lines();
}

interface Stamped {
  readonly line: LogLine;
  /** As the engine writes it, to the nanosecond: what comes after it is what was not told yet. */
  readonly stamp: string;
}

type Lines = AsyncIterator<Stamped>;

interface Open {
  readonly program: Streamed;
  /** One for each stream. */
  readonly lines: readonly Lines[];
}

function keyOf({ release, instance }: Pick<LogLine, 'release' | 'instance'>): string {
  return `${release}/${instance}`;
}

function wanted(containers: readonly Container[], { instance }: LogOptions): readonly Container[] {
  return containers.filter(({ process, slot }) => instance === undefined || `${process}.${slot}` === instance);
}

interface Sealed {
  readonly container: Container;
  readonly redact: Redactor;
}

async function open(client: EngineClient, { container, redact }: Sealed, { since, follow = false }: { readonly since?: string; readonly follow?: boolean }): Promise<Open> {
  const program = await client.stream(['logs', '--timestamps', ...(since === undefined ? [] : [`--since=${since}`]), ...(follow ? ['--follow'] : []), container.id]);
  program.stdin.end();
  const lines = ([['out', program.stdout], ['err', program.stderr]] as const).map(([name, source]) => stampedLines(source, name, container, redact)[Symbol.asyncIterator]());
  return { program, lines };
}

const STAMPED = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) ?(.*)$/s;

/** What the client itself complains of has no time, and is passed over. */
async function* stampedLines(source: Readable, stream: LogLine['stream'], { release, process, slot }: Container, redact: Redactor): AsyncGenerator<Stamped> {
  for await (const text of createInterface({ input: source, crlfDelay: Infinity })) {
    const [, stamp, rest = ''] = STAMPED.exec(text) ?? [];
    const at = stamp === undefined ? Number.NaN : Date.parse(stamp);
    if (stamp === undefined || Number.isNaN(at)) continue;
    yield { stamp, line: { at: new Date(at).toISOString(), release, instance: `${process}.${slot}`, stream, text: redact.replace(rest) } };
  }
}

/** A merge of sorted streams, of which one line each is held. */
async function* merged(sources: readonly Lines[]): AsyncGenerator<Stamped> {
  const heads = await Promise.all(sources.map(async (source) => ({ source, next: await source.next() })));
  for (;;) {
    let first: (typeof heads)[number] | undefined;
    for (const head of heads) if (head.next.done !== true && (first === undefined || head.next.value.stamp < (first.next.value as Stamped).stamp)) first = head;
    if (first === undefined) return;
    yield first.next.value as Stamped;
    first.next = await first.source.next();
  }
}

/** Lines of all instances as they come, also of such that are started meanwhile, or started again by the engine, at which the client ends. */
class Following {
  private readonly queue: LogLine[] = [];
  private readonly last: Map<string, string>;
  /** By container. */
  private readonly followed = new Map<string, Streamed | undefined>();
  /** Each time that a container was started. One that has ended is read once for each. */
  private readonly known = new Set<string>();
  private wake: () => void = () => undefined;
  private over = false;

  /** `told`: stamps of what was told last, by instance. */
  constructor(private readonly reader: LogReader, private readonly options: LogOptions, told: ReadonlyMap<string, string>) {
    this.last = new Map(told);
  }

  async *lines(): AsyncGenerator<LogLine> {
    const { reader: { pause = LOOK_PAUSE }, options: { signal } } = this;
    const stop = (): void => this.stop();
    signal?.addEventListener('abort', stop, { once: true });
    try {
      for (let looked = Number.NEGATIVE_INFINITY; signal?.aborted !== true;) {
        if (performance.now() - looked >= pause) {
          looked = performance.now();
          await this.find();
        }
        yield* this.queue.splice(0);
        // What came while those were taken woke nobody.
        if (this.queue.length > 0) continue;
        await Promise.race([new Promise<void>((done) => { this.wake = done; }), sleep(pause, undefined, { ref: false })]);
      }
    } finally {
      signal?.removeEventListener('abort', stop);
      this.stop();
    }
  }

  private stop(): void {
    this.over = true;
    for (const program of this.followed.values()) program?.end();
    this.wake();
  }

  private async find(): Promise<void> {
    for (const container of wanted(await this.reader.look().catch(() => []), this.options)) {
      const { id, startedAt } = container;
      const life = `${id} ${startedAt}`;
      if (this.over || this.followed.has(id) || (this.known.has(life) && !isUp(container))) continue;
      this.followed.set(id, undefined);
      void this.follow(container).then(() => this.known.add(life), () => undefined).finally(() => this.followed.delete(id));
    }
  }

  private async follow(container: Container): Promise<void> {
    const stamp = this.last.get(keyOf({ release: container.release, instance: `${container.process}.${container.slot}` }));
    const redact = await this.reader.redactor(container.release);
    const { program, lines } = await open(this.reader.client, { container, redact }, { follow: true, ...(stamp === undefined ? {} : { since: stamp }) });
    this.followed.set(container.id, program);
    if (this.over) program.end();
    await Promise.all(lines.map(async (source) => {
      // `--since` takes what is of that very moment along.
      for (let next = await source.next(); next.done !== true; next = await source.next()) if (stamp === undefined || next.value.stamp > stamp) this.take(next.value);
    }));
  }

  private take({ line, stamp }: Stamped): void {
    const key = keyOf(line);
    if (stamp > (this.last.get(key) ?? '')) this.last.set(key, stamp);
    this.queue.push(line);
    this.wake();
  }
}
