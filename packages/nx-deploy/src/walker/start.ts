/** Starts a walker that outlives the command, Nx and the terminal. */
import { closeSync, openSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { DeployError } from '../errors.js';
import type { Ms } from '../model/index.js';
import { PRIVATE_FILE } from '../releases/index.js';
import { orphan } from '../shell/detach.js';
import { baseEnvironment } from '../shell/environment.js';
import { createRunFolder, type RunFolder } from './run-folder.js';

export interface LaunchOptions {
  /** Folder that holds a folder per run. */
  readonly runs: string;
  readonly run: string;
  /** Path of the walker's bundle, in a copy that nobody deletes. */
  readonly program: string;
}

export interface StartOptions extends LaunchOptions {
  /** Goes through pipes only: it holds the values of secrets. */
  readonly order: object;
}

/** A walker that waits for its order, and does nothing without one. */
export interface WaitingWalker {
  /**
   * Resolves when the walker has its whole order and listens to signals: from then on nothing that happens to this process reaches it.
   * Rejects with ND-INTERRUPTED and the end of its log when it does not get that far; then nothing was changed.
   */
  begin(order: object): Promise<RunFolder>;
  /** It ends, and leaves nothing. So it does when this process ends. */
  dismiss(): void;
}

const START_TIMEOUT: Ms = 15_000;
const POLL: Ms = 5;
const LOG_LINES = 8;

/** Whoever does not know the order yet lets the walker start meanwhile. Rejects with ND-LOCKED when there is a run of that name. */
export async function launchWalker({ runs, run, program }: LaunchOptions): Promise<WaitingWalker> {
  const made = await createRunFolder(runs, run);
  const output = openSync(made.log, 'a', PRIVATE_FILE);
  try {
    const { stdin, gone } = await orphan([process.execPath, program, made.folder], { env: baseEnvironment(process.env), output });
    const launched: { ended: boolean } = { ended: false };
    void gone.then(() => { launched.ended = true; });
    return {
      async begin(order) {
        stdin.end(JSON.stringify(order));
        await begun(made, launched);
        return made;
      },
      dismiss: () => { stdin.end(); },
    };
  } finally {
    closeSync(output);
  }
}

/** As {@link launchWalker}, with its order at once. */
export async function startWalker({ order, ...options }: StartOptions): Promise<RunFolder> {
  return (await launchWalker(options)).begin(order);
}

async function begun(made: RunFolder, launched: { readonly ended: boolean }): Promise<void> {
  const end = performance.now() + START_TIMEOUT;
  while (performance.now() < end) {
    if (await exists(made.events)) return;
    if (launched.ended) break;
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
