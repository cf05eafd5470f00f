/** What every walker's program does: it waits for its order, which comes by stdin, and walks. */
import { access, rm } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { openEventLog, type EventLog } from './event-log.js';
import { recordWalker, runFolder, type RunFolder } from './run-folder.js';
import { walk, type Task } from './walk.js';
import { watcher } from './watching.js';

/** Runs the program of this process (`<program> <folder of the run>`) and ends the process. */
export function walkerProgram(taskOf: (order: unknown) => Task): void {
  main(process.argv, taskOf).catch((error: unknown) => {
    complain('the walker failed', error);
    process.exit(1);
  });
}

async function main([, , folder = '']: readonly string[], taskOf: (order: unknown) => Task): Promise<void> {
  const run = runFolder(folder);
  // Of a run that was given up meanwhile nobody wants to know.
  await access(folder);
  // Before it has its order: what it does then is done by a process that is known.
  await recordWalker(run, process.pid);
  const input = await text(process.stdin);
  if (input === '') await dismissed(run);
  // A run whose starter was killed has half an order, and half an order is no JSON.
  else await walkThrough(run, taskOf(JSON.parse(input)));
}

/** There is nothing to do after all. */
async function dismissed(run: RunFolder): Promise<void> {
  await rm(run.folder, { recursive: true, force: true });
  process.exit(0);
}

async function walkThrough(run: RunFolder, task: Task): Promise<void> {
  process.title = 'nx-deploy-walker';
  const [cancel, stop] = [new AbortController(), new AbortController()];
  let told = false;
  // Once the result is told there is at most a watch to end.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => (told ? stop : cancel).abort());
  // A fault in one place must not leave the change half done: it is logged, and what it was part of fails by itself or at its deadline.
  process.on('uncaughtException', (error) => complain('uncaught exception', error));
  process.on('unhandledRejection', (error) => complain('unhandled rejection', error));
  const events = openEventLog(run.events);
  const telling: EventLog = { event: (event) => events.event(event), result: (result) => { told = true; events.result(result); } };
  await walk(task, telling, cancel, task.watched === undefined ? undefined : watcher(run, task.watched, stop.signal));
  // Calls that were given up may still be open.
  process.exit(0);
}

/** stderr is the log in the run's folder. A disk without room costs the message. */
function complain(what: string, error: unknown): void {
  const stack = error instanceof Error ? error.stack ?? error.message : String(error);
  process.stderr.write(`${new Date().toISOString()} ${what}: ${stack}\n`);
}
