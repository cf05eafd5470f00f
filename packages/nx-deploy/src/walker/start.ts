/** Starts a walker that outlives the command, Nx and the terminal. */
import { closeSync, openSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { DeployError } from '../errors.js';
import type { Ms } from '../model/index.js';
import { PRIVATE_FILE } from '../releases/index.js';
import { detach } from '../shell/detach.js';
import { baseEnvironment } from '../shell/environment.js';
import { createRunFolder, readWalker, walkerLives, type RunFolder } from './run-folder.js';

export interface StartOptions {
  /** Folder that holds a folder per run. */
  readonly runs: string;
  readonly run: string;
  /** Path of the walker's bundle, in a copy that nobody deletes. */
  readonly program: string;
  /** Goes through pipes only: it holds the values of secrets. */
  readonly order: object;
}

const START_TIMEOUT: Ms = 15_000;
const POLL: Ms = 10;
const LOG_LINES = 8;

/**
 * Resolves when the walker has its whole order and listens to signals: from then on nothing that happens to this process reaches it.
 * Rejects with ND-INTERRUPTED and the end of its log when it does not get that far; then nothing was changed.
 */
export async function startWalker({ runs, run, program, order }: StartOptions): Promise<RunFolder> {
  const made = await createRunFolder(runs, run);
  const output = openSync(made.log, 'a', PRIVATE_FILE);
  const launch: { failed: boolean } = { failed: false };
  try {
    // `launch` starts the walker and ends at once: with its parent gone, ending this command's process tree does not reach the walker.
    const launcher = await detach(process.execPath, [program, 'launch', made.folder], { env: baseEnvironment(process.env), output, input: JSON.stringify(order) });
    void launcher.ended.then(({ code }) => { launch.failed = code !== 0; });
  } finally {
    closeSync(output);
  }
  await begun(made, launch);
  return made;
}

async function begun(made: RunFolder, launch: { readonly failed: boolean }): Promise<void> {
  const end = performance.now() + START_TIMEOUT;
  while (performance.now() < end) {
    if (await exists(made.events)) return;
    const ended = await readWalker(made) !== undefined && !await walkerLives(made);
    if ((launch.failed || ended) && !await exists(made.events)) break;
    await sleep(POLL);
  }
  if (await exists(made.events)) return;
  // The frames of a stack would push out the message above them.
  const lines = (await readFile(made.log, 'utf8')).split('\n').filter((line) => line.trim() !== '' && !/^\s+at /.test(line));
  throw new DeployError('ND-INTERRUPTED', {
    what: 'the walker did not start', where: made.log, problems: lines.slice(-LOG_LINES), next: 'remove the cause that the log names and run the command again',
  });
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(() => true, () => false);
}
