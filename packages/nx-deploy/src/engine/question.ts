/** Which question an answer is meant for: a change may ask more than once, and another one may ask the same. */
import { createHash } from 'node:crypto';
import { DeployError } from '../errors.js';
import type { Pause } from '../releases/index.js';
import type { Decision } from './request.js';

/** A change that waits for an answer. */
export interface Asking {
  readonly run: string;
  readonly paused: Pick<Pause, 'gate' | 'since'>;
}

const ID_LENGTH = 8;

/** Short enough to copy, and another one each time that something is asked. The letter keeps a command line from taking it for a number. */
export function questionId({ run, paused: { gate, since } }: Asking): string {
  return `g${createHash('sha256').update(JSON.stringify([run, since, gate])).digest('hex').slice(0, ID_LENGTH)}`;
}

/** @throws DeployError ND-NOT-PAUSED when the answer names another question than the one that waits now. */
export function checkQuestion({ run, gate }: Pick<Decision, 'run' | 'gate'>, asked: Asking): void {
  const id = questionId(asked);
  if ((run === undefined || run === asked.run) && (gate === undefined || gate === id || gate === asked.paused.gate)) return;
  throw new DeployError('ND-NOT-PAUSED', {
    what: 'what the answer is meant for no longer waits', why: `${asked.run} asks now, as ${id}: ${asked.paused.gate}`,
    next: 'look at status, which has the question and its figures, and answer that',
  });
}
