/** `events`: what a change tells, for programs. One JSON object a line, in the file as soon as it happens. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { DeployError, errorCode } from '../errors.js';
import type { CommandContext } from './context.js';
import type { Output } from './output.js';
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
  for (const file of files) file.end(result);
  return result;
}

class EventsFile {
  /** Says all that the given one says, and writes the events. */
  readonly output: Output;
  private broken = false;

  private constructor(private readonly file: string, private readonly descriptor: number, private readonly screen: Output) {
    this.output = {
      color: screen.color,
      event: (event) => {
        this.write(event);
        screen.event(event);
      },
      line: (text) => screen.line(text),
      error: (error) => screen.error(error),
      end: () => screen.end(),
      ...(screen.closed === undefined ? {} : { closed: screen.closed }),
    };
  }

  /** Before anything is begun, so that nobody waits in vain for a file. */
  static open(file: string, screen: Output): EventsFile {
    try {
      return new EventsFile(file, openSync(file, 'w'), screen);
    } catch (error) {
      throw new DeployError('ND-OPTION-INVALID', { what: `the events cannot be written to ${file}`, why: errorCode(error) ?? String(error), next: 'name a file in a folder that exists with --events' });
    }
  }

  end({ document }: CommandResult): void {
    this.write({ type: 'result', ...document });
    closeSync(this.descriptor);
  }

  /** A file that takes no more costs events, not the change. */
  private write(value: object): void {
    if (this.broken) return;
    try {
      const bytes = Buffer.from(`${JSON.stringify({ at: new Date().toISOString(), ...value })}\n`);
      for (let done = 0; done < bytes.length;) done += writeSync(this.descriptor, bytes, done);
    } catch (error) {
      this.broken = true;
      this.screen.event({ type: 'note', text: `no more events are written to ${this.file}: ${errorCode(error) ?? String(error)}` });
    }
  }
}
