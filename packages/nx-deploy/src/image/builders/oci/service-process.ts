/**
 * The process in which a service is loaded for its smoke import. It waits for word of what to load, so that it can be started before that is known: the start of Node itself, which takes as
 * long as a usual service does, then passes while the layers are made.
 */
import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Ms } from '../../../model/index.js';
import { killGroup, run, type RunResult } from '../../../shell/run.js';
import { preloadProgram, type Loading, type PreloadPaths } from './preload.js';

export interface ServiceStart {
  /** Absolute and of its own; the caller removes it after the process. */
  readonly folder: string;
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface ServiceLoad extends Loading {
  /** From when it is told. */
  readonly limit: Ms;
  readonly onLine: (line: string) => void;
  /** The service loads. */
  readonly onStarted?: () => void;
}

/** The longest that a timer takes: while it waits nothing is due. */
const NEVER: Ms = 2 ** 31 - 1;

export class ServiceProcess {
  /** Where the program that watches over the service writes what it sees. */
  readonly report: string;
  /** What Node is told to run: it becomes a link to the entry, which Node follows before it looks at anything else. */
  readonly link: string;
  readonly #ended: Promise<RunResult>;
  #tell: (word: string | undefined) => void = () => undefined;
  #told: () => void = () => undefined;
  #onLine: (line: string) => void = () => undefined;
  #pid: number | undefined;

  private constructor({ env, signal, folder }: ServiceStart, preload: string, { report, link }: PreloadPaths) {
    this.report = report;
    this.link = link;
    const word = new Promise<string | undefined>((resolve) => { this.#tell = resolve; });
    this.#ended = run([process.execPath, '--require', preload, this.link], {
      cwd: folder, env, timeout: NEVER, ...(signal === undefined ? {} : { signal }),
      onLine: (line) => this.#onLine(line), onStart: async (pid) => { this.#pid = pid; },
      input: async (write) => {
        const line = await word;
        if (line !== undefined) await write(Buffer.from(`${line}\n`));
        this.#told();
      },
    });
    this.#ended.catch(() => undefined);
  }

  static async start(start: ServiceStart): Promise<ServiceProcess> {
    const preload = join(start.folder, 'preload.cjs');
    const paths = { report: join(start.folder, 'report'), link: join(start.folder, 'entry') };
    await writeFile(preload, preloadProgram(paths), { flag: 'wx' });
    return new ServiceProcess(start, preload, paths);
  }

  /** To its end, and that of all it started. Once. */
  async load({ limit, onLine, onStarted, ...what }: ServiceLoad): Promise<RunResult> {
    let timedOut = false;
    this.#onLine = onLine;
    const timer = setTimeout(() => { timedOut = true; killGroup(this.#pid); }, limit);
    try {
      await symlink(what.entry, this.link);
      const told = new Promise<void>((resolve) => { this.#told = resolve; });
      this.#tell(JSON.stringify(what satisfies Loading));
      await Promise.race([told, this.#ended]);
      if (this.#pid !== undefined) onStarted?.();
      return { ...await this.#ended, timedOut };
    } finally {
      clearTimeout(timer);
      killGroup(this.#pid);
    }
  }

  /** Whether it was told or not. Never rejects. */
  async end(): Promise<void> {
    killGroup(this.#pid);
    this.#tell(undefined);
    await this.#ended.catch(() => undefined);
  }
}
