import { createInterface } from 'node:readline/promises';
import { EnvSyncError } from '../errors.js';
import { examineEnvironment } from '../examine-environment.js';
import type { Place } from '../stores/store.js';
import { isProtected } from '../traits.js';

/** Asks a person a question; undefined where there is nobody to ask. */
export type Ask = (question: string) => Promise<string | undefined>;

/** On a terminal, by its own lines. */
export const askOnTerminal: Ask = async (question) => {
  if (!process.stdin.isTTY || !process.stdout.isTTY) return undefined;
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  // Where the input ends, a question is never answered.
  const over = new Promise<undefined>((resolve) => lines.once('close', () => resolve(undefined)));
  try {
    return await Promise.race([lines.question(`${question} `), over]);
  } finally {
    lines.close();
  }
};

export interface Consent {
  /** `--yes`: asked and answered. */
  readonly yes?: boolean;
  readonly ask: Ask;
}

/** @throws EnvSyncError unless the environment is unprotected, or somebody says that it may be changed. */
export async function confirmChange(environment: string, what: string, { yes, ask }: Consent, place: Place): Promise<void> {
  if (yes === true) return;
  const { described } = await examineEnvironment({ environment, ...place });
  if (!isProtected(environment, described.protected)) return;
  const answer = await ask(`${environment} is protected. Type its name to ${what}:`);
  if (answer?.trim() === environment) return;
  throw new EnvSyncError('refused', {
    what: `${environment} is protected, and nobody confirmed to ${what}`,
    why: answer === undefined ? 'there is no terminal to ask on' : 'what was typed is not its name', next: 'look at it with --dry-run, then add --yes; nothing was changed',
  });
}
