/** `events`: what a change tells, for programs. One JSON object a line, in the file as soon as it happens. */
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { DeployError, errorCode } from '../errors.js';
import type { CommandContext } from './context.js';
import type { Output } from './output.js';
import type { Ms } from '../model/index.js';
import { report, type CommandResult, type ReportOptions } from './result.js';

export interface ChangeOptions extends ReportOptions {
  /** File that gets the events; what it held before is lost. */
  readonly events?: string;
}

/** {@link report} for a command that goes on for a while and tells events. The last line of the file is the result. */
export async function reportEvents(context: CommandContext, options: ChangeOptions, work: (context: CommandContext) => Promise<CommandResult>): Promise<CommandResult> {
  if (options.events === undefined) return report(context, options, () => work(context));
  const files: EventsFile[] = [];
  const result = await report(context, options, () => {
    const file = EventsFile.open(options.events ?? '', context.output);
    files.push(file);
    return work({ ...context, output: file.output });
  });
  for (const file of files) await file.end(result);
  return result;
}

/** A pipe without a reader is told at once; waiting for one would hold up the change. */
const OPEN = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NONBLOCK;
/** Bytes that a slow reader of a pipe may be behind, beside what the pipe holds. */
const MOST_PENDING = 4_194_304;
/** How long such a reader has at the end, and how often it is tried. */
const LAST_WAIT: Ms = 2_000;
const TRY_AGAIN: Ms = 20;

class EventsFile {
  /** Says all that the given one says, and writes the events. */
  readonly output: Output;
  private broken = false;
  private pending = Buffer.alloc(0);

  private constructor(private readonly file: string, private readonly descriptor: number, private readonly screen: Output) {
    this.output = {
      color: screen.color,
      event: (event) => {
        this.write(event);
        screen.event(event);
      },
      phase: (name, state, ms) => screen.phase(name, state, ms),
      progress: (text) => screen.progress(text),
      line: (text) => screen.line(text),
      error: (error) => screen.error(error),
      end: () => screen.end(),
      ...(screen.closed === undefined ? {} : { closed: screen.closed }),
    };
  }

  /** Before anything is begun, so that nobody waits in vain for a file. */
  static open(file: string, screen: Output): EventsFile {
    try {
      return new EventsFile(file, openSync(file, OPEN, 0o666), screen);
    } catch (error) {
      const what = `the events cannot be written to ${file}`;
      if (errorCode(error) === 'ENXIO') throw new DeployError('ND-OPTION-INVALID', { what, why: 'it is a pipe that nobody reads', next: 'start its reader first, or name a file with --events' });
      throw new DeployError('ND-OPTION-INVALID', { what, why: errorCode(error) ?? String(error), next: 'name a file in a folder that exists with --events' });
    }
  }

  async end({ document }: CommandResult): Promise<void> {
    this.write({ type: 'result', ...document });
    for (let left = LAST_WAIT; this.pending.length > 0 && left > 0; left -= TRY_AGAIN) {
      await sleep(TRY_AGAIN);
      this.flush();
    }
    if (this.pending.length > 0) this.giveUp('its reader is too slow');
    closeSync(this.descriptor);
  }

  private write(value: object): void {
    if (this.broken) return;
    this.pending = Buffer.concat([this.pending, Buffer.from(`${JSON.stringify({ at: new Date().toISOString(), ...value })}\n`)]);
    this.flush();
    if (this.pending.length > MOST_PENDING) this.giveUp('its reader is too slow');
  }

  private flush(): void {
    try {
      while (this.pending.length > 0) this.pending = this.pending.subarray(writeSync(this.descriptor, this.pending));
    } catch (error) {
      // A pipe that is full: its reader is behind.
      if (errorCode(error) !== 'EAGAIN') this.giveUp(errorCode(error) ?? String(error));
    }
  }

  /** A file that takes no more costs events, not the change. */
  private giveUp(why: string): void {
    this.broken = true;
    this.pending = Buffer.alloc(0);
    this.screen.event({ type: 'note', text: `no more events are written to ${this.file}: ${why}` });
  }
}
