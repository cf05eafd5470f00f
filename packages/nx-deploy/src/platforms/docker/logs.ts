/** What instances wrote, as the engine keeps it: of those whose containers are there. */
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LogLine, LogOptions, Ms } from '../../model/index.js';
import type { EngineClient, Streamed } from '../../shell/engine/index.js';
import type { Redactor } from '../../shell/redactor.js';
import type { Container } from './containers.js';

export interface LogReader {
  readonly client: EngineClient;
  /** Those that may be told of, whatever their state. */
  readonly look: () => Promise<readonly Container[]>;
  /** Values that must not be seen, of the release of the container. */
  readonly redactor: (release: string) => Promise<Redactor>;
}

/** New instances are found so often. */
const LOOK_PAUSE: Ms = 2_000;

/** All lines that are kept, in the order of their time; with `follow`, what is written from then on, as it comes, until the signal aborts. */
export async function* readLogs(reader: LogReader, options: LogOptions): AsyncGenerator<LogLine> {
  const { since, follow = false, signal } = options;
  const containers = wanted(await reader.look(), options);
  const opened = await Promise.all(containers.map((container) => open(reader, container, { ...(since === undefined ? {} : { since }) })));
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
  if (follow && signal?.aborted !== true) yield* followed(reader, options, last);
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

async function open({ client, redactor }: LogReader, container: Container, { since, follow = false }: { readonly since?: string; readonly follow?: boolean }): Promise<Open> {
  const program = await client.stream(['logs', '--timestamps', ...(since === undefined ? [] : [`--since=${since}`]), ...(follow ? ['--follow'] : []), container.id]);
  program.stdin.end();
  const redact = await redactor(container.release);
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

/** Lines of all instances as they come, also of such that are started meanwhile. */
async function* followed(reader: LogReader, options: LogOptions, last: ReadonlyMap<string, string>): AsyncGenerator<LogLine> {
  const { signal } = options;
  const queue: LogLine[] = [];
  const programs = new Map<string, Streamed>();
  let wake: () => void = () => undefined;
  const follow = async (container: Container): Promise<void> => {
    const stamp = last.get(keyOf({ release: container.release, instance: `${container.process}.${container.slot}` }));
    const { program, lines } = await open(reader, container, { follow: true, ...(stamp === undefined ? {} : { since: stamp }) });
    programs.set(container.id, program);
    await Promise.all(lines.map(async (source) => {
      for (let next = await source.next(); next.done !== true; next = await source.next()) {
        // `--since` takes what is of that very moment along.
        if (stamp !== undefined && next.value.stamp <= stamp) continue;
        queue.push(next.value.line);
        wake();
      }
    }));
  };
  const known = new Set<string>();
  const find = async (): Promise<void> => {
    for (const container of wanted(await reader.look().catch(() => []), options)) {
      if (known.has(container.id) || signal?.aborted === true) continue;
      known.add(container.id);
      void follow(container).catch(() => known.delete(container.id));
    }
  };
  const stop = (): void => {
    for (const program of programs.values()) program.end();
    wake();
  };
  signal?.addEventListener('abort', stop, { once: true });
  try {
    for (let looked = Number.NEGATIVE_INFINITY; signal?.aborted !== true;) {
      if (performance.now() - looked >= LOOK_PAUSE) {
        looked = performance.now();
        await find();
      }
      yield* queue.splice(0);
      await Promise.race([new Promise<void>((done) => { wake = done; }), sleep(LOOK_PAUSE, undefined, { ref: false })]);
    }
  } finally {
    signal?.removeEventListener('abort', stop);
    stop();
  }
}
